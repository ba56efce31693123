import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  leaveOut,
  lowestFifth,
  regionStability,
  stability,
  STABILITY_VARIANTS,
  stabilityVariants,
} from "../../src/analysis/mod.ts";
import { openBackend, Random } from "../../src/compute/mod.ts";
import { unitRows } from "../../src/partition/mod.ts";

Deno.test("the lowest fifth is rounded down, of equal values the newer", () => {
  assertEquals(lowestFifth([3, 1, 2, 1, 5]), [false, false, false, true, false]);
  assertEquals(lowestFifth([3, 1, 2, 1]), [false, false, false, false]);
});

Deno.test("regions that are left out take their members with them", () => {
  const regions = { sums: Float32Array.of(1, 0, 0, 5, 3, 4), counts: Int32Array.of(1, 6, 5) };
  const { sums, counts } = leaveOut(regions, 2, [false, true, false]);
  assertEquals([[...sums], [...counts]], [[1, 0, 3, 4], [1, 5]]);
});

Deno.test("regions without a partner are left out of means and correlations, single members of the plural one", () => {
  // D is 0, 0, log10(4), log10(9); the second has no partner, the first a single member.
  const regions = { sums: Float32Array.of(1, 1, 4, 9), counts: Int32Array.of(1, 1, 4, 9) };
  const cosines = [1, null, 0.25, 0.75];
  const found = stability(regions, 1, cosines);
  assertAlmostEquals(found.matchedCosine!, 2 / 3, 1e-12);
  assertEquals([found.spearmanDensity, found.spearmanMembers, found.spearmanPlural], [-0.5, -0.5, 1]);
  assertEquals(found.spearmanCoherence, null, "all have coherence 1");
  assertEquals([found.regions, found.q5], [4, 0.75]);
  assertEquals(regionStability(found).map(({ members, matchedCosine }) => [members, matchedCosine]), [
    ...[[1, 1], [1, null], [4, 0.25], [9, 0.75]],
  ]);
});

Deno.test("every variant of every order is matched; equal dictionaries come back, rotated ones do not", async () => {
  const dim = 12;
  const random = new Random(3);
  const sums = Float32Array.from({ length: 10 * dim }, () => random.integer(2001) - 1000);
  const exemplars = unitRows(sums, dim);
  const own = { sums, counts: Int32Array.from({ length: 10 }, (_, i) => 4000 + i), exemplars };
  const orders = [5, 6, 7].map((seed) => ({ seed, dim, ...own, reanchored: exemplars, replaced: own }));
  const found = await stabilityVariants(await openBackend("cpu"), orders);
  assertEquals(found.map(({ variant, seed }) => `${variant} ${seed}`), [
    ...STABILITY_VARIANTS.flatMap((variant) => [5, 6, 7].map((seed) => `${variant} ${seed}`)),
  ]);
  const of = (variant: typeof STABILITY_VARIANTS[number]) => found.filter((row) => row.variant === variant);
  for (const { matchedCosine } of of("means")) assertAlmostEquals(matchedCosine!, 1, 1e-6);
  assertEquals(of("means, unstable fifth left out").map(({ regions }) => regions), [8, 8, 8]);
  for (const { matchedCosine } of of("means, rotated (chance)")) assertEquals(matchedCosine! < 0.8, true);
});
