/** Models of the hub, here of a server on this machine. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type { DownloadPlan } from "../../mod.ts";
import { describeStream } from "../../src/activations/mod.ts";
import { loadModel, type LoadOptions } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { checksumOf, COMMIT, type HubServer, hubServer, type ServedFiles, textFile } from "../lib/hub_server.ts";
import { assertSentence } from "../lib/sentence.ts";
import { servedModel } from "../lib/served_model.ts";
import { withVariables } from "../lib/variables.ts";
import { qwen3 } from "./make/qwen3.ts";
import { assertSameBits, ORT_TEST } from "./toy.ts";

const REPO = "onnx-community/Qwen3-tiny-ONNX";
const LATER = "89abcdef0123456789abcdef0123456789abcdef";
const PROMPT = [Int32Array.of(2, 7, 11)];
const GOLDEN = new URL("../golden/checkpoints/", import.meta.url).pathname;
const golden = JSON.parse(await Deno.readTextFile(`${GOLDEN}llama-two-shards/expected.json`));

/** A folder of the golden checkpoints as a repository. */
async function servedFolder(name: string): Promise<ServedFiles> {
  const files: Record<string, ServedFiles[string]> = {};
  for await (const { name: path } of Deno.readDir(`${GOLDEN}${name}`)) {
    files[path] = { bytes: await Deno.readFile(`${GOLDEN}${name}/${path}`), isLarge: path.endsWith(".safetensors") };
  }
  return files;
}

const made = qwen3();
const FILES: ServedFiles = {
  ...await servedModel(made),
  // Not asked for: another storage type.
  "onnx/model_q4.onnx": { bytes: new Uint8Array(9), isLarge: true },
};
const NEEDED = Object.keys(FILES).filter((path) => !/q4|README|gitattributes/.test(path)).sort();

/** The hub that a test talks to, the caches that it has, and the model as the options load it. */
interface Place {
  readonly hub: HubServer;
  /** Our cache, and Python's. */
  readonly own: string;
  readonly python: string;
  logits(id?: string, options?: LoadOptions): Promise<Float32Array>;
  refusal(id: string, options?: LoadOptions): Promise<Error>;
}

function hubTest(
  name: string,
  body: (place: Place) => Promise<void>,
  files: ServedFiles = FILES,
  options: Parameters<typeof hubServer>[2] = {},
): void {
  const fn = () =>
    inFolder(async (folder) => {
      await using hub = hubServer(REPO, files, options);
      const [own, python] = [`${folder}/own`, `${folder}/huggingface/hub`];
      const load = (id: string, options: LoadOptions = {}) => loadModel(id, { device: "cpu", ...options });
      const logits = async (id = REPO, options: LoadOptions = {}) => {
        const model = await load(id, options);
        const { data } = await model.logits(PROMPT);
        await model.dispose();
        return data;
      };
      const refusal = (id: string, options?: LoadOptions) => assertRejects(() => load(id, options)) as Promise<Error>;
      const variables = {
        HF_ENDPOINT: hub.endpoint,
        EXEMPLAR_CACHE: own,
        HF_HOME: `${folder}/huggingface`,
        HF_HUB_OFFLINE: "",
      };
      await withVariables(variables, () => body({ hub, own, python, logits, refusal }));
    });
  Deno.test({ name, ...ORT_TEST, fn });
}

/** Right logits, in one list. */
const RIGHT = made.expected.forward(PROMPT[0]).logits.flat();

function assertRight(logits: Float32Array): void {
  for (const [i, right] of RIGHT.entries()) {
    assert(Math.abs(logits[i] - right) < 1e-4, `${i}: ${logits[i]}, not ${right}`);
  }
}

hubTest(
  "a model of the hub with weights in two files is fetched once, with what it needs and no more",
  async (place) => {
    const { hub, own, logits } = place;
    const seen = new Map<string, [number, number]>();
    const plans: DownloadPlan[] = [];
    const first = await logits(REPO, {
      onDownload: (file, loaded, total) => void seen.set(file, [loaded, total]),
      onPlan: (plan) => plans.push(plan),
    });
    assertRight(first);
    assertEquals([...seen.keys()].sort(), NEEDED);
    for (const path of NEEDED) assertEquals(seen.get(path), Array(2).fill(FILES[path].bytes.length), path);
    const bytes = NEEDED.reduce((sum, path) => sum + FILES[path].bytes.length, 0);
    assertEquals(plans.map(({ files, ...plan }) => ({ ...plan, files: files.length })), [{
      repo: REPO,
      revision: "main",
      commit: COMMIT,
      bytes,
      folder: `${own}/models--onnx-community--Qwen3-tiny-ONNX`,
      files: NEEDED.length,
    }]);
    // Every large file is asked of its own host.
    assertEquals(hub.stored.length, 3);

    const asked = hub.asked.length;
    assertSameBits(await logits(), first);
    assertSameBits(await logits(REPO, { offline: true, revision: COMMIT }), first);
    assertEquals(hub.asked.length, asked, "a second start asks nobody");
  },
);

hubTest("weights by other names than the custom are fetched too", async ({ logits, hub }) => {
  await logits();
  assertEquals(hub.downloads.filter(({ path }) => path.includes("weights")).length, 0);
  assert(hub.asked.some(({ path }) => path.endsWith("/elsewhere.bin")), "the graph names it");
}, await withOtherNames());

async function withOtherNames(): Promise<ServedFiles> {
  const { weightsApart } = await import("./toy.ts");
  const { graph, weights: [weights] } = weightsApart(made.bytes, "elsewhere.bin");
  const { "onnx/model.onnx_data": _, "onnx/model.onnx_data_1": __, ...rest } = FILES;
  return {
    ...rest,
    "onnx/model.onnx": { bytes: graph, isLarge: true },
    "onnx/elsewhere.bin": { bytes: await weights.bytes(), isLarge: true },
  };
}

hubTest(
  "a revision is pinned, by option or behind the name, and is known to the model and its streams",
  async (place) => {
    const { hub, logits, refusal } = place;
    for (const [id, options] of [[`${REPO}@v1`, {}], [REPO, { revision: "v1" }]] as const) {
      await using model = await loadModel(id, { device: "cpu", ...options });
      assertEquals([model.id, model.revision, model.commit], [REPO, "v1", LATER]);
      const source = describeStream({ model, layer: 1, corpus: "x" });
      assertEquals([source.model, source.revision, source.commit], [REPO, "v1", LATER]);
    }
    const main = await loadModel(REPO, { device: "cpu" });
    assertEquals([main.revision, main.commit], ["main", COMMIT]);
    await main.dispose();
    // The same bytes under another commit are links only.
    assertEquals(hub.stored.length, 3);
    await logits(`${REPO}@${LATER}`);
    assertSentence(await refusal(`${REPO}@v1`, { revision: "v2" }), "one revision", "v2");
    assertSentence(await refusal(`${REPO}@v3`), 'no revision "v3"', "v1");
    assertSentence(await refusal("fixtures/gemma-2-toy", { revision: "main" }), "is a folder");
  },
  FILES,
  { commits: { [LATER]: FILES }, refs: { v1: LATER } },
);

hubTest("a download that was cut in a file of weights goes on in the next start", async ({ hub, logits, refusal }) => {
  hub.endAfter = 0;
  assertSentence(await refusal(REPO), "it ended after 0", "Try again");
  hub.endAfter = undefined;
  hub.downloads.length = 0;
  assertRight(await logits());
  assert(hub.downloads.length <= NEEDED.length);
});

hubTest(
  "files are chosen by subfolder and name; a name in full tells its storage type",
  async ({ logits, refusal }) => {
    assertRight(await logits(REPO, { subfolder: "cpu-int4" }));
    assertRight(await logits(REPO, { modelFile: "decoder" }));
    assertRight(await logits(REPO, { modelFile: "onnx/decoder.onnx" }));
    const model = await loadModel(REPO, { device: "cpu", modelFile: "decoder_q4f16.onnx" });
    assertEquals(model.dtype, "q4f16");
    await model.dispose();
    const error = await refusal(REPO, { dtype: "fp16" });
    assertSentence(
      error,
      "no onnx/model_fp16.onnx",
      "onnx/decoder_q4f16.onnx (dtype q4f16)",
      "onnx/decoder.onnx",
      "--model-file",
    );
  },
  {
    ...await servedModel(made, "onnx/decoder.onnx"),
    ...await servedModel(made, "onnx/decoder_q4f16.onnx"),
    ...await servedModel(made, "cpu-int4/model.onnx"),
  },
);

hubTest("a hub that has no such model, dtype or graph is said in one sentence", async ({ refusal }) => {
  assertSentence(await refusal("no-one/no-such-model"), "no model no-one/no-such-model", "Nor is there a folder");
  assertSentence(await refusal("onnx-community/Qwen3-0.6B"), "Exports that are there: onnx-community/Qwen3-0.6B-ONNX");
  assertSentence(await refusal("Qwen3-0.6B"), "model folder", "onnx-community/Qwen3-0.6B-ONNX");
  assertSentence(
    await refusal(REPO, { dtype: "fp16" }),
    "no onnx/model_fp16.onnx",
    "onnx/model.onnx (dtype fp32)",
    "(dtype q4)",
  );
  assertSentence(await refusal(REPO, { dtype: "q4" }), "to hold an ONNX model", "fetch or copy it again");
});

hubTest("a repository without a graph says what it has, and what to take instead", async ({ hub, refusal }) => {
  const error = await refusal(REPO);
  assertSentence(
    error,
    "nor any other",
    "model-Q4.gguf, model-Q8.gguf; 5 kB",
    "as README says",
  );
  assertStringIncludes(error.message, "(other/Qwen3-tiny-ONNX)");
  assertEquals(hub.downloads, []);
}, {
  "config.json": textFile(made.config),
  "tokenizer.json": textFile({}),
  "tokenizer_config.json": textFile({}),
  "model-Q4.gguf": { bytes: new Uint8Array(2000), isLarge: true },
  "model-Q8.gguf": { bytes: new Uint8Array(3000), isLarge: true },
}, { others: ["other/Qwen3-tiny-ONNX", "other/else"] });

hubTest("a checkpoint in two parts is fetched with its index, and run without a graph", async ({ hub }) => {
  const [expected] = golden.prompts;
  await using other = hubServer("owner/finetune", await servedFolder("llama-two-shards"));
  const options: LoadOptions = { endpoint: other.endpoint, device: "cpu" };
  const model = await loadModel("owner/finetune@main", options);
  const { data, width, vocab } = await model.logits([Int32Array.from(expected.ids)]);
  const last = data.subarray((width - 1) * vocab);
  for (const [i, right] of expected.logits.entries()) assert(Math.abs(last[i] - right) < 1e-3);
  assertStringIncludes(model.notes[0], "from its checkpoint");
  await model.dispose();
  const asked = other.asked.length;
  await (await loadModel("owner/finetune", { ...options, offline: true })).dispose();
  assertEquals(other.asked.length, asked);
  assertEquals(hub.asked, []);
});

hubTest(
  "of a checkpoint and a graph in one repository the checkpoint is run, unless told",
  async ({ hub, refusal }) => {
    const model = await loadModel(REPO, { device: "cpu" });
    assertStringIncludes(model.notes[0], "not from the ONNX export beside them: --weights onnx takes that");
    await model.dispose();
    assert(hub.asked.every(({ path }) => !path.endsWith("model.onnx")), "the graph is not fetched");
    assertSentence(await refusal(REPO, { weights: "onnx" }), "to hold an ONNX model");
  },
  { ...await servedFolder("llama-two-shards"), "onnx/model.onnx": { bytes: new Uint8Array(9), isLarge: true } },
);

const CHECKPOINT: ServedFiles[string] = {
  bytes: await Deno.readFile(`${GOLDEN}llama/model.safetensors`),
  isLarge: true,
};
/** Which of a checkpoint and a graph were downloaded, in that order; large files go by their checksums. */
const largeOf = ({ downloads }: HubServer) =>
  downloads.flatMap(({ path }) =>
    path === `/${checksumOf(CHECKPOINT)}`
      ? ["checkpoint"]
      : path === `/${checksumOf(FILES["onnx/model.onnx"])}`
      ? ["graph"]
      : []
  );

hubTest(
  "where config.json tells that a checkpoint cannot be built, the export is run with a note, and the weights stay there",
  async ({ hub, logits, refusal }) => {
    const told: string[] = [];
    assertRight(await logits(REPO, { onNote: (note) => told.push(note) }));
    assertEquals(told.length, 1);
    assertStringIncludes(
      told[0],
      "from its ONNX export, as the checkpoint beside it is refused: Expected a qwen3 model",
    );
    assertMatch(told[0], /"something_new": 7, which may change what is computed$/);
    assertEquals(largeOf(hub), ["graph"]);
    assertSentence(await refusal(REPO, { weights: "safetensors" }), "something_new");
    assertEquals(largeOf(hub), ["graph"]);
  },
  { ...FILES, "config.json": textFile({ ...made.config, something_new: 7 }), "model.safetensors": CHECKPOINT },
);

hubTest(
  "where its tensors tell that a checkpoint cannot be built, the export is fetched and run with a note",
  async ({ hub, logits, refusal }) => {
    assertSentence(await refusal(REPO, { weights: "safetensors" }), "--weights onnx runs the one that is there");
    assertEquals(largeOf(hub), ["checkpoint"]);
    assertSentence(
      await refusal(REPO, { offline: true }),
      "to be of shape",
      "nor is its ONNX export there",
      "--offline",
    );
    const told: string[] = [];
    for (const offline of [false, true]) {
      assertRight(await logits(REPO, { offline, onNote: (note) => told.push(note) }));
    }
    assertEquals(largeOf(hub), ["checkpoint", "graph"]);
    assertEquals(told, [told[0], told[0]]);
    assertStringIncludes(told[0], "from its ONNX export, as the checkpoint beside it is refused: Expected the tensor");
  },
  { ...FILES, "model.safetensors": CHECKPOINT },
);

hubTest(
  "a gated model is refused before anything is announced, with the page to open",
  async ({ hub, refusal, logits }) => {
    const plans: DownloadPlan[] = [];
    const error = await refusal(REPO, { onPlan: (plan) => plans.push(plan) });
    assertSentence(error, "gated", `${hub.endpoint}/${REPO}`, "HF_TOKEN", "--token-for");
    assertEquals(plans, []);
    assertRight(await logits(REPO, { token: "hf_secret", tokenFor: ["127.0.0.1"] }));
  },
  FILES,
  { gate: "hf_secret" },
);

hubTest(
  "a hub that lists nothing gives a model, file by file",
  async ({ logits }) => {
    assertRight(await logits());
  },
  FILES,
  { hasApi: false },
);

hubTest("a hub that cannot be reached is said in one sentence, with what is cached", async ({ refusal }) => {
  await withVariables({ HF_ENDPOINT: "http://127.0.0.1:1" }, async () => {
    assertSentence(await refusal(REPO), "127.0.0.1:1 cannot be reached", `no ${REPO} at main in`);
  });
  assertSentence(await refusal(REPO, { offline: true }), "--offline", "go online once");
});

/** Ways in which Python's package lays out a cache. */
const LAYOUTS: Record<string, (repo: string, paths: readonly string[]) => Promise<void>> = {
  async "links to blobs"(repo, paths) {
    for (const path of paths) {
      await write(`${repo}/blobs/${checksumOf(FILES[path])}`, FILES[path].bytes);
      await link(repo, path, checksumOf(FILES[path]));
    }
  },
  async "links to links to blobs that repositories share"(repo, paths) {
    for (const path of paths) {
      const [checksum, other] = [
        checksumOf(FILES[path]),
        checksumOf({ bytes: FILES[path].bytes.slice(1), isLarge: true }),
      ];
      await write(`${repo}/../blobs/${other.slice(0, 2)}/${other}`, FILES[path].bytes);
      await Deno.mkdir(`${repo}/blobs`, { recursive: true });
      await Deno.symlink(`../../blobs/${other.slice(0, 2)}/${other}`, `${repo}/blobs/${checksum}`);
      await link(repo, path, checksum);
    }
  },
  async "files without links, as on Windows"(repo, paths) {
    for (const path of paths) await write(`${repo}/snapshots/${COMMIT}/${path}`, FILES[path].bytes);
  },
};

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(path.replace(/[^/]+$/, ""), { recursive: true });
  await Deno.writeFile(path, bytes);
}

async function link(repo: string, path: string, checksum: string): Promise<void> {
  const pointer = `${repo}/snapshots/${COMMIT}/${path}`;
  await Deno.mkdir(pointer.replace(/[^/]+$/, ""), { recursive: true });
  await Deno.symlink(`${"../".repeat(path.split("/").length + 1)}blobs/${checksum}`, pointer);
}

for (const [layout, make] of Object.entries(LAYOUTS)) {
  hubTest(
    `what Python has cached is read without a request, and nothing is written there: ${layout}`,
    async (place) => {
      const { hub, python, own, logits } = place;
      const repo = `${python}/models--onnx-community--Qwen3-tiny-ONNX`;
      await make(repo, NEEDED);
      await write(`${repo}/refs/main`, new TextEncoder().encode(COMMIT));
      const before = await contentOf(python);
      for (let i = 0; i < 2; i++) assertRight(await logits());
      assertRight(await logits(REPO, { revision: COMMIT }));
      assertEquals([hub.asked, hub.stored], [[], []]);
      assertEquals(await contentOf(python), before);
      if (layout.startsWith("files")) return;

      // What is not there comes into our own cache; what is, is not fetched again.
      await Deno.remove(`${repo}/snapshots/${COMMIT}/onnx/model.onnx_data_1`);
      await Deno.remove(`${repo}/blobs/${checksumOf(FILES["onnx/model.onnx_data_1"])}`);
      const partial = await contentOf(python);
      assertRight(await logits());
      assertEquals(hub.downloads.length, 1);
      assertEquals(await contentOf(python), partial);
      hub.downloads.length = 0;
      assertRight(await logits(REPO, { offline: true }));
      assertEquals(await Deno.readTextFile(`${own}/models--onnx-community--Qwen3-tiny-ONNX/refs/main`), COMMIT);

      // Damaged there: ours comes instead.
      await Deno.writeFile(await Deno.realPath(`${repo}/blobs/${checksumOf(FILES["config.json"])}`), new Uint8Array(3));
      assertRight(await logits());
      assertEquals(hub.downloads.length, 1);
    },
  );
}

hubTest("what a cache does not tell is asked of the hub, or said", async ({ hub, python, refusal }) => {
  const repo = `${python}/models--onnx-community--Qwen3-tiny-ONNX`;
  const some = NEEDED.filter((path) => !path.includes("generation_config"));
  await LAYOUTS["links to blobs"](repo, some);
  await write(`${repo}/refs/main`, new TextEncoder().encode(COMMIT));
  const notesOf = async () => {
    const model = await loadModel(REPO, { device: "cpu" });
    await model.dispose();
    return model.notes;
  };
  assertStringIncludes((await notesOf())[0], "no generation_config.json of this model");
  assertStringIncludes((await notesOf())[1], "chat_template.jinja");
  assertEquals(hub.asked, []);
  for (const path of ["generation_config.json", "chat_template.jinja"]) {
    await write(`${repo}/.no_exist/${COMMIT}/${path}`, new Uint8Array());
  }
  assertEquals(await notesOf(), [], "Python asked, and there was none");
  // Another storage type is at the same commit, if the hub still has it.
  assertSentence(await refusal(REPO, { dtype: "q4" }), "to hold an ONNX model");
  assertEquals(hub.downloads.map(({ path }) => path.includes("generation_config")).filter(Boolean).length, 1);
});

/** Every file and link of a folder, with what it holds and when it was changed. */
async function contentOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await contentOf(path));
    else found.push(`${path} ${isSymlink ? await Deno.readLink(path) : (await Deno.stat(path)).mtime?.getTime()}`);
  }
  return found.sort();
}
