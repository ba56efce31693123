import { assertAlmostEquals, assertEquals } from "@std/assert";
import { foundingShare, saturationPoint } from "../../src/analysis/mod.ts";

const snapshots = (...founded: number[]) =>
  founded.map((count, i) => {
    const regions = founded.slice(0, i + 1).reduce((sum, value) => sum + value, 0);
    return { activations: 10 * (i + 1), tokens: 11 * (i + 1), regions, founded: count };
  });

Deno.test("a stream is saturated after the second of two empty batches in a row", () => {
  assertEquals(saturationPoint(snapshots(5, 0, 1, 0, 0, 1)), 50);
  assertEquals(saturationPoint(snapshots(5, 0, 1, 0)), null);
});

Deno.test("the founding share is of the last quarter of the batches", () => {
  assertAlmostEquals(foundingShare(snapshots(9, 5, 3, 2, 1, 1, 1, 2)), 3 / 20, 1e-12);
  assertAlmostEquals(foundingShare(snapshots(4)), 4 / 10, 1e-12);
});
