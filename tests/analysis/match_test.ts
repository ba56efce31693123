import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { match, matchDirections, median } from "../../src/analysis/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";

const backend = await openBackend("cpu");

Deno.test("pairs have the largest total cosine, not each its nearest", async () => {
  // Both rows of a are nearest to b0; the total is largest when the first gives way: 0.5376 + 1 > 0.96 + 0.28.
  const a = Float32Array.of(0.96, 0.28, 1, 0);
  const b = Float32Array.of(1, 0, 0.28, 0.96);
  const { pairs, cosines, nearestInB, nearestInA } = await matchDirections(backend, a, b, 2);
  assertEquals([...pairs], [0, 1, 1, 0]);
  assertAlmostEquals(cosines[0], 0.5376, 1e-6);
  assertAlmostEquals(cosines[1], 1, 1e-6);
  assertEquals([...nearestInB.regions], [0, 0]);
  assertEquals([...nearestInA.regions], [1, 0]);
});

Deno.test("the surplus of the larger set is left without a partner", async () => {
  const { pairs } = await matchDirections(backend, Float32Array.of(0, 1), Float32Array.of(1, 0, 0, 1, -1, 0), 2);
  assertEquals([...pairs], [0, 1]);
});

Deno.test("a dictionary matches itself, in units of its threshold", async () => {
  const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
  await dictionary.add({ data: Float32Array.of(1, 0, 0, 3, -2, 0.1), rows: 3, dim: 2 });
  const { pairs, median, total, thresholdsA } = await match(dictionary, dictionary);
  assertEquals([...pairs], [0, 0, 1, 1, 2, 2]);
  assertAlmostEquals(median, 1, 1e-6);
  assertAlmostEquals(total, 3, 1e-6);
  for (const distance of thresholdsA) assertAlmostEquals(distance, 0, 1e-5);
});

Deno.test("dictionaries of two widths do not match", async () => {
  const of = (dim: number) => Dictionary.create({ center: new Float32Array(dim).fill(1), threshold: 0.1 }, { backend });
  await assertRejects(async () => await match(await of(2), await of(3)), RangeError, "one width but found 2 and 3");
});

Deno.test("the median of none is NaN, of two their mean", () => {
  assertEquals([median(Float32Array.of()), median(Float32Array.of(3, 1)), median(Float32Array.of(5, 1, 2))], [
    NaN,
    2,
    2,
  ]);
});
