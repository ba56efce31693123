import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { bootstrapMean, pairedDifference } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

Deno.test("of two values the interval is that of two draws", () => {
  // The mean of two draws of 0 and 1 is 0, 0.5 or 1 with probability 1/4, 1/2, 1/4.
  const { mean, low, high } = bootstrapMean([0, 1]);
  assertEquals([mean, low, high], [0.5, 0, 1]);
  assertEquals(bootstrapMean([0, 1], { level: 0.4 }), { mean: 0.5, low: 0.5, high: 0.5 });
});

Deno.test("values that do not vary have no width, and one value is itself", () => {
  assertEquals(bootstrapMean([3, 3, 3]), { mean: 3, low: 3, high: 3 });
  assertEquals(bootstrapMean([0.25]), { mean: 0.25, low: 0.25, high: 0.25 });
});

Deno.test("the interval of many normal values is that of the normal theory", () => {
  const random = new Random(3);
  const values = Float64Array.from({ length: 400 }, () => random.normal());
  const { mean, low, high } = bootstrapMean(values);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  const half = 1.96 * deviation / Math.sqrt(values.length);
  assertAlmostEquals(low, mean - half, 0.1 * half);
  assertAlmostEquals(high, mean + half, 0.1 * half);
});

Deno.test("the same seed draws the same samples, another seed others", () => {
  const values = [1, 5, 2, 8, 3];
  assertEquals(bootstrapMean(values, { seed: 4 }), bootstrapMean(values, { seed: 4 }));
  const few = (seed: number) => bootstrapMean(values, { seed, resamples: 20 });
  assert(few(1).low !== few(2).low || few(1).high !== few(2).high);
});

Deno.test("a difference that is the same in every pair has no width, however much the pairs differ", () => {
  const b = [0, 10, 20, 30];
  assertEquals(pairedDifference(b.map((value) => value + 2), b), { mean: 2, low: 2, high: 2 });
  assert(bootstrapMean(b).high > bootstrapMean(b).low + 10);
  assertThrows(() => pairedDifference([1, 2], [1]), RangeError, "Expected pairs but found 2 and 1 values");
});

Deno.test("what cannot be resampled is refused", () => {
  assertThrows(() => bootstrapMean([]), RangeError, "found none");
  assertThrows(() => bootstrapMean([1, NaN]), RangeError, "found NaN");
  assertThrows(() => bootstrapMean([1], { resamples: 0 }), RangeError, "at least one resample");
  assertThrows(() => bootstrapMean([1], { level: 1 }), RangeError, "between 0 and 1");
});
