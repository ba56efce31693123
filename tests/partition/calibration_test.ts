/** Center and thresholds against float64 loops, and calibrations kept in files. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import type { ActivationBatch } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { arrowTable, numberColumn, writeArrow } from "../../src/files/mod.ts";
import {
  calibrate,
  calibrateLayers,
  Calibration,
  type CalibrationKey,
  loadCalibration,
  saveCalibration,
} from "../../src/partition/mod.ts";
import { cacheCalibration, cachedCalibration } from "../../src/partition/calibration_cache.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { clustered, corpus, rowsOf, streamOf } from "./streams.ts";

const DIM = 9;
const PERCENTILES = [0, 1, 10, 37.5, 50, 99.9, 100];

/** Batches of these many rows. */
function batchesOf(sizes: readonly number[], seed = 1): ActivationBatch[] {
  return sizes.map((rows, i) => ({ data: clustered(rows, DIM, seed + i), rows, dim: DIM }));
}

const rowsIn = ({ data, rows, dim }: ActivationBatch): number[][] =>
  Array.from({ length: rows }, (_, i) => [...data.subarray(i * dim, (i + 1) * dim)]);

/** `np.percentile(values, p)`, which interpolates linearly. */
function percentile(values: number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = p / 100 * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
  return low + (high - low) * (rank - Math.floor(rank));
}

/** The definitions, row by row. */
function oracle(batches: readonly ActivationBatch[], percentiles: readonly number[]) {
  const rows = batches.flatMap(rowsIn);
  const mean = (vectors: number[][]) =>
    Array.from({ length: DIM }, (_, j) => vectors.reduce((sum, x) => sum + x[j], 0) / vectors.length);
  const unit = (x: number[]) => x.map((value) => value / Math.hypot(...x));
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, j) => sum + value * b[j], 0);
  const direction = unit(mean(rows.map(unit)));
  const center = direction.map((value) => value * dot(mean(rows), direction));
  const others = batches.slice(0, -1);
  const least = others.reduce((sum, batch) => sum + batch.rows, 0) / others.length / 2;
  const measured = batches.filter((batch, i) => batch.rows >= 2 && (i < others.length || !(batch.rows < least)))
    .map((batch) => {
      const directions = rowsIn(batch).map((x) => unit(x.map((value, j) => value - center[j])));
      const distances = directions.flatMap((a, i) => directions.slice(0, i).map((b) => 1 - dot(a, b)));
      return percentiles.map((p) => percentile(distances, p));
    });
  return {
    center,
    thresholds: percentiles.map((_, i) => measured.reduce((sum, m) => sum + m[i], 0) / measured.length),
  };
}

function assertClose(found: Calibration, expected: ReturnType<typeof oracle>): void {
  const scale = Math.hypot(...expected.center);
  expected.center.forEach((value, j) => assertLess(Math.abs(found.center[j] - value), 1e-6 * scale));
  expected.thresholds.forEach((value, i) => assertAlmostEquals(found.thresholds[i], value, 3e-6));
}

backendTest(
  "center and thresholds are their definitions', of several percentiles at once or of each",
  async (backend) => {
    const batches = batchesOf([40, 2, 25, 3]);
    const found = await calibrate(batches, { percentiles: PERCENTILES, pairs: "batch", backend });
    assertClose(found, oracle(batches, PERCENTILES));
    assertEquals([found.activations, found.percentiles], [70, PERCENTILES]);
    for (const [i, p] of [[1, 1], [3, 37.5]]) {
      const single = await calibrate(batches, { percentiles: [p], pairs: "batch", backend });
      assertEquals(single.thresholds, [found.thresholds[i]]);
      assertEquals(single.center, found.center);
    }
  },
);

backendTest("a batch of fewer than two has no distances but counts for the center", async (backend) => {
  const batches = batchesOf([1, 20, 0, 1, 20, 1]);
  const found = await calibrate(batches, { percentiles: [10, 50], pairs: "batch", backend });
  assertClose(found, oracle(batches, [10, 50]));
  assertEquals(found.activations, 43);
});

backendTest(
  "within batches a threshold is a mean over them, so it depends on how the stream is cut",
  async (backend) => {
    const [whole] = batchesOf([30]);
    const cut = (from: number, to: number) => rowsOf(...rowsIn(whole).slice(from, to));
    const halves = [cut(0, 12), cut(12, 30)];
    const [one, two] = [await calibrate([whole], { backend }), await calibrate(halves, { pairs: "batch", backend })];
    assertEquals(one.percentiles, [10]);
    assertClose(one, oracle([whole], [10]));
    assertClose(two, oracle(halves, [10]));
    assert(Math.abs(one.thresholds[0] - two.thresholds[0]) > 1e-3);
  },
);

backendTest("the stream is read until enough was seen, and no further", async (backend) => {
  let [asked, closed] = [0, false];
  async function* stream() {
    try {
      for (const batch of batchesOf([10, 10, 10, 10])) {
        asked++;
        yield await batch;
      }
    } finally {
      closed = true;
    }
  }
  const found = await calibrate(stream(), { activations: 11, backend });
  assertEquals([found.activations, asked, closed], [20, 2, true]);
  assertEquals(found, await calibrate(batchesOf([10, 10]), { backend }));
});

backendTest("layers in one pass are what each is alone", async (backend) => {
  const some = corpus(40, [1, 4]);
  let disposed = 0;
  const seen: number[] = [];
  const hook = (layer: number) => ({ model: "toy", hook: { layer } }) as unknown as Calibration["source"];
  const layers = await calibrateLayers(toStream(streamOf(some, 15, { onDispose: () => disposed++ })), [4, 1], {
    ...{ percentiles: [5, 50], backend, sourceOf: (layer) => hook(layer)!, onBatch: (count) => void seen.push(count) },
  });
  const starts = streamOf(some, 15).map(({ start }) => start);
  assertEquals([disposed, seen], [3, [...starts.slice(1), layers.get(1)!.activations]]);
  assertEquals([...layers.keys()], [4, 1]);
  for (const layer of [1, 4]) {
    const batches = streamOf(some, 15).map(({ batches }) => batches.get(layer)!);
    const alone = await calibrate(batches, { percentiles: [5, 50], backend, source: hook(layer) });
    assertEquals(layers.get(layer), alone);
  }
});

backendTest(
  "layers of a stream that fills one array again and again are those of arrays of their own",
  async (backend) => {
    const batches = batchesOf([60, 60, 60]).map(({ data, ...shape }, i) => ({
      ...shape,
      data: data.map((value, j) => value + (j % DIM === i ? 4 : 0)),
    }));
    const shared = new Float32Array(60 * DIM);
    async function* stream() {
      for (const { data, rows, dim } of batches) {
        shared.set(data);
        yield { batches: new Map([[2, { data: shared, rows, dim }]]), [Symbol.dispose]() {} };
      }
    }
    const options = { percentiles: [10, 50], pairs: "batch", backend } as const;
    assertEquals((await calibrateLayers(stream(), [2], options)).get(2), await calibrate(batches, options));
  },
);

async function* toStream<T>(batches: Iterable<T>): AsyncGenerator<T> {
  yield* batches;
}

backendTest("what cannot be calibrated on is refused with a sentence", async (backend) => {
  const refuse = async (batches: ActivationBatch[], ...parts: string[]) =>
    assertSentence(await assertRejects(() => calibrate(batches, { pairs: "batch", backend })), ...parts);
  await refuse([], "the stream was empty", "check the corpus");
  await refuse([{ data: new Float32Array(0), rows: 0, dim: 3 }], "the stream was empty");
  await refuse([rowsOf([1, 2])], "at least two activations");
  await refuse([rowsOf([1, 2]), rowsOf([3, 4])], "at least two activations");
  await refuse([rowsOf([1, 2]), rowsOf([3, 4, 5])], "length 2", "found 3", "one model and layer");
  await refuse([rowsOf([1, 2], [3, NaN])], "NaN", "row 1");

  const { start, batches } = streamOf(corpus(20, [3]), 10, { isTold: true })[1];
  const batch = batches.get(3)!;
  batch.data[4 * batch.dim] = Infinity;
  assert(start > 0);
  await refuse([batch], "prompt", batch.provenance!.prompts[batch.provenance!.prompt[4]].id, "position", "layer 3");
});

Deno.test("percentiles that are none are refused before the stream is read", async () => {
  const never = { [Symbol.iterator]: () => assert(false, "the stream must not be read") as never };
  for (const p of [-1, 101, NaN]) {
    const options = { percentiles: [10, p], backend: "cpu" } as const;
    assertSentence(await assertRejects(() => calibrate(never, options), RangeError), "between 0 and 100", String(p));
    const layers = () => calibrateLayers(toStream(never), [3], options);
    assertSentence(await assertRejects(layers, RangeError), "between 0 and 100");
  }
});

Deno.test("a layer that the stream does not have is named, and its batch is given back", async () => {
  let disposed = 0;
  const stream = toStream(streamOf(corpus(20, [3, 5]), 10, { onDispose: () => disposed++ }));
  const error = await assertRejects(() => calibrateLayers(stream, [3, 9], { backend: "cpu" }));
  assertSentence(error, "layers 3, 5", "found 9");
  assertEquals(disposed, 1);
});

const KEY: CalibrationKey = {
  source: {
    ...{ model: "toy", hook: { layer: 3, at: "resid_post" }, extractor: "per-position" },
    ...{ context: 16, batchPrompts: 8, chat: false, corpus: "pile" },
  },
  percentiles: [10, 50],
  activations: 1000,
  pairs: "batch",
  seed: 0,
  backend: "cpu",
  files: "1,2",
};

Deno.test("a saved calibration is loaded as it was", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const path = `${folder}/deep/c.arrow`;
    const plain = await calibrate(batchesOf([20, 20]), { percentiles: [1 / 3, 50], backend });
    await saveCalibration(path, plain);
    assertEquals(await loadCalibration(path), plain);
    assert(plain.levels.every(({ spread }) => spread! > 0) || plain.pairs!.parts === 1);
    const sourced = new Calibration({ ...plain, source: KEY.source });
    await saveCalibration(path, sourced, KEY);
    assertEquals(await loadCalibration(path), sourced);
  }));

const OLD = new URL("../golden/first_formats/calibration.arrow", import.meta.url);

Deno.test("a cached calibration is found by its whole key only", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const calibration = await calibrate(batchesOf([20, 20]), { percentiles: [10, 50], source: KEY.source, backend });
    assertEquals(await cachedCalibration(`${folder}/none`, KEY), undefined);
    await cacheCalibration(folder, KEY, calibration);
    assertEquals(await cachedCalibration(folder, structuredClone(KEY)), calibration);

    const source = (other: object) => ({ ...KEY, source: { ...KEY.source, ...other } });
    const others: CalibrationKey[] = [
      ...[source({ model: "toy-it" }), source({ hook: { layer: 4, at: "resid_post" } }), source({ corpus: "math" })],
      source({ hook: { layer: 3, at: "attn_out" } }),
      ...[source({ extractor: "final-position" }), source({ context: 17 }), source({ batchPrompts: 9 })],
      ...[source({ chat: true }), { ...KEY, percentiles: [10] }, { ...KEY, percentiles: [50, 10] }],
      ...[{ ...KEY, activations: 1001 }, { ...KEY, seed: 1 }, { ...KEY, backend: "webgpu" as const }],
      ...[{ ...KEY, files: "1,3" }, { ...KEY, pairs: "sample" as const }, { ...KEY, pairs: undefined }],
    ];
    for (const other of others) assertEquals(await cachedCalibration(folder, other), undefined, JSON.stringify(other));

    const [{ name }] = Deno.readDirSync(folder);
    // A file that was copied over another's name is not taken for it.
    await saveCalibration(`${folder}/${name}`, calibration, others[0]);
    assertEquals(await cachedCalibration(folder, KEY), undefined);

    // Nor is a damaged one: it is said, and made anew.
    const damaged = async (...parts: string[]) => {
      const said: string[] = [];
      assertEquals(await cachedCalibration(folder, KEY, (sentence) => said.push(sentence)), undefined);
      assertEquals(said.length, 1);
      assertSentence(new Error(said[0]), name, "measured anew", ...parts);
      await cacheCalibration(folder, KEY, calibration);
      assertEquals(await cachedCalibration(folder, KEY), calibration);
    };
    await Deno.truncate(`${folder}/${name}`, 700);
    await damaged("cut off or damaged");
    await Deno.writeFile(`${folder}/${name}`, new Uint8Array(2000));
    await damaged();
    await writeArrow(`${folder}/${name}`, arrowTable({ x: numberColumn(Float32Array.of(1)) }));
    await damaged("saveCalibration", "another Arrow");
    // One from before checksums might be.
    await Deno.copyFile(OLD, `${folder}/${name}`);
    await damaged("before files carried checksums");
  }));
