/**
 * Values of another kind, which JavaScript passes where types would not: whatever takes them refuses them by a sentence that
 * says what was expected, never in words of the runtime's.
 */
import { assertEquals, assertRejects } from "@std/assert";
import * as exemplar from "../mod.ts";
import { assertSentence } from "./lib/sentence.ts";

// deno-lint-ignore no-explicit-any -- types refuse what is passed here.
type Loose = any;

/** All of `mod.ts`, as JavaScript has it. */
const js: Loose = exemplar;
const TOY = new URL("../fixtures/gemma-2-toy", import.meta.url).pathname;
const TEXTS = ["The king and the queen", "a dog sat"];
const IDS = [Int32Array.of(2, 5)];
const DIM = 4;

function rows(count: number): Loose {
  return { data: Float32Array.from({ length: count * DIM }, (_, i) => Math.sin(i * i + 1)), rows: count, dim: DIM };
}

async function* stream(): Loose {
  yield { batches: new Map([[3, rows(9)]]), [Symbol.dispose]() {} };
}

const drained = (items: Loose) => Array.fromAsync(items);

/** What is passed, a value of each kind. */
const VALUES = {
  null: null,
  number: 3.5,
  text: "no",
  boolean: true,
  object: {},
  list: ["no"],
  map: new Map(),
  function: () => 3,
  promise: Promise.resolve(3),
  controller: new AbortController(),
};

/** What calls are made with beside the value: those that it takes are real. */
interface World {
  readonly backend: Loose;
  readonly model: Loose;
  readonly dictionary: Loose;
  readonly calibration: Loose;
}

type Call = (value: Loose, world: World) => unknown;

/** Calls by what the value stands for; `taken` are the kinds of which it may be. */
const CALLS: Record<string, { taken?: readonly (keyof typeof VALUES)[]; calls: readonly Call[] }> = {
  "a path": {
    taken: ["text"],
    calls: [
      (path) => js.Dictionary.load(path),
      (path) => js.loadCalibration(path),
      (path, { calibration }) => js.saveCalibration(path, calibration),
      (path, { dictionary }) => dictionary.save(path),
      (path, { dictionary }) => dictionary.export(path),
      (path) => js.loadModel(path),
      (path) => js.readSae(path),
      (path) => js.localPath(path),
      (path) => drained(js.readVectors(path)),
      (path) => drained(js.readActivations(path)),
      (path) => js.writeActivations(path, stream(), {}),
      (path) => drained(js.cacheActivations(stream(), path, {})),
    ],
  },
  "a text": {
    taken: ["text"],
    calls: [
      (text, { model }) => model.encode(text),
      (name) => js.parseHookName(name),
      (name) => js.Dictionary.fromHub(name),
      (at, { model }) => model.withHook(at),
      (at, { model }) => model.capture(IDS, [3], at),
      (hook) => js.loadModel(TOY, { hook }),
      (corpus) => js.describeStream({ model: "toy", layer: 3, corpus }),
      (repo) => js.hubFile({ repo, path: "config.json" }),
    ],
  },
  "a backend": {
    calls: [
      (backend) => js.openBackend(backend),
      (backend) => js.calibrate([rows(9)], { backend }),
      (backend, { calibration }) => js.Dictionary.create(calibration.at(10), { backend }),
      (backend, { model }) => drained(js.extract(model, TEXTS, { layers: [3], backend })),
      (backend) => js.Batch.of(rows(2), backend),
      (backend) => js.Batch.of(rows(2)).on(backend, () => 3),
    ],
  },
  "a model": {
    calls: [
      (model) => drained(js.extract(model, TEXTS, { layers: [3] })),
      (model, { dictionary }) => js.describeRegions(dictionary, model),
      (model, { dictionary }) => js.Monitor.create({ model, dictionary }),
    ],
  },
  "a dictionary": {
    calls: [
      (other, { dictionary }) => js.match(dictionary, other),
      (other, { dictionary }) => js.match(other, dictionary),
      (dictionary) => js.measure(dictionary),
      (dictionary) => js.coverage(dictionary, [rows(3)]),
      (dictionary) => js.coverages([{ layer: 3, dictionary }], stream()),
      (dictionary) => js.reanchorAll([{ layer: 3, dictionary }], stream()),
      (dictionary, { model }) => js.describeRegions(dictionary, model),
      (dictionary, { model }) => js.Monitor.create({ model, dictionary }),
    ],
  },
  "a calibration": {
    calls: [
      (calibration) => new js.Calibration(calibration),
      (calibration, { backend }) => js.Dictionary.create(calibration, { backend }),
      (calibration, { backend }) => js.discover([rows(9)], calibration, { backend }),
      (calibration, { backend }) => js.discover([rows(9)], new Map([[3, calibration]]), { backend }),
      (calibration) => js.saveCalibration("none/none.arrow", calibration),
    ],
  },
  "a stream": {
    // A Map is a list of pairs, and this one is empty.
    taken: ["map"],
    calls: [
      (batches, { backend }) => js.calibrate(batches, { backend }),
      (batches, { backend }) => js.calibrateLayers(batches, [3], { backend }),
      (batches, { backend, calibration }) => js.discover(batches, calibration, { backend }),
      (batches) => drained(js.atLayer(batches, 3)),
      (batches, { dictionary }) => js.coverage(dictionary, batches),
      (batches, { dictionary }) => js.coverages([{ layer: 3, dictionary }], batches),
      (batches, { dictionary }) => dictionary.reanchor(batches),
      (batches, { dictionary }) => js.reanchorAll([{ layer: 3, dictionary }], batches),
    ],
  },
  "texts": {
    taken: ["list", "map"],
    calls: [
      (texts, { model }) => drained(js.extract(model, texts, { layers: [3] })),
      (texts) => drained(js.readCorpus(texts)),
      (texts) => drained(js.shuffled(texts, 3)),
      (texts) => drained(js.shuffleBuffer(texts, 3, 3)),
    ],
  },
  "a batch": {
    calls: [
      (batch, { dictionary }) => dictionary.add(batch),
      (batch, { dictionary }) => dictionary.assign(batch),
      (batch, { dictionary }) => dictionary.similarities(batch),
      (batch, { dictionary }) => dictionary.readout(batch, { kind: "signed" }),
      (batch) => js.Batch.of(batch),
      (batch) => js.batchAt(batch, 3),
    ],
  },
  "a matrix": {
    calls: [
      (matrix, { dictionary }) => dictionary.ingest(matrix),
      (matrix, { dictionary }) => dictionary.nearest(matrix),
      (matrix) => js.Batch.onBackend(matrix),
    ],
  },
  "a hook point": { calls: [(point) => js.hookName(point), (point) => js.normalHookPoint(point)] },
  "prompts": {
    calls: [
      (prompts, { model }) => model.generate(prompts),
      (prompts, { model }) => model.capture(prompts, [3]),
      (prompts, { model }) => model.logits(prompts),
    ],
  },
  "token ids": {
    calls: [
      (tokens, { model }) => model.decode(tokens),
      (tokens, { model }) => model.generate([tokens]),
      (tokens, { model }) => model.capture([tokens], [3]),
      (tokens, { model }) => drained(js.extract(model, [{ tokens }], { layers: [3] })),
    ],
  },
  "messages": {
    calls: [
      (messages, { model }) => model.encodeChat(messages),
      (content, { model }) => model.encodeChat([{ role: "user", content: [content] }]),
    ],
  },
  "layers": {
    calls: [
      (layers, { model }) => model.capture(IDS, layers),
      (layers, { model }) => drained(js.extract(model, TEXTS, { layers })),
      (layers, { backend }) => js.calibrateLayers(stream(), layers, { backend }),
      (layers) => drained(js.readActivations("none", { layers })),
    ],
  },
  "interventions": {
    calls: [
      (interventions, { model }) => model.generate(IDS, { interventions }),
      (interventions, { model }) => model.logits(IDS, interventions),
      (ablate, { model }) => model.logits(IDS, [{ layer: 3, ablate }]),
      (directions, { model }) => model.logits(IDS, [{ layer: 3, ablate: { directions } }]),
      (direction, { model }) => model.logits(IDS, [{ layer: 3, steer: { direction, alpha: 1 } }]),
      (replace, { model }) => model.logits(IDS, [{ layer: 3, replace }]),
      (layer, { model }) => model.logits(IDS, [{ layer, steer: { direction: new Float32Array(model.dim), alpha: 1 } }]),
    ],
  },
  "a signal": {
    calls: [
      (signal, { model }) => model.withSignal(signal),
      (signal, { backend, calibration }) => js.discover([rows(9)], calibration, { backend, signal }),
      (signal) => js.loadModel(TOY, { signal }),
      (signal) => js.configureHub({ signal }),
    ],
  },
  "yes or no": {
    taken: ["boolean"],
    calls: [
      (readAll, { backend, calibration }) => js.discover([rows(9)], calibration, { backend, readAll }),
      (merge, { backend, calibration }) => js.discover([rows(9)], calibration, { backend, merge }),
      (resume, { calibration }) => js.discover([rows(9)], calibration, { checkpoint: { folder: "none", resume } }),
      (found, { dictionary }) => dictionary.add(rows(2), { found }),
      (replace, { dictionary }) => dictionary.add(rows(2), { replace }),
      (members) => js.Dictionary.load("none.arrow", { members }),
      (chat, { model }) => drained(js.extract(model, TEXTS, { layers: [3], chat })),
      (skipSpecial, { model }) => model.decode([5], { skipSpecial }),
      (offline) => js.configureHub({ offline }),
    ],
  },
  "a whole number": {
    calls: [
      (layer) => js.describeStream({ model: "toy", layer }),
      (members, { backend, calibration }) => js.Dictionary.create(calibration.at(10), { backend, members }),
      (seed, { backend, calibration }) => js.Dictionary.create(calibration.at(10), { backend, seed }),
      (k, { dictionary }) => dictionary.readout(rows(2), { kind: "topk", k }),
      (region, { dictionary }) => dictionary.nearestContexts(region),
      (context, { model }) => drained(js.extract(model, TEXTS, { layers: [3], context })),
      (excludePositions, { model }) => drained(js.extract(model, TEXTS, { layers: [3], excludePositions })),
      (maxNewTokens, { model }) => model.generate(IDS, { maxNewTokens }),
      (count, { model }) => model.lens(new Float32Array(model.streamDim), count),
      (k, { model }) => model.lens(new Float32Array(model.streamDim), 1, k),
      (size) => drained(js.shuffleBuffer(TEXTS, size, 0)),
      (seed) => drained(js.shuffled(TEXTS, seed)),
    ],
  },
  "a number": {
    taken: ["number"],
    calls: [
      (activations, { backend }) => js.calibrate([rows(9)], { backend, activations }),
      (maxTokens, { backend, calibration }) => js.discover([rows(9)], calibration, { backend, maxTokens }),
      (threshold, { dictionary }) => dictionary.merge(threshold),
      (threshold, { backend }) => js.Dictionary.create({ center: new Float32Array(2), threshold }, { backend }),
      (threshold, { model, dictionary }) => js.Monitor.create({ model, dictionary, threshold }),
      (percentile, { calibration }) => calibration.at(percentile),
    ],
  },
  "numbers": {
    calls: [
      (percentiles, { backend }) => js.calibrate([rows(9)], { backend, percentiles }),
      (center, { backend }) => js.Dictionary.create({ center, threshold: 0.3 }, { backend }),
      (regions, { dictionary }) => dictionary.exemplarMatrix(regions),
      (regions, { dictionary, model }) => js.describeRegions(dictionary, model, { regions }),
      (features, { dictionary }) => dictionary.decode(features),
      (chosen) => js.Batch.of(rows(2)).select(chosen),
      (directions, { model }) => model.lens(directions, 1),
      (excludeTokens, { model }) => drained(js.extract(model, TEXTS, { layers: [3], excludeTokens })),
      (scores) => js.auroc(scores, [1]),
      (scores) => js.auroc([1], scores),
      (side) => js.spearman(side, [1]),
    ],
  },
  "a function": {
    taken: ["function"],
    calls: [
      (onProgress, { backend, calibration }) => js.discover([rows(9)], calibration, { backend, onProgress }),
      (onProgress, { model }) => drained(js.extract(model, TEXTS, { layers: [3], onProgress })),
      (onBatch, { backend }) => js.calibrateLayers(stream(), [3], { backend, onBatch }),
      (use, { backend }) => js.Batch.of(rows(2)).on(backend, use),
      (include) => js.hubFiles({ repo: "owner/name", include }),
    ],
  },
  "options": {
    taken: ["object"],
    calls: [
      (options) => js.calibrate([rows(9)], options),
      (options) => js.calibrateLayers(stream(), [3], options),
      (options, { calibration }) => js.discover([rows(9)], calibration, options),
      (options, { calibration }) => js.Dictionary.create(calibration.at(10), options),
      (options, { dictionary }) => dictionary.add(rows(2), options),
      (options, { dictionary }) => dictionary.readout(rows(2), options),
      (options, { model }) => drained(js.extract(model, TEXTS, options)),
      (options) => js.describeStream(options),
      (options) => js.Monitor.create(options),
      (options, { model }) => model.generate(IDS, options),
    ],
  },
};

/** Fails unless an action is refused by a sentence of ours. */
async function refused(where: string, action: () => unknown, ...parts: string[]): Promise<void> {
  try {
    // `async`: what is thrown at once is a refusal too.
    const error = await assertRejects(async () => await action(), Error);
    assertSentence(error, ...parts);
    if (RUNTIME.test(error.message)) throw new Error(error.message);
  } catch (cause) {
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** What the runtime says where something cannot be done with a value. */
const RUNTIME =
  /is not a|not iterable|Cannot (read prop|convert|destructure|access)|must be of type|BigInt|integer, got/;

/** Runs a body with what is real; the dictionary must be at its end what it was. */
async function inWorld(body: (world: World) => Promise<void>): Promise<void> {
  const backend = await exemplar.openBackend("cpu");
  await using model = await exemplar.loadModel(TOY, { device: "cpu" });
  const calibration = await exemplar.calibrate([rows(30)], { backend });
  using dictionary = await exemplar.Dictionary.create(calibration.at(10), { backend });
  await dictionary.add(rows(20));
  const state = () => `${dictionary.activations} ${dictionary.sums}`;
  const before = state();
  await body({ backend, model, dictionary, calibration });
  assertEquals(state(), before);
}

for (const [place, { taken = [], calls }] of Object.entries(CALLS)) {
  Deno.test(`what is none in the place of ${place} is refused by a sentence`, () =>
    inWorld(async (world) => {
      for (const [kind, value] of Object.entries(VALUES)) {
        if (taken.includes(kind as keyof typeof VALUES)) continue;
        for (const call of calls) await refused(`${call} of ${kind}`, () => call(value, world));
      }
    }));
}

/** Values of the kind that is taken, of which nothing can come, each with a part of the sentence. */
const NOTHING: readonly [part: string, call: (world: World) => unknown][] = [
  ["ids from 0 to", ({ model }) => model.decode([999_999])],
  ["ids from 0 to", ({ model }) => model.decode([-1])],
  ["found 1.5", ({ model }) => model.decode([1.5])],
  ["prompt 0 holds 5.5", ({ model }) => model.capture([[2, 5.5]], [3])],
  ['prompt 1 is "a": encode it', ({ model }) => model.generate([IDS[0], "a"])],
  ["prompt 0 holds undefined", ({ model }) => model.logits([[undefined]])],
  ["NaN or an infinity", ({ model }) => model.lens(new Float32Array(model.streamDim).fill(NaN), 1)],
  ["k of topk or topk_norm", ({ dictionary }) => dictionary.readout(rows(2), { kind: "signed", k: 3 })],
  ["rows of 0 to 1", () => js.Batch.of(rows(2)).select(Int32Array.of(2))],
  ["found none", ({ backend }) => js.calibrateLayers(stream(), [], { backend })],
  ["found 1.5", () => js.describeStream({ model: "toy", layer: 1.5 })],
  ["more than 1", () => js.describeStream({ model: "toy", layer: 3, maxNorm: NaN })],
  [
    "between checkpoints",
    ({ calibration }) => js.discover([rows(9)], calibration, { checkpoint: { folder: "none", every: NaN } }),
  ],
  ['did you mean "threshold"?', () => js.Dictionary.create({ center: new Float32Array(2), treshold: 0.1 })],
  [
    'did you mean "percentile"?',
    ({ calibration }) => js.Dictionary.create({ ...calibration.at(10), percentile: undefined, percentil: 3 }),
  ],
  ["a whole calibration, of 10", ({ calibration }) => js.Dictionary.create(calibration)],
  ["one percentile of it", ({ calibration }) => js.discover([rows(9)], calibration.at(10))],
  ["a Promise: await it", () => js.measure(Promise.resolve(3))],
  ["excludeTokens", ({ model }) => drained(js.extract(model, TEXTS, { layers: [3], excludeTokens: "specials" }))],
  ["a Float64Array", ({ backend }) => backend.upload(new Float64Array(2), 1, 2)],
  ["found 2.5", ({ backend }) => backend.create(2.5)],
];

Deno.test("what is of the kind that is taken and means nothing is refused by a sentence", () =>
  inWorld(async (world) => {
    for (const [part, call] of NOTHING) await refused(`${call}`, () => call(world), part);
  }));
