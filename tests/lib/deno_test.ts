import { assertEquals } from "@std/assert";
import { denoArguments } from "./deno.ts";

const TESTS = new URL("../", import.meta.url);

/** Files that start Deno otherwise: from a URL, without packages, and from a folder without a configuration. */
const OTHERS = ["experiments/embedded_test.ts", "files/atomic_test.ts", "import_test.ts"];

function* sources(folder: URL): Generator<[path: string, text: string]> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const url = new URL(name, folder);
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield [url.href.slice(TESTS.href.length), Deno.readTextFileSync(url)];
  }
}

Deno.test("processes of tests have the packages of the lock file, and tell of no download", () => {
  const own = [...sources(TESTS)].filter(([path, text]) =>
    !/^lib\/deno(_test)?\.ts$/.test(path) && /Deno\.execPath\(\)(?!, \.\.\.denoArguments)|--no-lock/.test(text)
  );
  assertEquals(own.map(([path]) => path).sort(), OTHERS);
  assertEquals(own.filter(([, text]) => text.includes("--no-lock")).map(([path]) => path), []);

  assertEquals(denoArguments("run", ["a.ts"]).slice(-2), ["--frozen", "a.ts"]);
});

Deno.test("the commands of README refuse a lock file that is out of date", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", TESTS)));
  for (const command of [tasks.test.command, tasks.check.command]) {
    assertEquals(/ --frozen\b/.test(command), true, command);
  }
});
