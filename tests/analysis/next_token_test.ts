import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  divergenceFrom,
  logSoftmax,
  meanDistribution,
  meanDivergence,
  nextTokenRows,
  topTokenShift,
} from "../../src/analysis/mod.ts";

const logs = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log);

Deno.test("logits become log-probabilities, however large", () => {
  const row = Float32Array.of(1000, 1000 + Math.log(3));
  logSoftmax(row);
  assertAlmostEquals(Math.exp(row[0]), 0.25, 1e-3);
  assertAlmostEquals(Math.exp(row[1]), 0.75, 1e-3);
});

Deno.test("divergence and shift are taken row by row", () => {
  const before = logs(0.5, 0.5, 0.75, 0.25);
  const after = logs(0.25, 0.75, 0.75, 0.25);
  // KL((1/2, 1/2) || (1/4, 3/4)) = log 2 / 2 + log(2/3) / 2; the second row does not change.
  assertAlmostEquals(meanDivergence(before, after, 2), (0.5 * Math.log(2) + 0.5 * Math.log(2 / 3)) / 2, 1e-6);
  assertEquals(meanDivergence(before, before, 2), 0);
  assertEquals(topTokenShift(before, after, 2), 0.5);
});

Deno.test("rows are compared with the mean distribution of others", () => {
  const rows = logs(1, 1e-30, 0.5, 0.5, 0.25, 0.75);
  const mean = meanDistribution(rows, 2, [0, 1]);
  assertAlmostEquals(mean[0], 0.75, 1e-6);
  const expected = 0.75 * Math.log(0.75 / 0.25) + 0.25 * Math.log(0.25 / 0.75);
  assertAlmostEquals(divergenceFrom(mean, rows, 2, [2]), expected, 1e-5);
  assertAlmostEquals(divergenceFrom(Float64Array.of(0.5, 0.5), rows, 2, [1]), 0, 1e-6);
  assertAlmostEquals(divergenceFrom(Float64Array.of(1, 0), rows, 2, [1, 2]), (Math.log(2) + Math.log(4)) / 2, 1e-6);
});

Deno.test("rows are those after <bos>, prompt by prompt, without padding", async () => {
  const calls: number[] = [];
  const model = {
    vocab: 2,
    logits: (prompts: readonly Int32Array[]) => {
      calls.push(prompts.length);
      const width = Math.max(...prompts.map(({ length }) => length));
      // The first logit of a position is its token id, the second 0.
      const data = new Float32Array(prompts.length * width * 2).fill(-99);
      prompts.forEach((prompt, i) => prompt.forEach((token, p) => data.set([token, 0], (i * width + p) * 2)));
      return Promise.resolve({ batch: prompts.length, width, vocab: 2, data });
    },
  };
  const prompts = [
    Int32Array.of(9, 1, 2),
    Int32Array.of(9, 3),
    ...Array.from({ length: 15 }, () => Int32Array.of(9, 4)),
  ];
  const rows = await nextTokenRows(model, prompts);
  assertEquals(calls, [16, 1]);
  const tokens = Array.from({ length: rows.length / 2 }, (_, i) => Math.round(rows[2 * i] - rows[2 * i + 1]));
  assertEquals(tokens, [1, 2, 3, ...Array(15).fill(4)]);
});
