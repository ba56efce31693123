import { assertAlmostEquals, assertEquals } from "@std/assert";
import { auroc, quantiles, truePositiveRate } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

Deno.test("AUROC is 1, 0 and a half where it must be, and ties count half", () => {
  assertEquals(auroc([1, 2], [3, 4]), 1);
  assertEquals(auroc([3, 4], [1, 2]), 0);
  assertEquals(auroc([1, 1, 1], [1, 1]), 0.5);
  assertEquals(auroc([0, 2], [1, 2]), 2.5 / 4);
  assertEquals([auroc([], [1]), auroc([1], []), auroc([1, NaN], [2]), auroc([1], [NaN])], [NaN, NaN, NaN, NaN]);
});

Deno.test("AUROC is the share of pairs in the right order", () => {
  const random = new Random(1);
  const draw = (shift: number) => Array.from({ length: 60 }, () => Math.round(8 * (random.normal() + shift)));
  const [negatives, positives] = [draw(0), draw(0.7)];
  const right = negatives.flatMap((low) => positives.map((high) => high > low ? 1 : high === low ? 0.5 : 0));
  const mean = right.reduce<number>((sum, value) => sum + value, 0) / right.length;
  assertAlmostEquals(auroc(negatives, positives), mean, 1e-12);
});

Deno.test("the true positive rate keeps the false positive rate, also with ties", () => {
  const negatives = Float32Array.from({ length: 100 }, (_, i) => i);
  assertEquals(truePositiveRate(negatives, [98, 98.5, 99, 100], 0.01), 3 / 4, "98 passes no more than one of 100");
  assertEquals(truePositiveRate(negatives, [98.5, 99.5], 0), 1 / 2);
  assertEquals(truePositiveRate([1, 5, 5, 5], [5, 6], 0.5), 1 / 2, "to pass two of the fives is to pass three");
  assertEquals(truePositiveRate([1], [-5], 1), 1);
  assertEquals([truePositiveRate([], [1], 0.01), truePositiveRate([1], [], 0.01)], [NaN, NaN]);
});

Deno.test("quantiles are linear between ranks", () => {
  assertEquals(quantiles([5], [0, 0.3, 1]), [5, 5, 5]);
  assertEquals(quantiles(Float32Array.of(30, 10, 20), [0, 0.25, 0.5, 1]), [10, 15, 20, 30]);
  assertEquals([quantiles([], [0.5]), quantiles([NaN, 1], [0])], [[NaN], [NaN]]);
});
