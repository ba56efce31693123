/** Experiments on models of the hub, as processes of their own: README's commands, on a hub of this machine. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { configureHub } from "../../mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { loadModelOf } from "../../src/run/mod.ts";
import { denoCommand, type Output, textOf } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { COMMIT, type HubServer, hubServer, type ServedFiles, textFile } from "../lib/hub_server.ts";
import { servedModel } from "../lib/served_model.ts";
import { qwen3 } from "../model/make/qwen3.ts";
import { ORT_TEST } from "../model/toy.ts";

const REPO = "onnx-community/Qwen3-0.6B-ONNX";
/** As many blocks as the larger of the models that README names has. */
const BLOCKS = 30;
const FILES: ServedFiles = {
  ...await servedModel(qwen3(BLOCKS)),
  ...await servedModel(qwen3(BLOCKS, true), "onnx/model_fp16.onnx"),
};
/** A model of the same kind that is read in a moment, for what has nothing to do with its size. */
const FEW_BLOCKS: ServedFiles = await servedModel(qwen3(2));
const SMALL = ["--layers", "1", "--percentiles", "10", "--calibration", "200", "--batch", "8", "--max-tokens", "1000"];

/** The permission for a hub on this machine: its own host, and the one that it redirects to. */
const ALLOWED = "--allow-net=127.0.0.1,localhost";

/** `deno task run` with what stands before the script, in a user's environment that has nothing cached. */
function run(
  hub: HubServer,
  folder: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return denoCommand("task", ["run", ...args], options(hub, folder, env)).spawn();
}

function options(hub: HubServer, folder: string, env: Record<string, string> = {}): Deno.CommandOptions {
  const own = { HF_ENDPOINT: hub.endpoint, HF_HOME: `${folder}/hf`, EXEMPLAR_CACHE: `${folder}/cache`, HF_TOKEN: "" };
  return { stdout: "piped", stderr: "piped", env: { ...own, ...env } };
}

async function ended(child: Deno.ChildProcess): Promise<Output> {
  return textOf(await child.output());
}

/** The commands of README's section on the hub, as lists of words. */
async function commandsOfReadme(): Promise<string[][]> {
  const text = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const section = /^## A model of the hub.*?\n(.+?)^###? /ms.exec(text)![1];
  return [...section.matchAll(/^deno task run (.+?[^\\])$/gms)].map(([, command]) =>
    command.split(/[\s\\]+/).filter(Boolean)
  );
}

Deno.test({
  name: "README's commands for models of the hub do what they say, with a mirror's variable and permission",
  ...ORT_TEST,
  async fn() {
    const commands = await commandsOfReadme();
    assert(commands.length >= 2, "README has commands");
    for (const command of commands) {
      await inFolder(async (folder) => {
        const repo = command[command.indexOf("--model") + 1].replace(/@.*/, "");
        await using hub = hubServer(repo, FILES, { refs: { "v1.0": COMMIT } });
        // One percentile is enough to see what was read.
        const args = [ALLOWED, ...command, "--percentiles", "20", "--out", `${folder}/out`];
        const first = await ended(run(hub, folder, args));
        assertEquals(first.code, 0, first.stderr);
        assertStringIncludes(first.stderr, `Downloading ${repo} (`);
        assertMatch(first.stderr, /: [\d.]+ kB to .*cache\/models--/);
        const record = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`));
        assertEquals(record.hub.map(({ repo, commit }: { repo: string; commit: string }) => [repo, commit]), [[
          repo,
          COMMIT,
        ]]);
        const [file] = record.outputs.filter((file: string) => file.startsWith("dictionaries/"));
        const { source } = await Dictionary.load(`${folder}/out/${file}`, { backend: "cpu" });
        assertEquals([source?.model, source?.commit], [repo, COMMIT]);
        assertStringIncludes(await Deno.readTextFile(`${folder}/out/report.html`), `commit ${COMMIT}`);

        // One command shows what a second start does.
        if (command !== commands[0]) return;
        const asked = hub.asked.length;
        const second = await ended(run(hub, folder, args.slice(1)));
        assertEquals([second.code, hub.asked.length], [0, asked], second.stderr);
        assertStringIncludes(second.stderr, "of the cache; --refresh asks");
      });
    }
  },
});

Deno.test({
  name: "a run that is killed while it downloads goes on where it was",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const bytes = crypto.getRandomValues(new Uint8Array(2 ** 16));
      const ballast = Array.from({ length: 40 }, () => bytes);
      const large = { bytes: new Uint8Array(await new Blob(ballast).arrayBuffer()), isLarge: true };
      await using hub = hubServer(REPO, { ...FILES, "big.jsonl": large });
      hub.slow = 30;
      const args = [ALLOWED, "experiments/build.ts", "--corpus", `hf://${REPO}/big.jsonl`, "--out", `${folder}/out`];
      // Not by a task, which is a process of its own above it.
      const child = denoCommand("run", ["--allow-all", ...args.slice(1)], options(hub, folder)).spawn();
      const part = `${folder}/cache/models--${REPO.replace("/", "--")}/blobs`;
      while (await sizeIn(part) < 300_000) await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill("SIGKILL");
      await Promise.all([child.status, child.stdout.cancel(), child.stderr.cancel()]);
      const kept = await sizeIn(part);
      hub.slow = 0;
      hub.downloads.length = 0;
      const { stderr } = await ended(run(hub, folder, args));
      assertEquals(hub.downloads[0].range, `bytes=${kept}-`);
      // Its bytes are no corpus; that they came whole is told by the next sentence.
      assertStringIncludes(stderr, "is a file of no known kind");
    }),
});

async function sizeIn(folder: string): Promise<number> {
  let size = 0;
  try {
    for await (const { name } of Deno.readDir(folder)) size += (await Deno.stat(`${folder}/${name}`)).size;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return size;
}

Deno.test({
  name: "a mirror that may not be asked, a gate, and a cache that is empty are one sentence each",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      await using hub = hubServer(REPO, FEW_BLOCKS, { gate: "hf_secret" });
      const { host, hostname } = new URL(hub.endpoint);
      const build = ["experiments/build.ts", "--model", REPO, ...SMALL, "--out", `${folder}/out`];
      const forbidden = await ended(run(hub, folder, build));
      assertEquals([forbidden.code, hub.asked.length], [1, 0]);
      assertStringIncludes(forbidden.stderr, `deno task run --allow-net=${host} experiments/`);

      const gated = await ended(run(hub, folder, [ALLOWED, ...build], { HF_TOKEN: "hf_secret" }));
      assertEquals(gated.code, 1);
      assertStringIncludes(gated.stderr, `--token-for ${host}`);

      const offline = await ended(run(hub, folder, [...build, "--offline"]));
      assertEquals(offline.code, 1);
      assertStringIncludes(offline.stderr, "the hub is not asked");

      const open = await ended(
        run(hub, folder, [ALLOWED, ...build, "--token-for", hostname], { HF_TOKEN: "hf_secret" }),
      );
      assertEquals(open.code, 0, open.stderr);
      assert(hub.stored.every(({ authorization }) => authorization === undefined));
      for (const { stderr } of [forbidden, gated, offline, open]) assert(!stderr.includes("hf_secret"), stderr);
      assert(!(await Deno.readTextFile(`${folder}/out/run.json`)).includes("hf_secret"));
    }),
});

Deno.test({
  name: "a corpus of the hub is fetched before the run begins, and recorded",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const corpus = Array.from({ length: 40 }, (_, i) =>
        JSON.stringify({ text: "the king and the queen ".repeat(1 + i % 5) }));
      await using hub = hubServer("owner/texts", { "data/train.jsonl": textFile(corpus.join("\n")) });
      const name = "hf://datasets/owner/texts@main/data/train.jsonl";
      const args = ["experiments/build.ts", "--corpus", name, ...SMALL, "--out", `${folder}/out`];
      const first = await ended(run(hub, folder, [ALLOWED, ...args]));
      assertEquals(first.code, 0, first.stderr);
      const { hub: used, flags } = JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`));
      assertEquals(used, [{ repo: "owner/texts", type: "dataset", revision: "main", commit: COMMIT }]);
      assertEquals(flags.corpus, name);
      assertEquals((await ended(run(hub, folder, args))).code, 0, "the second time nobody is asked");
    }),
});

Deno.test({
  name: "--revision is the first model's alone, also where both are of one repository",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (folder) => {
      const later = "89abcdef0123456789abcdef0123456789abcdef";
      await using hub = hubServer(REPO, FEW_BLOCKS, { commits: { [later]: FEW_BLOCKS }, refs: { v2: later } });
      const restore = configureHub({ endpoint: hub.endpoint, cacheDir: folder });
      try {
        const run = {
          flags: { model: REPO, revision: "v2", dtype: "fp32", hook: "resid_post", bos: "always" },
          manifest: { time: (_name: string, step: () => unknown) => step() },
          note() {},
          stop: new AbortController().signal,
        } as unknown as Parameters<typeof loadModelOf>[0];
        const backend = await openBackend("cpu");
        const models = [await loadModelOf(run, backend), await loadModelOf(run, backend, REPO)];
        assertEquals(models.map(({ revision, commit }) => [revision, commit]), [["v2", later], ["main", COMMIT]]);
        for (const model of models) await model.dispose();
      } finally {
        restore();
      }
    }),
});
