import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { differenceInMeans, meanDirection, meanDistance, randomDirections } from "../../src/analysis/mod.ts";

const ROWS = Float32Array.of(3, 0, 5, 8, 1, 0, 1, 0);

Deno.test("the difference in means is a unit vector from one group to the other", () => {
  assertEquals(differenceInMeans(ROWS, 2, [true, true, false, false]), Float32Array.of(0.6, 0.8));
  assertEquals(differenceInMeans(ROWS, 2, [false, false, true, true]), Float32Array.of(-0.6, -0.8));
  assertThrows(() => differenceInMeans(ROWS, 2, [true, true, true, true]), RangeError, "4 of 4 are labelled");
  assertThrows(() => differenceInMeans(Float32Array.of(1, 1), 1, [true, false]), RangeError, "of different means");
});

Deno.test("the mean direction and distance are taken from the center", () => {
  // The mean of the rows is (2.5, 2).
  assertEquals(meanDirection(ROWS, 2, Float32Array.of(-0.5, -2)), Float32Array.of(0.6, 0.8));
  assertAlmostEquals(meanDistance(ROWS, 2, Float32Array.of(1, 0)), (2 + Math.hypot(4, 8)) / 4, 1e-6);
});

Deno.test("a random direction is seeded and of unit length", () => {
  const [a, b, c] = [1, 1, 2].map((seed) => randomDirections(1, 50, seed));
  assertEquals(a, b);
  assertEquals(a.some((value, i) => value !== c[i]), true);
  assertAlmostEquals(Math.hypot(...a), 1, 1e-6);
});
