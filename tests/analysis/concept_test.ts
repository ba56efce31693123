import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  auroc,
  bestAmongFirst,
  directionAurocs,
  directionContrasts,
  meanRow,
  randomDirections,
  textMaxima,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";

/** AUROC by its definition, over all pairs. */
function aurocOfPairs(negatives: Float32Array, positives: Float32Array): number {
  let wins = 0;
  for (const high of positives) for (const low of negatives) wins += high > low ? 1 : high === low ? 0.5 : 0;
  return wins / (negatives.length * positives.length);
}

backendTest("a text's score is its largest projection", async (backend) => {
  // Two texts, of two positions and of one; two directions.
  const rows = backend.upload(Float32Array.of(1, 0, 0, 2, -3, 1), 3, 2);
  const directions = backend.upload(Float32Array.of(1, 0, 0, -1), 2, 2);
  const offsets = Int32Array.of(0, 2, 3);
  assertEquals([...await textMaxima(backend, rows, offsets, directions)], [1, 0, -3, -1]);
  await assertRejects(
    () => textMaxima(backend, rows, Int32Array.of(0, 2, 2, 3), directions),
    RangeError,
    "text 1 has none",
  );
});

backendTest("maxima of random texts are those of a plain loop", async (backend) => {
  const random = new Random(11);
  const [dim, count] = [7, 13];
  const offsets = Int32Array.of(0, 1, 9, 20, 33);
  const data = Float32Array.from({ length: 33 * dim }, () => random.normal());
  const basis = randomDirections(count, dim, 5);
  const found = await textMaxima(
    backend,
    backend.upload(data, 33, dim),
    offsets,
    backend.upload(basis, count, dim),
  );
  for (let text = 0; text < 4; text++) {
    for (let k = 0; k < count; k++) {
      let largest = -Infinity;
      for (let row = offsets[text]; row < offsets[text + 1]; row++) {
        let dot = 0;
        for (let j = 0; j < dim; j++) dot += data[row * dim + j] * basis[k * dim + j];
        largest = Math.max(largest, dot);
      }
      assertAlmostEquals(found[text * count + k], largest, 1e-5);
    }
  }
});

Deno.test("both rules on a case worked by hand, where they disagree", () => {
  // Directions x and y. On y a positive text lies high throughout, the negative one higher at a single position.
  const positives = Float32Array.of(1, 0, 0, 0.75, 0, 0.75, 0, 0);
  const negatives = Float32Array.of(0.5, 0, 0, 1, 0, -1, 0, 0);
  const basis = Float32Array.of(1, 0, 0, 1);
  const [high, low] = [meanRow(positives, 2), meanRow(negatives, 2)];
  assertEquals([[...high], [...low]], [[0.25, 0.375], [0.125, 0]]);
  const contrasts = directionContrasts(low, high, basis);
  assertEquals([...contrasts], [0.125, 0.375]);
  // Maxima of the positive text (1, 0.75), of the negative one (0.5, 1).
  const areas = directionAurocs(Float32Array.of(0.5, 1), Float32Array.of(1, 0.75), 2);
  assertEquals([...areas], [1, 0]);
  assertEquals([bestAmongFirst(contrasts, [2]), bestAmongFirst(areas, [2])], [[1], [0]]);
});

Deno.test("AUROC of every direction is the share of pairs in order, with ties at half", () => {
  const random = new Random(2);
  const directions = 9;
  // Few distinct values, so that ties are frequent.
  const draw = (texts: number, shift: number) =>
    Float32Array.from({ length: texts * directions }, () => Math.round(2 * random.normal() + shift));
  const [negatives, positives] = [draw(31, 0), draw(17, 1)];
  const column = (scores: Float32Array, k: number) => scores.filter((_, i) => i % directions === k);
  const areas = directionAurocs(negatives, positives, directions);
  for (let k = 0; k < directions; k++) {
    const [low, high] = [column(negatives, k), column(positives, k)];
    assertAlmostEquals(areas[k], aurocOfPairs(low, high), 1e-12);
    assertEquals(areas[k], auroc(low, high));
    assert(new Set(low).size < low.length, "ties");
  }
  assertThrows(() => directionAurocs(negatives, positives.subarray(1), directions), RangeError, "on 9 directions");
});

Deno.test("of equal directions the lowest is taken, whatever the size", () => {
  const statistics = Float64Array.of(2, 5, 5, 1, 7);
  assertEquals(bestAmongFirst(statistics, [1, 2, 3, 4, 5, 3]), [0, 1, 1, 1, 4, 1]);
  assertThrows(() => bestAmongFirst(statistics, [6]), RangeError, "Expected sizes of 1 to 5 directions but found 6");
  assertThrows(() => bestAmongFirst(statistics, [0]), RangeError, "found 0");
});

Deno.test("random directions have unit length, no side, and lie one in the other", () => {
  const [count, dim] = [500, 16];
  const rows = randomDirections(count, dim, 9);
  for (let from = 0; from < rows.length; from += dim) {
    assertAlmostEquals(Math.hypot(...rows.subarray(from, from + dim)), 1, 1e-6);
  }
  assert(Math.hypot(...meanRow(rows, dim)) < 4 / Math.sqrt(count), "the mean of uniform directions is near zero");
  assertEquals(randomDirections(3, dim, 9), rows.slice(0, 3 * dim));
});
