/** A run as the system sees it: whom it asks and what it leaves, native code included, which Deno's permissions do not bind. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { deno, denoArguments, textOf } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const ROOT = new URL("../../", import.meta.url);
const PERMISSIONS = ["read", "write", "env", "sys", "ffi", "net"].map((permission) => `--allow-${permission}`);
const BUILD =
  "experiments/build.ts --device cpu --layers 3 --percentiles 10 --max-tokens 3000 --calibration 500 --quiet";

/** Whether system calls can be traced here: strace is there and may. */
function canTrace(): boolean {
  try {
    return new Deno.Command("strace", { args: ["-f", "true"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const skip = Deno.env.get("EXEMPLAR_REQUIRE_STRACE") !== "1" && !canTrace();
const reason = " (skipped: no strace here, or it may not trace; EXEMPLAR_REQUIRE_STRACE=1 demands it)";

Deno.test({
  name: `a build asks nobody and leaves nothing in the user's folder${skip ? reason : ""}`,
  ignore: skip,
  fn: () =>
    inFolder(async (folder) => {
      // Packages that are not there yet would be fetched in the traced run, as Deno says it does.
      assertEquals((await deno("cache", ["experiments/build.ts"])).code, 0);
      const { denoDir } = JSON.parse((await deno("info", ["--json"])).stdout);
      const home = `${folder}/home`;
      await Deno.mkdir(home);
      const trace = ["-f", "--seccomp-bpf", "-qq", "-e", "trace=network", "-o", `${folder}/trace`];
      const run = ["--cached-only", ...PERMISSIONS, ...BUILD.split(" "), "--out", `${folder}/out`];
      const ours = { HOME: home, DENO_DIR: denoDir, DENO_NO_UPDATE_CHECK: "1", XDG_CACHE_HOME: "", EXEMPLAR_CACHE: "" };
      const args = [...trace, Deno.execPath(), ...denoArguments("run", run)];
      const ended = textOf(await new Deno.Command("strace", { args, cwd: ROOT, env: ours }).output());
      assertEquals(ended.code, 0, ended.stderr);
      const calls = (await Deno.readTextFile(`${folder}/trace`)).split("\n");
      assertStringIncludes(calls.join(), "socket", "nothing was traced");
      // Addresses, and the socket of systemd's resolver. Others, as Wayland's and nscd's, do not leave the machine.
      assertEquals(calls.filter((call) => /AF_INET|systemd\.Resolve/.test(call)), []);
      assertEquals(filesBelow(home), []);
      assertStringIncludes(filesBelow(`${folder}/out`).join(), "report.html");
    }),
});

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

Deno.test("SECURITY.md tells of every permission and host that scripts are granted", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const text = await Deno.readTextFile(new URL("SECURITY.md", ROOT));
  const granted = [...tasks.run.command.matchAll(/(--allow-[a-z]+)(?:=(\S+))?/g)];
  assertEquals(granted.length, 6);
  const hosts = granted.flatMap(([, , hosts]) => hosts?.split(",") ?? []).map((host) => host.replace("*.", ""));
  for (const name of [...granted.map(([, permission]) => permission), ...hosts]) assertStringIncludes(text, name);
});

Deno.test("where onnxruntime's reports cannot be turned off it is not loaded", () =>
  inFolder(async (folder) => {
    for (const [file, load] of [["compute/ort.ts", "nativeRuntime"], ["model/runtime.ts", "loadTransformers"]]) {
      const url = new URL(`../../src/${file}`, import.meta.url);
      const program = `try { await (await import("${url}")).${load}(); } catch (error) { console.log(error.message); }`;
      await Deno.writeTextFile(`${folder}/program.ts`, program);
      const args = ["--no-prompt", "--allow-read", "--allow-ffi", `${folder}/program.ts`];
      const { stdout, stderr } = await deno("run", args);
      assertEquals(stderr, "");
      assertSentence(new Error(stdout.trim()), "--allow-env=ORT_DISABLE_TELEMETRY");
    }
  }));
