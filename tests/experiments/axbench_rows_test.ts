import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type DetectionRow, pairings, summarise } from "../../experiments/lib/axbench/rows.ts";

const trained = {
  ...{ rule: null, percentile: null, budget: null, tokens: null, seed: null },
  ...{ regions: 1, region: 0, trainAuroc: 1, hardAuroc: null },
} as const;
const chosen = {
  rule: "auroc",
  ...{ percentile: 4, budget: 100, tokens: 90, seed: 0 },
  ...{ regions: 5, region: 2, trainAuroc: 1, hardAuroc: 0.75 },
} as const;

Deno.test("means over orders and sets come first, then pairs of the same rule, percentile and budget", () => {
  const detection = (
    conceptId: number,
    auroc: number,
    rest: Pick<DetectionRow, "method"> & Partial<DetectionRow>,
  ): DetectionRow => {
    const common = { conceptId, concept: "kings", genre: "text", layer: 6, basis: null, set: null };
    return { ...common, ...chosen, auroc, ...rest };
  };
  const detections = [0, 1].flatMap((concept) => [
    detection(concept, 0.9, { method: "regions", basis: "mean" }),
    detection(concept, 0.7 + 0.2 * concept, { method: "regions", basis: "mean", seed: 1 }),
    detection(concept, 0.5, { method: "random", set: 0 }),
    detection(concept, 0.6, { method: "random", set: 0, percentile: 8 }),
    detection(concept, 0.6, { method: "random", set: 0, rule: "contrast" }),
    detection(concept, 0.95, { method: "linear probe", ...trained }),
  ]);
  const ways = summarise(detections, { resamples: 200 });
  assertEquals(ways.length, 5);
  const [regions] = ways;
  assertEquals([regions.hardAuroc, ways.at(-1)!.hardAuroc], [0.75, null]);
  const near = (found: readonly number[], expected: readonly number[]) =>
    found.forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-12));
  near(regions.byConcept, [0.8, 0.9]);
  near(regions.byRun, [0.9, 0.8]);
  assertAlmostEquals(regions.auroc, 0.85);
  const pairs = pairings(ways, { resamples: 200 });
  assertEquals(pairs.map(({ other, against, better }) => `${other} ${against.percentile} ${better}`), [
    "random directions, AUROC 4 2",
    "linear probe null 0",
  ]);
  near(pairs[0].differences, [0.3, 0.4]);
  assertAlmostEquals(pairs[1].difference, -0.1);
});
