import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { absorb, densities, groupMeans, recurrence } from "../../src/analysis/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";

Deno.test("D grows with members and with the square of coherence", () => {
  // 100 members with a sum of length 100, 100 members of length 10, 10 of length 10, none.
  const sums = Float32Array.of(100, 0, 6, 8, 0, 10, 0, 0);
  const [tight, loose, small, none] = densities(sums, Int32Array.of(100, 100, 10, 0), 2);
  assertAlmostEquals(tight, 2, 1e-6);
  assertAlmostEquals(loose, 0, 1e-6);
  assertAlmostEquals(small, 1, 1e-6);
  assertEquals(none, -Infinity);
});

Deno.test("an absorbed region's members go to the nearest kept mean, whatever its size", () => {
  const regions = { sums: Float32Array.of(1, 0, 0, 50, 3, 4, -2, 0), counts: Int32Array.of(1, 60, 5, 2) };
  // Region 2 points to (0.6, 0.8): nearer to region 1. Region 3 is opposite to 0, so 1 is nearest, at cosine 0.
  const joined = absorb(regions, 2, [false, false, true, true]);
  assertEquals([[...joined.sums], [...joined.counts]], [[1, 0, 1, 54], [1, 67]]);
  assertEquals([...regions.counts], [1, 60, 5, 2], "the original stays");
  assertThrows(() => absorb(regions, 2, [true, true, true, true]), RangeError, "all 4 are to be absorbed");
});

Deno.test("groups are of equal size and formed by the other quantity", () => {
  assertEquals(groupMeans([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], 3), [5.5, 3.5, 1.5]);
  assertEquals(groupMeans([4, 8], [0, 0], 2), [4, 8]);
  assertThrows(() => groupMeans([1], [], 1), RangeError, "1 and 0");
});

Deno.test("a region's recurrence is the mean cosine of its partners; without a partner it has none", async () => {
  const backend = await openBackend("cpu");
  const first = Float32Array.of(1, 0, 0, 1);
  const second = Float32Array.of(0.6, 0.8);
  const third = Float32Array.of(1, 0, 0, -1);
  // The only region of the second goes to (0, 1), at 0.8; the third has (1, 0) again, and (0, -1) for (0, 1).
  const [a, b, c] = (await recurrence(backend, [first, second, third], 2)).map((cosines) =>
    cosines.map((value) => Math.round(value! * 1e6) / 1e6)
  );
  assertEquals([a, b, c], [[1, -0.1], [0.7], [0.8, -1]]);
  const [alone] = await recurrence(backend, [first, second], 2);
  assertAlmostEquals(alone[1]!, 0.8, 1e-6);
  assertEquals(alone[0], null);
});

Deno.test("a control takes the place of the other dictionaries", async () => {
  const backend = await openBackend("cpu");
  const set = Float32Array.of(1, 0);
  const [left, right] = await recurrence(backend, [set, set], 2, [Float32Array.of(0, 1), Float32Array.of(-1, 0)]);
  assertEquals([[...left], [...right]], [[-1], [0]]);
});
