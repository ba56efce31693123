import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  adjustedRandIndex,
  leaderPartitions,
  leaders,
  leadersOfCount,
  majorityAccuracy,
  metricMaps,
  nearestLeaders,
  whitening,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";

Deno.test("leaders are those of one-at-a-time clustering, in any order", () => {
  const rows = Float32Array.of(0, 3, 4, 8, 11);
  assertEquals(leaders(rows, 1, [0, 1, 2, 3, 4], 3), [0, 2, 3]);
  assertEquals(leaders(rows, 1, [4, 3, 2, 1, 0], 3), [4, 2, 0]);
  assertEquals(leaders(rows, 1, [0, 1, 2, 3, 4], 0.5, 2).length, 3, "stops above the limit");
  assertEquals([...nearestLeaders(Float32Array.of(5, 9, 2), rows, 1, [0, 2, 3])], [1, 2, 0], "the first on ties");
  const random = new Random(1);
  const many = Float32Array.from({ length: 300 * 20 }, () => random.integer(1000) / 1000);
  const order = Array.from({ length: 300 }, (_, i) => i);
  const slow: number[] = [];
  const distance = (a: number, b: number) =>
    Math.hypot(...Array.from({ length: 20 }, (_, j) => many[a * 20 + j] - many[b * 20 + j]));
  for (const row of order) if (!slow.some((leader) => distance(leader, row) <= 1.4)) slow.push(row);
  assert(slow.length > 5 && slow.length < 295);
  assertEquals(leaders(many, 20, order, 1.4), slow);
  assertEquals(leadersOfCount(many, 20, order, 40).length, 40);
});

Deno.test("whitened rows have mean 0 and unit covariance", () => {
  // Variances 4 and 1 with covariance 1, mean (3, -1).
  const rows = Float32Array.of(5, -1, 1, -1, 4, 0.5, 2, -2.5, 3, 0, 3, -2);
  const white = whitening(rows, 2, 0)(rows);
  const of = (f: (x: number, y: number) => number) => {
    let sum = 0;
    for (let i = 0; i < white.length; i += 2) sum += f(white[i], white[i + 1]) / 6;
    return sum;
  };
  assertAlmostEquals(of((x) => x), 0, 1e-6);
  assertAlmostEquals(of((_, y) => y), 0, 1e-6);
  assertAlmostEquals(of((x) => x * x), 1, 1e-6);
  assertAlmostEquals(of((_, y) => y * y), 1, 1e-6);
  assertAlmostEquals(of((x, y) => x * y), 0, 1e-6);
  assertThrows(() => whitening(Float32Array.of(1, 1, 2, 2), 2, 0), RangeError, "column 1 depends on others");
});

Deno.test("the adjusted Rand index is Hubert and Arabie's", () => {
  // Pairs together: 2 in a, 2 in b, 1 in both, of 6: (1 - 4/6) / (2 - 4/6).
  assertAlmostEquals(adjustedRandIndex([0, 0, 1, 1], [0, 0, 1, 2]), (1 - 2 / 6) / (1.5 - 2 / 6), 1e-12);
  assertAlmostEquals(adjustedRandIndex([0, 0, 1, 1], [0, 1, 0, 1]), -0.5, 1e-12);
  assertThrows(() => adjustedRandIndex([0], []), RangeError, "1 and 0");
});

Deno.test("a region tells its majority, one that was not seen the majority of all", () => {
  assertEquals(majorityAccuracy([0, 0, 0, 1], [5, 5, 6, 6], [0, 0, 1, 9], [5, 6, 6, 5]), 0.75);
});

Deno.test("the metrics differ in what they forget", () => {
  const rows = Float32Array.of(2, 0, 4, 0, 0, 3, 0, -3, 1, 1);
  const maps = metricMaps(rows, Float32Array.of(1, 0), 0);
  const at = (name: keyof typeof maps, row: number) => [...maps[name](rows).slice(2 * row, 2 * row + 2)];
  // Rows 0 and 1 point the same way at different lengths.
  assertEquals(at("raw cosine", 0), at("raw cosine", 1));
  assertEquals([at("centred cosine", 0), at("centred cosine", 4)], [[1, 0], [0, 1]]);
  assertEquals(at("Euclidean", 1), [4, 0]);
  const white = maps["whitened Euclidean"](rows);
  let square = 0;
  for (const value of white) square += value ** 2 / 5;
  assert(Math.abs(square - 2) < 1e-5, `two coordinates of unit variance: ${square}`);
});

Deno.test("partitions of several orders: how even, stable and telling they are", () => {
  // Two far pairs and a row alone: any order gives the same three regions.
  const clustered = { rows: Float32Array.of(0, 0.1, 5, 5.1, 20), labels: Int32Array.of(0, 0, 1, 1, 1) };
  const heldout = { rows: Float32Array.of(0.2, 5.2, 19), labels: Int32Array.of(0, 1, 0) };
  const partitions = leaderPartitions(clustered, heldout, 1, 3, [0, 1, 2]);
  assertEquals(partitions.map(({ seed, regions, agreement }) => [seed, regions, agreement]), [
    ...[[0, 3, 1], [1, 3, 1], [2, 3, 1]],
  ]);
  for (const { largest, singles, accuracy } of partitions) {
    assertAlmostEquals(largest, 2 / 5, 1e-12);
    assertAlmostEquals(singles, 1 / 3, 1e-12);
    assertAlmostEquals(accuracy, 2 / 3, 1e-12);
  }
  const [alone] = leaderPartitions(clustered, heldout, 1, 3, [0]);
  assertEquals(alone.agreement, null, "there is no other order");
});
