/** Many dictionaries from one pass: each is what it would be alone, stops when it should, and outlives what goes wrong. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamBatch } from "../../src/activations/stream.ts";
import type { Backend } from "../../src/compute/backend.ts";
import { openBackend } from "../../src/compute/open.ts";
import { calibrateLayers, type Calibration } from "../../src/partition/calibration.ts";
import { Dictionary } from "../../src/partition/dictionary.ts";
import { discover, type DiscoverOptions, type Discovery } from "../../src/partition/discover.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { at, bytes, corpus, DIM, publicValues, rowsOf, streamOf } from "./streams.ts";

const LAYERS = [3, 5];
const PERCENTILES = [2, 20];
const CORPUS = corpus(160, LAYERS);
const BATCH = 20;
const NEVER = Infinity;

const calibrations = await calibrateLayers(toStream(streamOf(CORPUS, 40)), LAYERS, {
  percentiles: PERCENTILES,
  backend: await openBackend("cpu"),
});

/** Calibration of the plane whose threshold lies between the given angles. */
function plane(angle: number): Calibration {
  const thresholds = [1 - Math.cos(angle * Math.PI / 180)];
  return { center: new Float32Array(2), percentiles: [10], thresholds, activations: 1 };
}

async function* toStream<T>(batches: Iterable<T>): AsyncGenerator<T> {
  yield* batches;
}

/** What a discovery grew, as plain values. */
function valuesOf({ growths }: Discovery) {
  return growths.map(({ dictionary, ...rest }) => ({ ...rest, ...publicValues(dictionary) }));
}

async function filesOf({ growths }: Discovery, folder: string): Promise<Uint8Array[]> {
  return await Promise.all(growths.map(async ({ dictionary, layer, percentile }) => {
    const path = `${folder}/saved-${layer}-${percentile}.arrow`;
    await dictionary.save(path);
    return await Deno.readFile(path);
  }));
}

backendTest("several layers and percentiles in one pass are what each is alone", async (backend) => {
  const together = await discover(streamOf(CORPUS, 40), calibrations, { backend, saturationWindow: NEVER, seed: 5 });
  assertEquals(together.growths.map(({ layer, percentile }) => [layer, percentile]), [[3, 2], [3, 20], [5, 2], [
    5,
    20,
  ]]);
  for (const { layer, percentile, dictionary } of together.growths) {
    const { center, thresholds } = calibrations.get(layer)!;
    const threshold = thresholds[PERCENTILES.indexOf(percentile)];
    const alone = await Dictionary.create({ center, threshold, percentile }, { backend, seed: 5 });
    for (const { batches } of streamOf(CORPUS, 40)) await alone.add(batches.get(layer)!);
    assertEquals(publicValues(dictionary), publicValues(alone));
    assert(dictionary.size > 1);
    for (const used of [alone, dictionary]) used.dispose();
  }
});

backendTest("exemplars are the same bytes however the stream is cut into batches", async (backend) => {
  const [few, many] = [160, 23];
  const grown = [];
  for (const batchPrompts of [few, many]) {
    const stream = toStream(streamOf(CORPUS, batchPrompts));
    grown.push(await discover(stream, calibrations, { backend, saturationWindow: NEVER }));
  }
  const [a, b] = grown.map(({ growths }) => growths.map(({ dictionary }) => dictionary));
  for (const i of a.keys()) {
    assertEquals(bytes(b[i].exemplars), bytes(a[i].exemplars));
    assertEquals(b[i].founders, a[i].founders);
  }
  assertEquals(grown.map(({ batches }) => batches), [1, Math.ceil(160 / many)]);
  assertEquals(grown[0].activations, grown[1].activations);
});

Deno.test("a batch is disposed once, also those that are skipped, and counted", async () => {
  let disposed = 0;
  const stream = streamOf(CORPUS, BATCH, { onDispose: () => disposed++ });
  const found = await discover(stream, calibrations, { backend: "cpu", saturationWindow: NEVER });
  assertEquals([disposed, found.batches, found.prompts], [8, 8, 160]);
  assertEquals(found.tokens, CORPUS.prompts.reduce((sum, { tokens }) => sum + tokens.length, 0));
  assertEquals(found.activations, found.tokens - 160);
  for (const growth of found.growths) {
    assertEquals(growth.snapshots.length, 8);
    assertEquals(growth.snapshots.reduce((sum, { founded }) => sum + founded, 0), growth.dictionary.size);
    assertEquals(growth.snapshots.at(-1), {
      ...{ activations: found.activations, tokens: found.tokens, regions: growth.dictionary.size },
      founded: growth.snapshots.at(-1)!.founded,
    });
  }
});

/** Plain batches: a region at each angle, `"new"` batches found one, `"old"` ones do not, `"none"` are empty. */
function angles(pattern: readonly ("new" | "old" | "none")[]) {
  let next = 0;
  return pattern.map((kind) =>
    kind === "none" ? { data: new Float32Array(0), rows: 0, dim: 2 } : rowsOf(at(
      kind === "new" ? 30 * next++ : 0,
    ))
  );
}

for (
  const [window, pattern, taken] of [
    [1, ["new", "old", "new", "old", "old", "new"], 5],
    [0, ["new", "old", "new"], 2],
    [2, ["new", "old", "old", "new", "old", "old", "old", "new"], 7],
    [1, ["new", "old", "none", "none", "new", "old", "none", "old", "new"], 8],
    [1, ["new", "new", "old"], 3],
  ] as const
) {
  Deno.test(`saturation window ${window} after ${pattern.join(", ")} stops after ${taken} batches`, async () => {
    const { batches, growths: [growth] } = await discover(angles(pattern), plane(10), {
      backend: "cpu",
      saturationWindow: window,
    });
    assertEquals(batches, taken);
    const stopped = taken < pattern.length;
    assertEquals([growth.saturated, growth.emptyBatches > window, growth.layer], [stopped, stopped, 0]);
    assertEquals(growth.dictionary.size, pattern.slice(0, taken).filter((kind) => kind === "new").length);
  });
}

Deno.test("a dictionary that is saturated takes no more batches while others grow on", async () => {
  // Regions of 40 degrees: everything falls in the first; of 10 degrees: every batch founds one.
  const batches = [0, 20, 30, 0, 20].map((angle) => rowsOf(at(angle)));
  const both = { ...plane(10), percentiles: [10, 40], thresholds: [plane(10).thresholds[0], plane(40).thresholds[0]] };
  const { growths: [fine, coarse], batches: read } = await discover(batches, both, { backend: "cpu" });
  assertEquals(read, 5);
  assertEquals([fine.batches, fine.dictionary.size, fine.dictionary.activations, fine.saturated], [5, 3, 5, true]);
  assertEquals([coarse.batches, coarse.dictionary.size, coarse.dictionary.activations], [3, 1, 3]);
  assertEquals([coarse.saturated, coarse.snapshots.length, coarse.activations], [true, 3, 3]);
});

Deno.test("the pass ends with the batch that reaches the budget of tokens, and reads no further", async () => {
  let asked = 0;
  const stream = async function* () {
    for (const batch of streamOf(CORPUS, BATCH)) {
      asked++;
      yield batch;
    }
  };
  const tokens = streamOf(CORPUS, BATCH).map((batch) => batch.tokens);
  const budget = tokens[0] + tokens[1];
  for (const [maxTokens, expected] of [[budget, 2], [budget + 1, 3], [1, 1]]) {
    asked = 0;
    const found = await discover(stream(), calibrations, { backend: "cpu", saturationWindow: NEVER, maxTokens });
    assertEquals([found.batches, asked], [expected, expected]);
    assertEquals(found.growths.some(({ saturated }) => saturated), false);
  }
});

Deno.test("plain batches are of the layer that the calibration names", async () => {
  const hook = { layer: 7, at: "resid_post" } as const;
  const source = { model: "m", hook, extractor: "per-position", context: 8, batchPrompts: 2, chat: false, corpus: "c" };
  const calibration = { ...plane(10), source: source as Calibration["source"] };
  const { growths: [growth] } = await discover([rowsOf(at(0))], calibration, { backend: "cpu" });
  assertEquals([growth.layer, growth.dictionary.source], [7, calibration.source]);
});

Deno.test("a calibration made for another reading is refused before the stream is read", async () => {
  const hook = { layer: 3, at: "resid_post" } as const;
  const source = {
    model: "m",
    hook,
    extractor: "per-position",
    context: 8,
    batchPrompts: 2,
    chat: false,
    corpus: "c",
  } as const;
  const made = new Map([[3, { ...calibrations.get(3)!, source }]]);
  const never = () => assert(false, "the stream must not be opened") as never;
  const refuse = async (other: object, ...parts: string[]) => {
    const sources = new Map([[3, { ...source, ...other }]]);
    assertSentence(await assertRejects(() => discover(never, made, { backend: "cpu", sources })), ...parts);
  };
  await refuse({ hook: { ...hook, layer: 5 } }, "hook", "layer 3", "layer 5", "calibrate on this stream");
  await refuse({ extractor: "final-position" }, "extractor", "per-position", "final-position");
  await refuse({ context: 9 }, "context", "8", "9");
  const found = await discover(toStream(streamOf(CORPUS, BATCH)), made, {
    backend: "cpu",
    sources: new Map([[3, { ...source, model: "m-it", corpus: "d" }]]),
  });
  assertEquals([found.growths[0].dictionary.source?.model, found.growths[0].dictionary.source?.corpus], ["m-it", "d"]);
  const missing = new Map([[4, calibrations.get(3)!]]);
  const error = await assertRejects(() => discover(streamOf(CORPUS, BATCH), missing, { backend: "cpu" }));
  assertSentence(error, "layers 3, 5", "found 4");
});

Deno.test("a stream without activations, and options that make no sense, are refused", async () => {
  const refuse = async (stream: Parameters<typeof discover>[0], options: DiscoverOptions, ...parts: string[]) =>
    assertSentence(await assertRejects(() => discover(stream, plane(10), { backend: "cpu", ...options })), ...parts);
  await refuse([], {}, "the stream was empty", "check the corpus");
  await refuse(angles(["none", "none"]), {}, "the stream was empty");
  await refuse(angles(["new"]), { saturationWindow: -1 }, "saturation window", "-1");
  await refuse(angles(["new"]), { maxTokens: 0 }, "at least 1 token", "found 0");
  const none = { ...plane(10), percentiles: [], thresholds: [] };
  assertSentence(await assertRejects(() => discover([], none, { backend: "cpu" })), "a percentile");
  const zero = { ...plane(0), thresholds: [0] };
  assertSentence(
    await assertRejects(() => discover([], zero, { backend: "cpu" })),
    "percentile 10",
    "take a larger one",
  );
});

/** A run with a checkpoint after every second batch. */
function run(backend: Backend, stream: Parameters<typeof discover>[0], folder: string, more: DiscoverOptions = {}) {
  const checkpoint = { folder: `${folder}/checkpoints`, every: 2, resume: true };
  return discover(stream, calibrations, { backend, seed: 9, saturationWindow: 2, checkpoint, ...more });
}

backendTest(
  "a row that is not finite is named; what came before is kept and goes on to the same bytes",
  (backend) =>
    inFolder(async (folder) => {
      const whole = await run(backend, streamOf(CORPUS, BATCH), `${folder}/whole`);
      assert(whole.batches > 4 && whole.growths.some(({ saturated }) => saturated), `${whole.batches} batches`);

      const broken = streamOf(CORPUS, BATCH);
      const bad = broken[3].batches.get(5)!;
      bad.data![7 * DIM + 2] = NaN;
      const { prompts, prompt, position } = bad.provenance!;
      const error = await assertRejects(() => run(backend, broken, folder));
      assertSentence(error, `prompt "${prompts[prompt[7]].id}"`, `position ${position[7]} (`, "layer 5", "dtype");

      let opened = 0;
      const rest = await run(backend, (skipPrompts) => {
        opened = skipPrompts;
        return toStream(streamOf(CORPUS, BATCH, { skipPrompts }));
      }, folder);
      assertEquals(opened, 3 * BATCH);
      assertEquals(valuesOf(rest), valuesOf(whole));
      assertEquals(await filesOf(rest, folder), await filesOf(whole, `${folder}/whole`));
      assertEquals(
        [rest.batches, rest.prompts, rest.tokens, rest.activations],
        [whole.batches, whole.prompts, whole.tokens, whole.activations],
      );
    }),
);

Deno.test("an aborted run keeps the batches before, and can be gone on with more than once", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const whole = await run(backend, streamOf(CORPUS, BATCH), `${folder}/whole`);
    for (const stopAfter of [1, 3, 4]) {
      const controller = new AbortController();
      let disposed = 0;
      const stream = streamOf(CORPUS, BATCH, { onDispose: () => disposed++ });
      const onProgress = ({ batches }: { batches: number }) => {
        if (batches === stopAfter) controller.abort(new Error("enough"));
      };
      const options = { signal: controller.signal, onProgress };
      await assertRejects(() => run(backend, stream, folder, options), Error, "enough");
      assertEquals(disposed, stopAfter + 1, "the batch that came after is given back too");
      assertEquals(Array.from(Deno.readDirSync(`${folder}/checkpoints`), ({ name }) => name), [`0000000${stopAfter}`]);
    }
    // An iterable is passed over batch by batch.
    const rest = await run(backend, streamOf(CORPUS, BATCH), folder);
    assertEquals(valuesOf(rest), valuesOf(whole));
    assertEquals(await filesOf(rest, folder), await filesOf(whole, `${folder}/whole`));

    // And a run that is over does not open its stream again.
    const never = () => assert(false, "the stream must not be opened") as never;
    const again = await run(backend, never, folder, { maxTokens: whole.tokens });
    assertEquals(valuesOf(again), valuesOf(whole));
  }));

Deno.test("plain batches without prompts are counted when a run goes on, however the stream is opened", () =>
  inFolder(async (folder) => {
    const pattern = ["new", "new", "old", "new", "old", "old"] as const;
    const checkpoint = { folder, every: 1, resume: true };
    const options = { backend: "cpu", checkpoint } as const;
    const broken = angles(pattern);
    broken[3] = rowsOf([NaN, 0]);
    await assertRejects(() => discover(broken, plane(10), options), Error, "NaN");
    const skipped: number[] = [];
    const { growths: [growth] } = await discover(
      (skipPrompts) => {
        skipped.push(skipPrompts);
        return angles(pattern);
      },
      plane(10),
      options,
    );
    assertEquals([growth.dictionary.activations, growth.dictionary.size, growth.saturated], [6, 3, true]);
    assertEquals(skipped, [0]);
  }));

Deno.test("a checkpoint of another run, or a damaged one, is refused with a sentence", () =>
  inFolder(async (folder) => {
    const options: DiscoverOptions = { backend: "cpu", seed: 1, saturationWindow: NEVER };
    const checkpoint = { folder: `${folder}/c`, resume: true };
    const resume = (more: DiscoverOptions, some: ReadonlyMap<number, Calibration> = calibrations) =>
      discover(streamOf(CORPUS, BATCH), some, { ...options, ...more, checkpoint });
    await resume({});
    const refuse = async (again: () => Promise<unknown>, ...parts: string[]) =>
      assertSentence(await assertRejects(again), `${folder}/c`, ...parts);

    const flags = ["this run has", "the checkpoint", "resume with the flags it was started with"];
    await refuse(() => resume({ seed: 2 }), '"seed":2', '"seed":1', ...flags);
    await refuse(() => resume({ merge: true }), '"merge":true', '"merge":false', ...flags);
    await refuse(() => resume({ saturationWindow: 1 }), '"saturationWindow":1', ...flags);
    const [three, five] = LAYERS.map((layer) => calibrations.get(layer)!);
    const other = (calibration: Calibration) => new Map([[3, calibration], [5, five]]);
    await refuse(
      () => resume({}, other({ ...three, percentiles: [3, 20] })),
      '"percentile":3',
      '"percentile":2',
      ...flags,
    );
    await refuse(() => resume({}, other({ ...three, thresholds: [0.5, 0.6] })), '"threshold":0.5', ...flags);
    await refuse(() => resume({}, new Map([[3, three]])), "2 dictionaries", "the checkpoint 4");
    await refuse(() => resume({}, new Map([[3, three], [5, five], [6, five]])), "this run has", '"layer":6');

    const [{ name }] = Deno.readDirSync(`${folder}/c`);
    const state = `${folder}/c/${name}/state.json`;
    const text = await Deno.readTextFile(state);
    for (const damage of [text.slice(0, 100), "{}", "null", ""]) {
      await Deno.writeTextFile(state, damage);
      await refuse(() => resume({}), "state.json", "remove it to start anew");
    }
    await Deno.writeTextFile(state, text);
    const file = `${folder}/c/${name}/L5-p20.arrow`;
    await Deno.truncate(file, 5000);
    await refuse(() => resume({}), "L5-p20.arrow", "cut off or damaged");
    await Deno.remove(file);
    await refuse(() => resume({}), "L5-p20.arrow", "no such file");
  }));

Deno.test("without resume a run starts anew in a folder that has checkpoints, and leaves one", () =>
  inFolder(async (folder) => {
    const first = (await discover(streamOf(CORPUS, BATCH), calibrations, {
      ...{ backend: "cpu", seed: 1, saturationWindow: NEVER, checkpoint: { folder, every: 3 } },
    })).batches;
    await Deno.mkdir(`${folder}/.00000004.tmp`);
    await Deno.writeTextFile(`${folder}/.00000004.tmp/L3-p2.arrow`, "half written");
    await Deno.writeTextFile(`${folder}/notes.txt`, "not ours");
    const short = streamOf(CORPUS, BATCH).slice(0, 2);
    await discover(short, calibrations, { backend: "cpu", seed: 2, checkpoint: { folder } });
    assertEquals([first, Array.from(Deno.readDirSync(folder), ({ name }) => name).sort()], [8, [
      "00000002",
      "notes.txt",
    ]]);
  }));

Deno.test("progress is told after every batch, and merging may be asked for", async () => {
  const states: number[][] = [];
  const stream: StreamBatch[] = streamOf(CORPUS, 40);
  const { growths } = await discover(stream, calibrations, {
    ...{ backend: "cpu", saturationWindow: NEVER, merge: true },
    onProgress: ({ batches, prompts, regions }) => void states.push([batches, prompts, regions]),
  });
  assertEquals(states.map(([batches, prompts]) => [batches, prompts]), [[1, 40], [2, 80], [3, 120], [4, 160]]);
  assertEquals(states.at(-1)![2], growths.reduce((sum, { dictionary }) => sum + dictionary.size, 0));
});
