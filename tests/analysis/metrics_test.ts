/** Metrics of dictionaries made by hand, in the plane. */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type DictionaryMetrics, gini, measure } from "../../src/analysis/mod.ts";
import type { Backend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { at, degrees, rowsOf } from "../partition/streams.ts";

async function measured(backend: Backend, ...angles: number[]): Promise<DictionaryMetrics> {
  const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(30) }, { backend });
  if (angles.length > 0) await dictionary.add(rowsOf(...angles.map(at)));
  const metrics = await measure(dictionary);
  dictionary.dispose();
  return metrics;
}

function assertMetrics(found: DictionaryMetrics, expected: DictionaryMetrics): void {
  assertEquals(Object.keys(found).sort(), Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) {
    assertAlmostEquals(found[name as keyof DictionaryMetrics], value, 1e-6, name);
  }
}

backendTest("metrics of two regions and a single, as worked by hand", async (backend) => {
  // Regions of three, two and one member; the last counts as trivial.
  const [intraA, intraB] = [degrees(20) / 3, degrees(10) / 2];
  const effective = Math.exp(-(0.6 * Math.log(0.6) + 0.4 * Math.log(0.4)));
  assertMetrics(await measured(backend, 0, 0, 20, 100, 90, 240), {
    ...{ regions: 3, nontrivialRegions: 2, members: 6, sharedMembers: 5 / 6 },
    ...{ meanMembers: 2.5, medianMembers: 2.5, maxMembers: 3, stdMembers: 0.5, gini: 0.1 },
    ...{ effectiveRegions: effective, utilisation: effective / 2 },
    ...{ meanIntraDistance: (intraA + intraB) / 2, medianIntraDistance: (intraA + intraB) / 2 },
    ...{ meanNearestInterDistance: degrees(100), medianNearestInterDistance: degrees(100) },
    separationRatio: degrees(100) / degrees(30),
    silhouette: ((degrees(100) - intraA) / degrees(100) + (degrees(100) - intraB) / degrees(100)) / 2,
    ...{ maxExemplarSimilarity: 1 - degrees(100), meanExemplarSimilarity: 1 - degrees(100) },
  });
});

backendTest("each region's nearest neighbour counts, and every pair once", async (backend) => {
  const found = await measured(backend, 0, 0, 40, 40, 100, 100);
  assertAlmostEquals(found.meanNearestInterDistance, (2 * degrees(40) + degrees(60)) / 3, 1e-6);
  assertAlmostEquals(found.medianNearestInterDistance, degrees(40), 1e-6);
  assertAlmostEquals(found.maxExemplarSimilarity, 1 - degrees(40), 1e-6);
  assertAlmostEquals(found.meanExemplarSimilarity, 1 - (degrees(40) + degrees(60) + degrees(100)) / 3, 1e-6);
});

const UNDEFINED = {
  ...{ meanNearestInterDistance: NaN, medianNearestInterDistance: NaN, separationRatio: NaN, silhouette: NaN },
  ...{ maxExemplarSimilarity: NaN, meanExemplarSimilarity: NaN },
};

backendTest("what needs two regions is NaN of one, and what needs one is NaN of none", async (backend) => {
  assertMetrics(await measured(backend, 0, 10), {
    ...{
      regions: 1,
      nontrivialRegions: 1,
      members: 2,
      sharedMembers: 1,
      meanMembers: 2,
      medianMembers: 2,
      maxMembers: 2,
    },
    ...{ stdMembers: 0, gini: 0, effectiveRegions: 1, utilisation: 1 },
    ...{ meanIntraDistance: degrees(10) / 2, medianIntraDistance: degrees(10) / 2, ...UNDEFINED },
  });
  const none = {
    ...{ nontrivialRegions: 0, meanMembers: NaN, medianMembers: NaN, maxMembers: 0, stdMembers: NaN, gini: 0 },
    ...{ effectiveRegions: 0, utilisation: NaN, meanIntraDistance: NaN, medianIntraDistance: NaN, ...UNDEFINED },
  };
  assertMetrics(await measured(backend, 0, 90), { ...none, regions: 2, members: 2, sharedMembers: 0 });
  assertMetrics(await measured(backend), { ...none, regions: 0, members: 0, sharedMembers: NaN });
});

Deno.test("the Gini coefficient is 0 of equal values and (n - 1) / n when one has all", () => {
  assertEquals(gini(Float64Array.of(4, 4, 4)), 0);
  assertAlmostEquals(gini(Float64Array.of(0, 9, 0, 0)), 0.75, 1e-12);
  // Mean absolute difference of 1, 3, 8: (2 + 7 + 5) * 2 / 9; by twice the mean, 4: 28 / 72.
  assertAlmostEquals(gini(Float64Array.of(8, 1, 3)), 28 / 72, 1e-12);
  assertEquals([gini(Float64Array.of()), gini(Float64Array.of(0, 0))], [0, 0]);
});
