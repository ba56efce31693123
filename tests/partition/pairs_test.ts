/** Which pairs a calibration takes: those of the published batches, or of the whole sample where batches mislead. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  type ActivationBatch,
  calibrate,
  type CalibrateOptions,
  Dictionary,
  loadCalibration,
  saveCalibration,
} from "../../mod.ts";
import { type Backend, Random } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const DIM = 16;

/** Vectors of ten topics, a topic after the other. */
function topics(rows: number, seed = 1): Float32Array[] {
  const random = new Random(seed);
  const heads = Array.from({ length: 10 }, () => Array.from({ length: DIM }, () => random.normal()));
  return Array.from({ length: rows }, (_, row) => {
    const head = heads[Math.floor(10 * row / rows)];
    return Float32Array.from(head, (value) => value + 0.4 * random.normal());
  });
}

/** Batches of these many rows, which are repeated until all are in one. */
function cut(rows: readonly Float32Array[], ...sizes: number[]): ActivationBatch[] {
  const batches: ActivationBatch[] = [];
  for (let from = 0, i = 0; from < rows.length; i++) {
    const some = rows.slice(from, from += sizes[i % sizes.length]);
    batches.push({ data: Float32Array.from(some.flatMap((row) => [...row])), rows: some.length, dim: DIM });
  }
  return batches;
}

/** The percentile of all pairs of all rows. */
async function ofAllPairs(rows: readonly Float32Array[], percentile: number, backend: Backend): Promise<number> {
  const { thresholds: [threshold] } = await calibrate(cut(rows, rows.length), { percentiles: [percentile], backend });
  return threshold;
}

backendTest("the same vectors have the same θ, however they are cut and sorted", async (backend) => {
  const sorted = topics(600);
  const shuffled = new Random(3).shuffle([...sorted]);
  const right = await ofAllPairs(sorted, 4, backend);
  for (const rows of [sorted, shuffled]) {
    for (const sizes of [[3], [60], [200], [100, 400]]) {
      const { thresholds: [theta] } = await calibrate(cut(rows, ...sizes), { percentiles: [4], backend });
      const name = `${rows === sorted ? "sorted" : "shuffled"} in ${sizes}: ${theta} instead of ${right}`;
      assertLess(Math.abs(theta - right), 0.05 * right, name);
    }
  }
});

backendTest("batches that are full, even and shuffled are what the published ones are", async (backend) => {
  const rows = new Random(3).shuffle(topics(1200));
  const batches = cut(rows, 400);
  const each = await Promise.all(batches.map((batch) => calibrate([batch], { percentiles: [4], backend })));
  const options = { percentiles: [4], backend };
  const calibration = await calibrate(batches, options);
  assertEquals(calibration.pairs!.within, "batch");
  assertEquals((await calibrate(batches, { ...options, pairs: "batch" })).levels, calibration.levels);
  // Each alone has a center of its own, a little off that of all.
  const mean = each.reduce((sum, { thresholds: [theta] }) => sum + theta / each.length, 0);
  assertLess(Math.abs(calibration.thresholds[0] - mean), 0.02 * mean);
});

backendTest("pairs are told, with the reason", async (backend) => {
  const shuffled = new Random(3).shuffle(topics(1600));
  const taken = async (batches: ActivationBatch[], options: CalibrateOptions = {}) => {
    const { pairs } = await calibrate(batches, { percentiles: [4], backend, ...options });
    return pairs!;
  };
  const { within, because, parts, batchRatio } = await taken(cut(shuffled, 400));
  assertEquals([within, because, parts], ["batch", "batches are full and like the sample", 4]);
  assertLess(Math.abs(batchRatio! - 1), 0.05);
  assertEquals(await taken(cut(shuffled, 1600)), { within: "batch", because: "it is one batch", parts: 1 });
  const small = await taken(cut(shuffled, 100));
  assertEquals([small.within, small.because], ["sample", "batches have as few as 100 activations, under 128"]);
  const uneven = await taken(cut(shuffled, 200, 600));
  assertEquals([uneven.within, uneven.because], ["sample", "batches have from 200 to 600 activations"]);
  // A short last batch is left out, no reason to cut anew.
  assertEquals((await taken(cut(shuffled, 420))).parts, 4);
  assertEquals((await taken(cut(shuffled, 500))).parts, 3);
  const sorted = await taken(cut(topics(1600), 160));
  assertEquals(sorted.within, "sample");
  assert(sorted.batchRatio! < 0.95 && sorted.because.includes("times those of the whole sample"), sorted.because);
  const asked = await taken(cut(topics(1600), 160), { pairs: "batch" });
  assertEquals([asked.within, asked.because, asked.parts], ["batch", "asked for", 10]);
  assertEquals(asked.batchRatio, sorted.batchRatio);
  assertEquals(await taken(cut(shuffled, 400), { pairs: "sample" }), {
    within: "sample",
    because: "asked for",
    parts: 1,
  });
  // Texts have the length that they have: what is uneven with provenance is as published.
  const told = cut(shuffled, 200, 600).map((batch) => {
    const numbers = () => Int32Array.from({ length: batch.rows }, (_, row) => row);
    const prompt = { id: "p", text: 0, tokens: numbers(), excerpt: () => ({ before: "", token: "", after: "" }) };
    return {
      ...batch,
      provenance: { prompts: [prompt], prompt: new Int32Array(batch.rows), position: numbers(), token: numbers() },
    };
  });
  assertEquals((await taken(told)).within, "batch");
});

backendTest("a deal depends on the seed alone, and blocks are even", async (backend) => {
  const rows = topics(6200);
  const theta = async (batches: ActivationBatch[], seed?: number) =>
    await calibrate(batches, { percentiles: [1, 10], pairs: "sample", seed, backend });
  const first = await theta(cut(rows, 1000));
  assertEquals(first.pairs!.parts, 2);
  const again = await theta(cut(rows, 700), 0);
  again.thresholds.forEach((value, i) => assertAlmostEquals(value, first.thresholds[i], 1e-6));
  const other = await theta(cut(rows, 1000), 1);
  assert(other.thresholds[0] !== first.thresholds[0]);
  first.thresholds.forEach((value, i) => assertLess(Math.abs(other.thresholds[i] - value), 0.02 * value));
  first.levels.forEach(({ threshold, spread }) => assert(spread! > 0 && spread! < 0.05 * threshold));
});

backendTest("the spread is the standard deviation over batches, absent of one, and kept in files", async (backend) => {
  const batches = cut(new Random(3).shuffle(topics(900)), 300);
  const options = { percentiles: [4, 10], pairs: "batch", backend } as const;
  const calibration = await calibrate(batches, options);
  const { center } = calibration;
  const each = await Promise.all(batches.map(async ({ data, rows }) => {
    using directions = await backend.directions(backend.upload(Float32Array.from(data), rows, DIM), center);
    return await backend.percentiles(directions, options.percentiles);
  }));
  calibration.levels.forEach(({ threshold, spread }, i) => {
    const mean = (of: (value: number) => number) => each.reduce((sum, values) => sum + of(values[i]), 0);
    assertAlmostEquals(threshold, mean((value) => value / 3), 1e-9);
    assertAlmostEquals(spread!, Math.sqrt(mean((value) => (value - threshold) ** 2 / 2)), 1e-9);
  });
  const single = await calibrate(batches.slice(0, 1), options);
  assertEquals(single.levels.map((level) => "spread" in level), [false, false]);
  await inFolder(async (folder) => {
    for (const [i, one] of [calibration, single].entries()) {
      await saveCalibration(`${folder}/${i}.arrow`, one);
      assertEquals(await loadCalibration(`${folder}/${i}.arrow`), one);
    }
  });
});

backendTest("a last batch of less than half of the others does not count", async (backend) => {
  const rows = new Random(3).shuffle(topics(1000));
  const theta = async (last: number, change = 1) => {
    const batches = cut(rows.slice(0, 600 + last), 300);
    // Another last batch: only where it counts does it change θ much.
    batches[2].data.forEach((value, i, data) => data[i] = i % DIM === 0 ? value * change : value);
    return (await calibrate(batches, { percentiles: [4], pairs: "batch", backend })).pairs!.parts;
  };
  assertEquals([await theta(1), await theta(149), await theta(150), await theta(300)], [2, 2, 3, 3]);
});

backendTest("rows that are all the same are refused", async (backend) => {
  const refuse = async (rows: readonly number[][], size: number, options: CalibrateOptions = {}) => {
    const vectors = rows.map((row) => Float32Array.from({ length: DIM }, (_, i) => row[i % row.length]));
    const error = await assertRejects(() => calibrate(cut(vectors, size), { percentiles: [10], backend, ...options }));
    assertSentence(error, `all ${rows.length} are the same`, "check what was extracted");
  };
  for (const row of [[1, 2, 3], [0.1, 0.2, 0.3], [0], [1e-5, 3], [3000, 1]]) {
    for (const pairs of ["batch", "sample", undefined] as const) await refuse(Array(300).fill(row), 150, { pairs });
  }
  // The last bit of a float32 is no direction.
  await refuse(Array.from({ length: 300 }, (_, i) => [1 + (i % 2) * 2 ** -23, 2, 3]), 300);
  // Far from the origin and near to each other is not the same.
  const far = topics(300).map((row) => row.map((value, i) => 0.05 * value + (i === 2 ? 3000 : 0)));
  assert((await calibrate(cut(far, 300), { backend })).thresholds[0] > 0);
});

backendTest("a θ of repetitions is refused by the dictionary, not taken for a distance", async (backend) => {
  // Each batch holds one vector many times: within batches all distances are 0.
  const copies = topics(4).flatMap((row) => Array<Float32Array>(200).fill(row));
  const published = await calibrate(cut(copies, 200), { percentiles: [50], pairs: "batch", backend });
  assertLess(published.thresholds[0], 1e-6);
  await assertRejects(() => Dictionary.create(published.at(50), { backend }), RangeError, "Expected a threshold");
  const { pairs, thresholds: [theta] } = await calibrate(cut(copies, 200), { percentiles: [50], backend });
  assertEquals(pairs!.within, "sample");
  assert(theta > 0.3);
});

Deno.test("options that make no sense are refused before anything is read", async () => {
  const never = { [Symbol.iterator]: () => assert(false, "the stream must not be read") as never };
  const refuse = async (options: Record<string, unknown>, ...parts: string[]) => {
    const calibrated = () => calibrate(never, { backend: "cpu", ...options } as CalibrateOptions);
    assertSentence(await assertRejects(calibrated) as Error, ...parts);
  };
  await refuse({ activations: "many" }, "a number", '"many"');
  await refuse({ activations: NaN }, "from 1", "NaN");
  for (const activations of [0, -5]) await refuse({ activations }, "from 1", `${activations}`);
  await refuse({ pairs: "batches" }, '"batch" or "sample"', '"batches"');
  for (const seed of [1.5, NaN, 2 ** 60]) await refuse({ seed }, "whole number", `${seed}`);
  for (const maxNorm of [1, 0, NaN]) await refuse({ maxNorm }, "more than 1", `${maxNorm}`);
});

backendTest("one batch and a smaller rest are not taken for the sample", async (backend) => {
  const [wide, tight] = [topics(1500), topics(2100, 2).slice(0, 600)];
  const rows = [...wide, ...tight];
  const right = await ofAllPairs(rows, 4, backend);
  const { thresholds: [theta], pairs } = await calibrate(cut(rows, 1500, 600), { percentiles: [4], backend });
  assertEquals(pairs!.within, "sample");
  assertLess(Math.abs(theta - right), 0.05 * right);
  const small = await calibrate(cut(rows.slice(0, 140), 100, 40), { percentiles: [4], backend });
  assertEquals([small.pairs!.within, small.pairs!.because], [
    "sample",
    "batches have as few as 100 activations, under 128",
  ]);
});
