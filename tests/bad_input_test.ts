/** What bad input gets: a sentence that names what was expected, what came, and what to do. One test a kind of input. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type ActivationBatch,
  atLayer,
  calibrate,
  CorpusError,
  describeStream,
  Dictionary,
  discover,
  extract,
  GpuError,
  type LanguageModel,
  loadCalibration,
  loadModel,
  ModelError,
  openBackend,
  readActivations,
  readCorpus,
  saveCalibration,
  writeActivations,
} from "../mod.ts";
import { deno } from "./lib/deno.ts";
import { inFolder } from "./lib/folder.ts";
import { onFullDisk } from "./lib/full_disk.ts";
import { assertSentence } from "./lib/sentence.ts";

const TOY = new URL("../fixtures/gemma-2-toy", import.meta.url).pathname;
const TEXTS = ["The king said", "One, two, three and", "It was late", "She sold seashells"];
const [LAYER, CONTEXT] = [2, 8];
const READING = { layers: [LAYER], context: CONTEXT };
const SOURCE = describeStream({ model: "gemma-2-toy", layer: LAYER, corpus: "texts", context: CONTEXT });

const backend = await openBackend("cpu");

async function withToy(body: (model: LanguageModel) => Promise<void>): Promise<void> {
  await using model = await loadModel(TOY, { device: "cpu" });
  await body(model);
}

async function toyBatch(model: LanguageModel): Promise<ActivationBatch> {
  const [batch] = await Array.fromAsync(extract(model, TEXTS, READING));
  return batch.batches.get(LAYER)!;
}

async function refused<E extends Error>(
  action: () => PromiseLike<unknown>,
  errorClass: abstract new (...args: never[]) => E,
  ...parts: string[]
): Promise<void> {
  assertSentence(await assertRejects(action, errorClass as never), ...parts);
}

/** A batch of random rows, the same each time. */
function plain(rows: number, dim: number): ActivationBatch {
  return { data: Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i * i + 1)), rows, dim };
}

for (const [bad, name] of [[NaN, "NaN"], [Infinity, "infinite"]] as const) {
  Deno.test(`${name} activations: prompt, position, token and layer are named, and what was before stays`, () =>
    withToy(async (model) => {
      const batch = await toyBatch(model);
      const { center, thresholds: [threshold] } = await calibrate([batch], { percentiles: [30], backend });
      const dictionary = await Dictionary.create({ center, threshold }, { backend });
      await dictionary.add(batch);
      const { size, activations } = dictionary;
      const { prompt, position, prompts } = batch.provenance!;
      const row = 5;
      batch.data[row * batch.dim + 7] = bad;
      const where = [
        `prompt "${prompts[prompt[row]].id}"`,
        `position ${position[row]} (${JSON.stringify(prompts[prompt[row]].excerpt(position[row]).token)})`,
        ...[`layer ${LAYER}`, "Expected finite activations", "check the model's dtype"],
      ];
      const calibration = { center, levels: [{ percentile: 30, threshold }], activations };
      for (
        const use of [
          () => calibrate([batch], { backend }),
          () => discover([batch], calibration, { backend }),
          () => dictionary.add(batch),
          () => dictionary.assign(batch),
          () => dictionary.readout(batch, { kind: "cosine" }),
        ]
      ) await refused(use, Error, ...where);
      assertEquals([dictionary.size, dictionary.activations], [size, activations]);
    }));
}

Deno.test("a hook that the graph does not have: the layers that it has are named", () =>
  withToy(async (model) => {
    const last = String(model.layers - 1);
    const tokens = [model.encode(TEXTS[0])];
    for (const layer of [model.layers, -1, 1.5]) {
      await refused(async () => await model.capture(tokens, [layer]), Error, String(layer), last);
      await refused(() => Array.fromAsync(extract(model, TEXTS, { layers: [layer] })), RangeError, String(layer), last);
      const interventions = [{ layer, steer: { direction: new Float32Array(model.dim).fill(1), alpha: 1 } }];
      await refused(async () => await model.logits(tokens, interventions), Error, String(layer), last);
      await refused(async () => await model.generate(tokens, { interventions }), Error, String(layer), last);
    }
    const stream = extract(model, TEXTS, READING);
    await refused(
      () => Array.fromAsync(atLayer(stream, 5)),
      RangeError,
      `layers ${LAYER}`,
      "found 5",
      "extract it too",
    );
  }));

Deno.test("truncated Arrow files: dictionary, calibration, activations", () =>
  inFolder((folder) =>
    withToy(async (model) => {
      const batch = await toyBatch(model);
      const calibration = await calibrate([batch], { percentiles: [30], backend });
      const dictionary = await Dictionary.create({ ...calibration, threshold: 0.5 }, { backend });
      await dictionary.add(batch);
      await dictionary.save(`${folder}/dictionary.arrow`);
      await saveCalibration(`${folder}/calibration.arrow`, calibration);
      await writeActivations(`${folder}/cache`, extract(model, TEXTS, READING), SOURCE);
      const shard = Array.from(Deno.readDirSync(`${folder}/cache`), ({ name }) => name)
        .find((name) => name.endsWith("activations.arrow"))!;
      const readers: [string, () => Promise<unknown>][] = [
        [`${folder}/dictionary.arrow`, () => Dictionary.load(`${folder}/dictionary.arrow`, { backend })],
        [`${folder}/calibration.arrow`, () => loadCalibration(`${folder}/calibration.arrow`)],
        [`${folder}/cache/${shard}`, () => Array.fromAsync(readActivations(`${folder}/cache`))],
      ];
      for (const [path, read] of readers) {
        await read();
        const whole = (await Deno.stat(path)).size;
        for (const length of [whole - 1, whole >> 1, 3, 0]) {
          await Deno.truncate(path, length);
          await refused(read, Error, path, "cut off or damaged", "Write or copy it again");
        }
      }
    })
  ));

Deno.test("a dictionary of another dimension", () =>
  inFolder(async (folder) => {
    const dictionary = await Dictionary.create({ center: new Float32Array(6), threshold: 0.5 }, { backend });
    await dictionary.add(plain(10, 6));
    await dictionary.save(`${folder}/d.arrow`);
    const loaded = await Dictionary.load(`${folder}/d.arrow`, { backend });
    for (const use of ["add", "assign", "similarities"] as const) {
      await refused(() => loaded[use](plain(3, 5)), RangeError, "length 6", "found 5");
    }
    const calibration = await calibrate([plain(20, 6)], { backend });
    await refused(() => discover([plain(3, 5)], calibration, { backend }), RangeError, "length 6", "found 5");
  }));

Deno.test("a calibration made for another hook, extractor or context", async () => {
  const calibration = await calibrate([plain(20, 6)], { backend, source: SOURCE });
  const { stride: _, ...reading } = SOURCE;
  const others = [
    [describeStream({ ...SOURCE, layer: 5, model: "m" }), "hook", `layer ${LAYER}`, "layer 5"],
    [
      describeStream({ ...reading, layer: LAYER, extractor: "final-position" }),
      "extractor",
      "per-position",
      "final-position",
    ],
    [describeStream({ ...reading, layer: LAYER, windows: "first" }), "way to read long texts", "the first window"],
    [describeStream({ ...reading, layer: LAYER, context: 9 }), "context length", String(CONTEXT), "9"],
  ] as const;
  for (const [source, ...parts] of others) {
    const sources = new Map([[LAYER, source]]);
    await refused(
      () => discover([plain(3, 6)], calibration, { backend, sources }),
      Error,
      ...parts,
      "calibrate on this",
    );
  }
});

Deno.test("an empty corpus", () =>
  inFolder((folder) =>
    withToy(async (model) => {
      for (const [name, text] of [["a.jsonl", ""], ["b.txt", "\n \n"], ["c.json", "[]"]]) {
        await Deno.writeTextFile(`${folder}/${name}`, text);
        await refused(
          () => Array.fromAsync(readCorpus(`${folder}/${name}`)),
          CorpusError,
          name,
          "empty",
          "name another",
        );
      }
      await refused(() => Array.fromAsync(readCorpus([])), CorpusError, "empty");
      await refused(() => Array.fromAsync(extract(model, [], READING)), CorpusError, "at least one prompt", "empty");
      await refused(() => calibrate([], { backend }), Error, "the stream was empty", "check the corpus");
      const calibration = await calibrate([plain(20, 6)], { backend });
      await refused(() => discover([], calibration, { backend }), Error, "the stream was empty", "check the corpus");
      // Prompts that are <bos> only have nothing to calibrate on either.
      const nothing = () => calibrate(atLayer(extract(model, ["", ""], READING), LAYER), { backend });
      await refused(nothing, Error, "the stream was empty");
    })
  ));

Deno.test("an unreadable model folder", () =>
  inFolder(async (folder) => {
    const load = () => loadModel(folder, { device: "cpu" });
    await refused(() => loadModel(`${folder}/none`, { device: "cpu" }), ModelError, `${folder}/none`, "there is none");
    await refused(load, ModelError, folder, "no config.json", "onnx/model.onnx");
    await Deno.mkdir(`${folder}/onnx`);
    for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(`${TOY}/${file}`, `${folder}/${file}`);
    }
    await refused(load, ModelError, folder, "no onnx/model.onnx");
    await Deno.writeFile(`${folder}/onnx/model.onnx`, (await Deno.readFile(`${TOY}/onnx/model.onnx`)).subarray(0, 1e6));
    await refused(load, ModelError, "model.onnx", "fetch or copy it again");
    await Deno.copyFile(`${TOY}/onnx/model.onnx`, `${folder}/onnx/model.onnx`);
    await Deno.writeTextFile(`${folder}/tokenizer.json`, '{"model": ');
    await refused(load, ModelError, folder, "check its config.json, tokenizer.json");
  }));

Deno.test("a full disk: dictionary, calibration, checkpoint; what was there before is unharmed", () =>
  inFolder(async (folder) => {
    const calibration = await calibrate([plain(20, 6)], { percentiles: [5], backend });
    const dictionary = await Dictionary.create({ ...calibration, threshold: 0.5 }, { backend });
    await dictionary.save(`${folder}/d.arrow`);
    await dictionary.add(plain(20, 6));
    const grow = (stop: number) =>
      discover([plain(5, 6), plain(30, 6), plain(60, 6)].slice(0, stop), calibration, {
        backend,
        checkpoint: { folder: `${folder}/checkpoints`, every: 1, resume: true },
      });
    await grow(1);
    await onFullDisk(async () => {
      const parts = ["the disk is full", "Make room or choose another folder"];
      await refused(() => dictionary.save(`${folder}/d.arrow`), Error, `${folder}/d.arrow`, ...parts);
      await refused(() => saveCalibration(`${folder}/c.arrow`, calibration), Error, `${folder}/c.arrow`, ...parts);
      await refused(() => grow(3), Error, `${folder}/checkpoints`, ...parts);
    });
    assertEquals((await Dictionary.load(`${folder}/d.arrow`, { backend })).size, 0, "as it was saved first");
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["checkpoints", "d.arrow"]);
    const { batches, activations } = await grow(3);
    assertEquals([batches, activations], [3, 95], "goes on from the checkpoint that was there");
  }));

Deno.test({
  name: "no GPU adapter when one is demanded, and none is needed by default",
  ignore: Deno.build.os === "windows",
  async fn() {
    const program = `
      import { loadModel, openBackend } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
      const errors = [];
      for (const open of [() => openBackend("webgpu"), () => loadModel(${JSON.stringify(TOY)}, { device: "webgpu" })]) {
        errors.push(await open().then(() => null, ({ name, message }) => ({ name, message })));
      }
      console.log(JSON.stringify({ errors, auto: (await openBackend("auto")).name }));`;
    // Deno looks for adapters of this interface only, which no other system has.
    const { stdout, stderr } = await deno("eval", [program], { env: { DENO_WEBGPU_BACKEND: "dx12" } });
    assert(stdout, stderr);
    const { errors, auto } = JSON.parse(stdout);
    for (const error of errors) {
      assert(error, "opened without an adapter");
      assertEquals(error.name, new GpuError().name);
      assertSentence(
        error,
        "Expected a WebGPU adapter",
        "this machine has none",
        "install a Vulkan",
        'the "cpu" backend',
      );
    }
    assertEquals([errors.length, auto], [2, "cpu"]);
  },
});
