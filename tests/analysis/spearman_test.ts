import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { spearman } from "../../src/analysis/mod.ts";

Deno.test("rank correlation is that of the order alone", () => {
  assertEquals(spearman([3, 1, 2], [30, -5, 7]), 1);
  assertEquals(spearman([1, 2, 3], [9, 5, 1]), -1);
  // Squared rank differences 1, 1, 0, 0: 1 - 6 * 2 / (4 * 15) = 0.8.
  assertAlmostEquals(spearman([1, 2, 3, 4], [2, 1, 3, 4]), 0.8, 1e-12);
});

Deno.test("equal values share their mean rank", () => {
  // Ranks 0.5, 0.5, 2 and 0, 1, 2: 1.5 / sqrt(1.5 * 2).
  assertAlmostEquals(spearman([1, 1, 5], [1, 2, 3]), 1.5 / Math.sqrt(3), 1e-12);
  assertEquals(spearman([1, 1, 1], [1, 2, 3]), NaN);
  assertEquals(spearman([1, NaN], [1, 2]), NaN);
  assertEquals(spearman([1], [1]), NaN);
  assertThrows(() => spearman([1], [1, 2]), RangeError, "1 and 2");
});
