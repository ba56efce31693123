import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { templateOf, templatePart } from "../../src/activations/mod.ts";
import {
  balancedAccuracy,
  divideByLabel,
  largestShare,
  matchDirections,
  matchOrders,
  median,
  nearestDirection,
  nearestMembers,
  purity,
  refusalRegion,
  rotated,
  splitByLabel,
  turnover,
} from "../../src/analysis/mod.ts";
import { openBackend, Random } from "../../src/compute/mod.ts";

Deno.test("turnover counts pairs at the cut as persisted, and regions without a partner on both sides", () => {
  assertEquals(turnover(Float32Array.of(0.7, 0.69, 1), 3, 5, 0.7), { persisted: 2, dropped: 1, introduced: 3 });
  assertEquals(turnover([], 0, 2, 0.7), { persisted: 0, dropped: 0, introduced: 2 });
});

Deno.test("a rotation keeps the angles of a set and loses those to another", async () => {
  const [rows, dim] = [40, 64];
  const random = new Random(1);
  const directions = new Float32Array(rows * dim).map(() => random.normal());
  for (let r = 0; r < rows; r++) {
    const row = directions.subarray(r * dim, (r + 1) * dim);
    const norm = Math.hypot(...row);
    row.forEach((value, j) => row[j] = value / norm);
  }
  const turned = rotated(directions, dim, 3);
  assertEquals(turned, rotated(directions, dim, 3));
  assertNotEquals(turned, rotated(directions, dim, 4));
  const dot = (x: Float32Array, i: number, j: number) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += x[i * dim + d] * x[j * dim + d];
    return sum;
  };
  for (let i = 0; i < rows; i++) assertAlmostEquals(dot(turned, i, 7), dot(directions, i, 7), 1e-6);
  const backend = await openBackend("cpu");
  const self = await matchDirections(backend, directions, directions, dim);
  const chance = await matchDirections(backend, directions, turned, dim);
  assertAlmostEquals(median(self.cosines), 1, 1e-5);
  assertEquals(median(chance.cosines) < 0.5, true);
});

Deno.test("a split counts members and label by region, the largest first", () => {
  const split = splitByLabel([3, 1, 3, 1, 3, 8], [true, false, true, true, false, true]);
  assertEquals(split, [
    { region: 3, members: 3, share: 2 / 3 },
    { region: 1, members: 2, share: 0.5 },
    { region: 8, members: 1, share: 1 },
  ]);
  assertEquals(purity(split), (2 + 1 + 1) / 6);
  assertEquals([largestShare(split, 1), largestShare(split, 2), largestShare(split, 4)], [1, 2 / 3, null]);
});

Deno.test("held-out accuracy is 1 for a clean split, 0.5 for one region, and balanced over the labels", () => {
  const labels = [true, true, false, false];
  const told = (regions: number[], others: number[], truth: boolean[]) =>
    balancedAccuracy(splitByLabel(regions, labels), 0.5, others, truth);
  assertEquals(told([0, 0, 1, 1], [0, 1, 1, 1, 1], [true, false, false, false, false]), 1);
  assertEquals(told([0, 0, 1, 1], [1, 1, 1, 1, 1], [true, false, false, false, false]), 0.5);
  assertEquals(told([0, 0, 0, 0], [0, 0, 0], [true, false, false]), 0.5);
  assertEquals(told([1, 1, 0, 0], [0, 1], [true, false]), 0);
});

Deno.test("the nearest direction is the lowest row of ties", () => {
  assertEquals(nearestDirection(Float32Array.of(1, 0), Float32Array.of(0, 1, 0.5, 0, 0.5, 9)), { row: 1, cosine: 0.5 });
});

Deno.test("a template is what all prompts share at both ends", () => {
  const prompts = [[2, 4, 9, 9, 5, 6], [2, 4, 9, 8, 7, 5, 6], [2, 4, 3, 5, 6]].map((ids) => Int32Array.from(ids));
  const template = templateOf(prompts);
  assertEquals(template, { before: 2, after: 2 });
  assertEquals([0, 1, 2, 3, 4, 5].map((position) => templatePart(template, position, 6)), [
    "before",
    "before",
    "instruction",
    "instruction",
    "after",
    "final",
  ]);
  // One prompt shares everything with itself: its end is the final position all the same.
  assertEquals(templateOf([Int32Array.of(2, 4)]), { before: 2, after: 0 });
  assertEquals(templatePart({ before: 2, after: 0 }, 1, 2), "final");
});

Deno.test("orders are matched across the models, with the controls that each pair of orders gives once", async () => {
  const random = new Random(4);
  const orders = (seeds: number[], percentiles: number[]) =>
    new Map(seeds.map((seed) => [
      seed,
      percentiles.map((percentile) => {
        const rows = Array.from({ length: 6 }, () => Float32Array.from({ length: 16 }, () => random.normal()));
        const means = Float32Array.from(rows.flatMap((row) => [...row.map((value) => value / Math.hypot(...row))]));
        return {
          layer: 1,
          percentile,
          size: 6,
          dim: 16,
          threshold: 0.2,
          means,
          memberCounts: new Int32Array(6).fill(9),
        };
      }),
    ]));
  const backend = await openBackend("cpu");
  // The second model has no dictionary at p 8.
  const first = orders([5, 6, 7], [4, 8]);
  const matches = await matchOrders(backend, first, orders([5, 6, 7], [4]), 0.5);
  const pairs = (comparison: string) =>
    matches.filter((match) => match.comparison === comparison)
      .map(({ seedA, seedB, percentile }) => `${seedA}-${seedB} p ${percentile}`);
  assertEquals(pairs("same order"), ["5-5 p 4", "6-6 p 4", "7-7 p 4"]);
  assertEquals(pairs("chance"), pairs("same order"));
  assertEquals(pairs("other order").length, 6);
  assertEquals(pairs("first with itself"), ["5-6 p 4", "5-6 p 8", "5-7 p 4", "5-7 p 8", "6-7 p 4", "6-7 p 8"]);
  assertEquals(pairs("second with itself"), ["5-6 p 4", "5-7 p 4", "6-7 p 4"]);
  for (const { regionsA, persisted, dropped, cosines, medianCosine } of matches) {
    assertEquals([regionsA, persisted + dropped, cosines.length], [6, 6, 6]);
    assertEquals(medianCosine, median(cosines));
  }
  const same = await matchOrders(backend, first, first, 0.99);
  const [own] = same.filter(({ comparison }) => comparison === "same order");
  assertEquals([own.persisted, own.dropped, own.introduced], [6, 0, 0]);
  assertAlmostEquals(own.medianCosine, 1, 1e-6);
});

Deno.test("a division by label stands beside shuffled labels, and has no largest share where regions are too small", () => {
  const regions = Array.from({ length: 60 }, (_, i) => i < 30 ? 2 : 7);
  const labels = regions.map((region) => region === 2);
  const division = divideByLabel(regions, labels, { minMembers: 30, seed: 1 });
  assertEquals([division.maxShare, division.purity, division.split.length], [1, 1, 2]);
  assertEquals(division.maxShareShuffled! < 0.8 && division.maxShareShuffled! >= 0.5, true);
  assertEquals(division.purityShuffled < 0.8, true);
  assertEquals(division, divideByLabel(regions, labels, { minMembers: 30, seed: 1 }));
  const few = divideByLabel(regions, labels, { minMembers: 31, seed: 1 });
  assertEquals([few.maxShare, few.maxShareShuffled, few.purity], [null, null, 1]);
});

Deno.test("the refusal region's members are told by part of the template, and so are those of the nearest region", () => {
  // Two prompts of three places; the first is refused.
  const places = {
    prompt: Int32Array.of(0, 0, 0, 1, 1, 1),
    part: ["before", "instruction", "final", "before", "instruction", "final"] as const,
    final: Int32Array.of(2, 5),
  };
  const dictionary = { means: Float32Array.of(1, 0, 0, 1), dim: 2, regions: Int32Array.of(0, 1, 1, 0, 0, 0), places };
  const labels = { refused: [true, false], harmful: [true, false] };
  const region = refusalRegion(dictionary, labels, { members: 1 })!;
  assertEquals([region.finalTokens, region.rate, ...region.direction], [1, 1, 0, 1]);
  const shares = { before: 0, instruction: 0.5, after: 0, final: 0.5 };
  assertEquals(region.members, { region: 1, members: 2, harmful: 1, ...shares });
  assertEquals(refusalRegion(dictionary, labels, { members: 2 }), undefined);
  const { members, cosine } = nearestMembers(Float32Array.of(1, 0), dictionary, labels.harmful);
  assertEquals([cosine, members.region, members.members, members.harmful], [1, 0, 4, 0.25]);
});
