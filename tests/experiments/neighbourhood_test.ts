import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type AnchorPair, smallestExcess, typicalPair } from "../../experiments/lib/neighbourhood/measure.ts";
import { readArrow } from "../../src/files/mod.ts";
import { withExperiment } from "./child.ts";

const row = (values: Partial<AnchorPair>): AnchorPair => ({
  ...{ seed: 0, layer: 0, percentile: 8, size: 9, pair: 0, a: 0, b: 1, cosine: 0.5, cosineToA: 1, cosineToB: 1 },
  ...{ between: [], count: 0, fromAnchors: NaN, fromAnchorsOfAll: 0, controlCosine: 0.5, controlCount: 0 },
  ...values,
});

Deno.test("a region that is not nearer to both anchors than these are to each other is an error", () => {
  const between = (cosineA: number, cosineB: number) => row({ between: [{ region: 2, cosineA, cosineB }], count: 1 });
  assertEquals(smallestExcess([between(0.75, 0.625), between(0.875, 0.75)]), 0.125);
  assertEquals(smallestExcess([row({})]), NaN);
  assertThrows(() => smallestExcess([between(0.75, 0.5)]), Error, "nearer to 0 and 1");
});

Deno.test("the typical pair is the median of those that start empty and stay two regions", () => {
  const followed = (pair: number, coarse: number, fine: number) => [
    row({ pair, percentile: 4, count: fine }),
    row({ pair, percentile: 8, count: coarse }),
  ];
  const rows = [followed(0, 0, 9), followed(1, 1, 5), followed(2, 0, NaN), followed(3, 0, 2), followed(4, 0, 7)].flat();
  assertEquals(typicalPair(rows).map(({ pair, percentile }) => [pair, percentile]), [[4, 8], [4, 4]]);
  assertEquals(typicalPair(followed(0, 3, 9)), []);
});

const SMALL =
  "--layers 1,3 --percentiles 5,10,20 --seeds 2 --pairs 6 --controls 4 --calibration 1000 --max-tokens 4000 " +
  "--batch 16";

Deno.test("neighbourhood leaves its tables, charts and report, and only regions nearer to both anchors", () =>
  withExperiment("neighbourhood", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "from A or B");
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);

    const { findings } = record;
    assertEquals(findings.percentiles, [20, 10, 5]);
    const counts = findings.between_count as number[];
    assertEquals(counts.length, 3);
    assert(counts.every((count) => count >= 0) && counts[2] > counts[0], `${counts}`);
    assert((findings.smallest_excess as number) > 0);
    const table = await readArrow(`${out}/between.arrow`);
    assert(table.numRows > 0);
    for (const { cosine, cosine_a, cosine_b } of table.toArray()) assert(cosine_a > cosine && cosine_b > cosine);
    const html = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(html, '<p class="answer">Between the closest pairs of regions at p 20');
  }));
