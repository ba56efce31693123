/** Whatever reads a file refuses what stands in its place (a named pipe, a socket, a device, a folder), and waits for none. */
import { assert, assertRejects } from "@std/assert";
import { loadModel, readActivations, readCorpus, readSae, readVectors } from "../../mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { readArrow, readNpz, readSafetensors, readSealedJson } from "../../src/files/mod.ts";
import { readWhole } from "../../src/files/byte_file.ts";
import { openFile, openFileSync, readText } from "../../src/files/open.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { inFolder } from "../lib/folder.ts";

const TOY = new URL("../../fixtures/gemma-2-toy", import.meta.url).pathname;
const CHECKPOINT = new URL("../golden/checkpoints/llama", import.meta.url).pathname;

async function pipeAt(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

/** Fails unless reading is refused with a sentence that names the file. */
async function refuses(read: () => unknown, path: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waits = new Promise((_, reject) => timer = setTimeout(() => reject(new Error("It waits")), 10_000));
  const work = Promise.resolve().then(read);
  const error = await assertRejects(() => Promise.race([work, waits]), Error).finally(() => clearTimeout(timer));
  assert(error.message.includes(path) && /no file|is none|there is no/.test(error.message), error.message);
  assert(error.message.split("Cannot read ").length <= 2, `${error.message} says it twice`);
}

/** Reads what is at a path, as each kind of file. */
const READERS: Readonly<Record<string, (path: string) => unknown>> = {
  "a file": openFile,
  "a file at once": (path) => openFileSync(path),
  "a text": readText,
  "some bytes": (path) => readWhole(path),
  "a table.arrow": (path) => readArrow(path),
  "arrays.npz": (path) => readNpz(path, ["a"]),
  "tensors.safetensors": (path) => readSafetensors(path, ["a"]),
  "sealed.json": (path) => readSealedJson(path, { remedy: "write it again" }),
  "vectors.csv": (path) => readVectors(path).next(),
  "vectors.npy": (path) => readVectors(path).next(),
  "vectors.parquet": (path) => readVectors(path).next(),
  "dictionary.arrow": (path) => Dictionary.load(path, { backend: "cpu" }),
  "dictionary.pkl": (path) => Dictionary.load(path, { backend: "cpu" }),
  "sae.npz": (path) => readSae(path, { backend: "cpu" }),
  "sae.safetensors": (path) => readSae(path, { backend: "cpu" }),
  ...Object.fromEntries(
    ["jsonl", "txt", "csv", "parquet", "arrow", "json", "jsonl.gz", "txt.zst"].map((ending) => [
      `corpus.${ending}`,
      (path: string) => readCorpus(path)[Symbol.asyncIterator]().next(),
    ]),
  ),
  "anything": (path) => describeFile(path, 1),
};

for (const [name, read] of Object.entries(READERS)) {
  Deno.test({
    name: `a pipe, a socket or a device in the place of ${name} is refused, not waited for`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      inFolder(async (folder) => {
        const path = `${folder}/${name}`;
        await pipeAt(path);
        await refuses(() => read(path), path);
        await Deno.remove(path);
        await Deno.symlink("/dev/zero", path);
        await refuses(() => read(path), path);
        await Deno.remove(path);
        using _listener = Deno.listen({ transport: "unix", path });
        await refuses(() => read(path), path);
      }),
  });
}

/** The files of a folder beside it, but one, which is a pipe. */
async function folderWithPipe(folder: string, source: string, file: string): Promise<void> {
  for await (const { name } of Deno.readDir(source)) {
    if (name === "onnx") {
      await Deno.mkdir(`${folder}/onnx`);
      await Deno.symlink(`${source}/onnx/model.onnx`, `${folder}/onnx/model.onnx`);
    } else await Deno.symlink(`${source}/${name}`, `${folder}/${name}`);
  }
  await Deno.remove(`${folder}/${file}`).catch(() => {});
  await pipeAt(`${folder}/${file}`);
}

const MODEL_FILES: readonly (readonly [source: string, file: string])[] = [
  ...[
    ...["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json"],
    ...["chat_template.jinja", "onnx/model.onnx"],
  ].map((file) => [TOY, file] as const),
  ...["config.json", "model.safetensors"].map((file) => [CHECKPOINT, file] as const),
];

for (const [source, file] of MODEL_FILES) {
  Deno.test({
    name: `a pipe in the place of a model's ${file} is refused, not waited for`,
    sanitizeOps: false,
    sanitizeResources: false,
    ignore: Deno.build.os === "windows",
    fn: () =>
      inFolder(async (folder) => {
        await folderWithPipe(folder, source, file);
        await refuses(() => loadModel(folder, { device: "cpu" }), folder);
      }),
  });
}

Deno.test("a pipe in the place of a cache's index is refused, not waited for", () =>
  inFolder(async (folder) => {
    await pipeAt(`${folder}/index.json`);
    await assertRejects(() => readActivations(folder).next(), Error, folder);
  }));

Deno.test("a text that is longer than texts can be is refused before it is read", () =>
  inFolder(async (folder) => {
    const path = `${folder}/config.json`;
    await Deno.writeTextFile(path, "");
    await Deno.truncate(path, 2 ** 33);
    await assertRejects(() => readText(path), Error, "8589934592 bytes");
  }));

/** Who opens files otherwise: to write them, or of the packages that it ships with. */
const OTHERS = new Set([
  "src/files/open.ts",
  "src/files/byte_file.ts",
  "src/files/atomic.ts",
  "src/hub/download.ts",
  "src/activations/rows.ts",
  "src/run/folder/out_folder.ts",
  "src/report/fonts.ts",
  "src/report/png.ts",
]);

async function* sourcesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sourcesIn(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

Deno.test("files that are read are opened by the one door", async () => {
  for (const room of ["src", "experiments"]) {
    for await (const path of sourcesIn(room)) {
      const lines = (await Deno.readTextFile(path)).split("\n").filter((line) => !/^\s*(\*|\/\/)/.test(line));
      const opens = lines.some((line) => /\bDeno\.(open|openSync|read(Text)?File(Sync)?)\(/.test(line));
      assert(!opens || OTHERS.has(path), `${path} opens a file by itself`);
    }
  }
});
