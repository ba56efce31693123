/** Scripts that are started elsewhere, or through a URL: their defaults name what comes with the module. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { withEmbedded } from "../../src/run/command/embedded.ts";
import { textOf } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { serveRepository } from "../lib/repository_server.ts";

const ROOT = new URL("../../", import.meta.url);
const SMALL = ("--layers 3 --percentiles 10 --calibration 300 --max-tokens 600 --batch 8 --device cpu --out out")
  .split(" ");
const flags = {
  corpora: { type: "string", default: "fixtures/corpora/math.jsonl,fixtures/corpora/code.jsonl", help: "" },
  other: { type: "string", default: "own/file.txt", help: "" },
} as const;
const values = { corpora: flags.corpora.default, other: flags.other.default };

Deno.test("the list of embedded files is as they are", async () => {
  const list = JSON.parse(await Deno.readTextFile(new URL("fixtures/files.json", ROOT))) as Record<string, string>;
  const files: Record<string, string> = {};
  const read = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
      const path = `${folder}${name}`;
      if (["fixtures/train", "fixtures/README.md", "fixtures/files.json"].includes(path)) continue;
      if (isDirectory) await read(`${path}/`);
      else files[path] = createHash("sha256").update(await Deno.readFile(new URL(path, ROOT))).digest("hex");
    }
  };
  await read("fixtures/");
  assertEquals(list, Object.fromEntries(Object.entries(files).sort(([a], [b]) => a < b ? -1 : 1)));
});

Deno.test("defaults are the embedded files; what the user names is the user's", async () => {
  assertEquals(await withEmbedded(values, flags, () => false), values);
  const elsewhere = new URL("file:///opt/exemplar/");
  assertEquals(await withEmbedded(values, flags, () => true, { root: elsewhere }), values);
  const { corpora, other } = await withEmbedded(values, flags, () => false, { root: elsewhere });
  const folder = "/opt/exemplar/fixtures/corpora";
  assertEquals([corpora, other], [`${folder}/math.jsonl,${folder}/code.jsonl`, "own/file.txt"]);
});

Deno.test("an embedded file that is another one than the list says is refused", () =>
  inFolder(async (cache) => {
    const answers: Record<string, string> = {
      "/fixtures/files.json": '{"fixtures/a.txt":"00"}',
      "/fixtures/a.txt": "a",
    };
    await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      const answer = answers[new URL(request.url).pathname];
      return new Response(answer ?? "no", { status: answer === undefined ? 404 : 200 });
    });
    const root = new URL(`http://127.0.0.1:${server.addr.port}/`);
    const named = (path: string) =>
      withEmbedded({ path }, { path: { type: "string", default: path, help: "" } }, () => false, { cache, root });
    await assertRejects(() => named("fixtures/a.txt"), Error, "to be as fixtures/files.json says");
    const gone = new URL("nowhere/", root);
    const options = { cache, root: gone };
    const flag = { path: { type: "string", default: "fixtures/a.txt", help: "" } } as const;
    await assertRejects(
      () => withEmbedded({ path: "fixtures/a.txt" }, flag, () => false, options),
      Error,
      `Cannot fetch ${gone}fixtures/files.json, which a flag's default needs`,
    );
  }));

Deno.test("an experiment that is started elsewhere, or through a URL, reads the embedded model", () =>
  inFolder(async (folder) => {
    const asked = new Set<string>();
    await using server = serveRepository(asked);
    const url = `http://127.0.0.1:${server.addr.port}/`;
    // A copy, so that versions stay the same and nothing is added to ours.
    await Deno.copyFile(new URL("deno.lock", ROOT), `${folder}/deno.lock`);
    const thresholds: unknown[] = [];
    for (const root of [ROOT.href, url, url]) {
      const ours = ["--quiet", "--config", fileURLToPath(new URL("deno.json", ROOT)), `--lock=${folder}/deno.lock`];
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", ...ours, "--allow-all", `${root}experiments/build.ts`, ...SMALL],
        cwd: folder,
        env: { EXEMPLAR_CACHE: `${folder}/cache` },
      });
      const { code, stderr, stdout } = textOf(await command.output());
      assertEquals(code, 0, stderr);
      thresholds.push(/^ +3 +10 +(\d\S*)/m.exec(stdout)?.[1]);
      const { flags } = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`));
      assertMatch(flags.model, /^\/.*\/fixtures\/gemma-2-toy$/);
      if (root === url && asked.size > 0) {
        assertEquals([...asked].filter((path) => path.endsWith("model.onnx")), [
          "/fixtures/gemma-2-toy/onnx/model.onnx",
        ]);
      }
      asked.clear();
    }
    assertEquals(new Set(thresholds).size, 1);
    assertMatch(`${thresholds[0]}`, /^0\.\d+$/);
  }));
