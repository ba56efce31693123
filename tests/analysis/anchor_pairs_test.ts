import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { followPairs, smallestExcess, typicalPair } from "../../src/analysis/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";

Deno.test("a region that is not nearer to both anchors than these are to each other is an error", () => {
  const pair = { percentile: 8, a: 0, b: 1, cosine: 0.5, lune: [] };
  const between = (cosineA: number, cosineB: number) => ({ ...pair, lune: [{ region: 2, cosineA, cosineB }] });
  assertEquals(smallestExcess([between(0.75, 0.625), between(0.875, 0.75)]), 0.125);
  assertEquals(smallestExcess([pair]), null);
  assertThrows(() => smallestExcess([between(0.75, 0.5)]), Error, "nearer to 0 and 1");
});

Deno.test("the typical pair is the median of those that start empty and stay two regions", () => {
  const followed = (pair: number, coarse: number, fine: number | null) => [
    { pair, percentile: 4, between: fine },
    { pair, percentile: 8, between: coarse },
  ];
  const rows = [followed(0, 0, 9), followed(1, 1, 5), followed(2, 0, null), followed(3, 0, 2), followed(4, 0, 7)]
    .flat();
  assertEquals(typicalPair(rows).map(({ pair, percentile }) => [pair, percentile]), [[4, 8], [4, 4]]);
  assertEquals(typicalPair(followed(0, 3, 9)), []);
});

/** A dictionary of directions of a plane, degrees, a region each. */
async function ofAngles(...degrees: number[]): Promise<Dictionary> {
  const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 1e-4 }, { backend: "cpu" });
  const data = Float32Array.from(degrees.flatMap((degree) => {
    const radians = degree * Math.PI / 180;
    return [Math.cos(radians), Math.sin(radians)];
  }));
  await dictionary.add({ data, rows: degrees.length, dim: 2 });
  return dictionary;
}

Deno.test("anchors are followed to their counterparts, and what the finer dictionary has between them is found", async () => {
  using coarse = await ofAngles(0, 40, 120);
  using fine = await ofAngles(1, 10, 20, 41, 119);
  const growths = [{ percentile: 2, dictionary: fine }, { percentile: 8, dictionary: coarse }];
  const [first, second] = await followPairs(await openBackend("cpu"), growths, { pairs: 1, controls: 1 });
  assertEquals([first.percentile, first.a, first.b, first.between], [8, 0, 1, 0]);
  assertEquals([second.percentile, second.a, second.b, second.between], [2, 0, 3, 2]);
  assertEquals(second.lune.map(({ region }) => region).toSorted(), [1, 2]);
  assertAlmostEquals(second.cosineToA, Math.cos(Math.PI / 180), 1e-6);
  // 10 and 20 degrees lie nearest to A (0); all other regions: these two and the one at 119.
  assertEquals([second.fromAnchors, second.fromAnchorsOfAll], [1, 2 / 3]);
  assertEquals([first.fromAnchors, first.fromAnchorsOfAll], [null, 0]);
  assert(second.controlCosine! > 0);
});
