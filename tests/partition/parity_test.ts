/** Both backends against the published implementation's figures. Tolerances are those of ../golden/README.md. */
import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { match, measure } from "../../src/analysis/mod.ts";
import type { Backend } from "../../src/compute/mod.ts";
import { type Basis, calibrate, Dictionary, type Readout } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { array, batches, floats, golden, type GoldenDictionary, largestDifference, queries } from "./golden.ts";

const percentiles: number[] = golden.dictionaries.map((expected: GoldenDictionary) => expected.percentile);

async function build(backend: Backend, expected: GoldenDictionary, order = batches, merge = false) {
  const center = await floats(expected.center);
  const dictionary = await Dictionary.create({ center, threshold: expected.threshold }, { backend });
  const assignments = [];
  for (const batch of order) {
    assignments.push(await dictionary.add(batch));
    if (merge) await dictionary.merge();
  }
  return {
    dictionary,
    regions: assignments.flatMap((assignment) => [...assignment.regions]),
    distances: assignments.flatMap((assignment) => [...assignment.distances]),
  };
}

backendTest("calibration gives the published center and thresholds", async (backend) => {
  const [first] = golden.dictionaries as GoldenDictionary[];
  const calibration = await calibrate(batches, { percentiles, activations: first.n_activations as number, backend });
  assertEquals(calibration.activations, first.n_activations);
  assertLess(largestDifference(calibration.center, await floats(first.center)), 1e-5);
  for (const [i, expected] of golden.dictionaries.entries()) {
    assertAlmostEquals(calibration.thresholds[i], expected.threshold, 1e-5 * expected.threshold);
  }
});

for (const expected of golden.dictionaries as GoldenDictionary[]) {
  backendTest(`the dictionary at p ${expected.percentile} is the published one`, async (backend) => {
    const { dictionary, regions, distances } = await build(backend, expected);
    assertEquals(dictionary.size, expected.n_regions);
    assertEquals(dictionary.founders, await array(expected.exemplar_index) as Int32Array<ArrayBuffer>);
    assertEquals(regions, [...await array(expected.assignment)], "no row of this stream is a near tie");
    assertLess(largestDifference(distances, await floats(expected.assignment_distance)), 2e-6);
    assertEquals(dictionary.memberCounts, await array(expected.member_count) as Int32Array<ArrayBuffer>);
    assertLess(largestDifference(dictionary.exemplars, await floats(expected.exemplar_direction)), 1e-5);
    assertLess(largestDifference(dictionary.means, await floats(expected.mean_member_direction)), 1e-5);
    assertLess(largestDifference(dictionary.coherences, await array(expected.member_coherence)), 1e-5);
    const sums = await array(expected.sum_dist);
    const squares = await array(expected.sum_sq_dist);
    dictionary.memberCounts.forEach((count, region) => {
      assertAlmostEquals(dictionary.distanceSums[region], sums[region], 2e-6 * count);
      assertAlmostEquals(dictionary.distanceSquareSums[region], squares[region], 4e-6 * count);
    });
    const query = await dictionary.assign(queries);
    assertEquals(query.regions, await array(expected.query_assignment) as Int32Array<ArrayBuffer>);
    assertLess(largestDifference(query.distances, await floats(expected.query_distance)), 2e-6);
    dictionary.dispose();
  }, { integers: true });

  backendTest(`metrics at p ${expected.percentile} are the published ones`, async (backend) => {
    const { dictionary } = await build(backend, expected);
    const metrics = await measure(dictionary);
    const evaluation = expected.evaluation as Record<string, number>;
    const names: Record<keyof typeof metrics, string> = {
      regions: "n_partitions",
      nontrivialRegions: "n_partitions_nontrivial",
      members: "total_members",
      sharedMembers: "coverage",
      meanMembers: "mean_members",
      medianMembers: "median_members",
      maxMembers: "max_members",
      stdMembers: "std_members",
      gini: "gini",
      effectiveRegions: "effective_partitions",
      utilisation: "partition_utilisation",
      meanIntraDistance: "mean_intra_dist",
      medianIntraDistance: "median_intra_dist",
      meanNearestInterDistance: "mean_nearest_inter_dist",
      medianNearestInterDistance: "median_nearest_inter_dist",
      separationRatio: "separation_ratio",
      silhouette: "silhouette",
      maxExemplarSimilarity: "max_exemplar_similarity",
      meanExemplarSimilarity: "mean_exemplar_similarity",
    };
    for (const [name, published] of Object.entries(names) as [keyof typeof metrics, string][]) {
      const value = evaluation[published];
      assertAlmostEquals(
        metrics[name],
        value,
        Math.max(1e-5 * Math.abs(value), 2e-6),
        `${name} at p ${expected.percentile}`,
      );
    }
    dictionary.dispose();
  });

  if (expected.readouts) {
    backendTest(`read-outs at p ${expected.percentile} are the published ones`, async (backend) => {
      const { dictionary } = await build(backend, expected);
      for (const [name, files] of Object.entries(expected.readouts as Record<string, Record<string, unknown>>)) {
        const [basis, kind, k] = name.split("/") as [Basis, Readout, string];
        const features = await floats(files.features);
        const rows = features.length / dictionary.size;
        const some = { data: queries.data.slice(0, rows * queries.dim), rows, dim: queries.dim };
        const found = await dictionary.readout(some, { kind, k: Number(k), basis });
        const scale = features.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
        assertLess(largestDifference(found, features), 1e-5 * scale, `features of ${name}`);
        const decoded = await dictionary.decode(found, { basis });
        const expectedDecoded = await floats(files.decoded);
        const decodedScale = expectedDecoded.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
        assertLess(largestDifference(decoded, expectedDecoded), 1e-5 * decodedScale, `decoded ${name}`);
      }
      dictionary.dispose();
    });
  }

  if (expected.merge_close) {
    backendTest(
      `merging after each batch at p ${expected.percentile} gives the published dictionary`,
      async (backend) => {
        const { dictionary } = await build(backend, expected, batches, true);
        const merged = expected.merge_close as Record<string, unknown>;
        assertEquals(dictionary.size, merged.n_regions);
        assertEquals(dictionary.memberCounts, await array(merged.member_count) as Int32Array<ArrayBuffer>);
        assertLess(largestDifference(dictionary.exemplars, await floats(merged.exemplar_index)), 1e-5);
        dictionary.dispose();
      },
    );
  }
}

backendTest("matching with the dictionary of another order has the published total", async (backend) => {
  const { matching } = golden;
  const expected = golden.dictionaries.find((d: GoldenDictionary) => d.percentile === matching.percentile);
  const a = (await build(backend, expected)).dictionary;
  const b = (await build(backend, expected, matching.batch_order.map((i: number) => batches[i]))).dictionary;
  assertEquals(b.size, matching.n_regions_b);
  const found = await match(a, b, { basis: matching.basis });
  assertAlmostEquals(found.total, matching.total_cosine, 1e-4);
  assertAlmostEquals(found.mean, matching.mean_cosine, 1e-5);
  assertAlmostEquals(found.median, matching.median_cosine, 1e-5);
  const pairs = await array(matching.pairs);
  assert(largestDifference(found.pairs, pairs) === 0, "the optimum of this matching is unique");
  for (const dictionary of [a, b]) dictionary.dispose();
});
