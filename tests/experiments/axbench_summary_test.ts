import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import type { Detection } from "../../experiments/lib/axbench/score.ts";
import { ConceptStore } from "../../experiments/lib/axbench/store.ts";
import { pairings, summarise } from "../../experiments/lib/axbench/summary.ts";
import { inFolder } from "../lib/folder.ts";

const trained = {
  percentile: NaN,
  budget: NaN,
  tokens: NaN,
  seed: -1,
  set: -1,
  regions: 1,
  region: 0,
  train: 1,
  hard: NaN,
};
const chosen = { percentile: 4, budget: 100, tokens: 90, regions: 5, region: 2, train: 1, hard: 0.75 };

Deno.test("means over orders and sets come first, then pairs of the same rule, percentile and budget", () => {
  const detection = (concept: number, auroc: number, rest: Partial<Detection>) =>
    ({ concept, layer: 6, rule: "auroc", basis: "", set: -1, ...chosen, auroc, ...rest }) as Detection;
  const detections = [0, 1].flatMap((concept) => [
    detection(concept, 0.9, { method: "regions", basis: "mean", seed: 0 }),
    detection(concept, 0.7 + 0.2 * concept, { method: "regions", basis: "mean", seed: 1 }),
    detection(concept, 0.5, { method: "random", seed: 0, set: 0 }),
    detection(concept, 0.6, { method: "random", seed: 0, set: 0, percentile: 8 }),
    detection(concept, 0.6, { method: "random", seed: 0, set: 0, rule: "contrast" }),
    detection(concept, 0.95, { method: "linear probe", rule: "", ...trained }),
  ]);
  const ways = summarise(detections, { resamples: 200 });
  assertEquals(ways.length, 5);
  const [regions] = ways;
  assertEquals([regions.hard, ways.at(-1)!.hard], [0.75, NaN]);
  const near = (found: readonly number[], expected: readonly number[]) =>
    found.forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-12));
  near(regions.byConcept, [0.8, 0.9]);
  near(regions.byRun, [0.9, 0.8]);
  assertAlmostEquals(regions.interval.mean, 0.85);
  const pairs = pairings(ways, { resamples: 200 });
  assertEquals(pairs.map(({ other, better }) => `${other.method} ${other.percentile} ${other.rule} ${better}`), [
    "random 4 auroc 2",
    "linear probe NaN  0",
  ]);
  near(pairs[0].differences, [0.3, 0.4]);
  assertAlmostEquals(pairs[1].interval.mean, -0.1);
});

Deno.test("finished concepts are kept as they were, and other settings are refused", () =>
  inFolder(async (out) => {
    const settings = { percentiles: [1, 2], seed: 0 };
    const store = await ConceptStore.open(out, settings, false);
    const detections = [{
      concept: 3,
      layer: 6,
      method: "linear probe",
      rule: "",
      basis: "",
      ...trained,
      auroc: 1 / 3,
    }];
    await store.write(3, detections as Detection[]);
    const again = await ConceptStore.open(out, { ...settings }, true);
    assertEquals(await again.read(3), detections as Detection[]);
    assertEquals(await again.read(4), undefined);
    await assertRejects(
      () => ConceptStore.open(out, { ...settings, percentiles: [1] }, true),
      Error,
      `Expected to go on with --percentiles 1,2, as the run in ${out} has it, but found --percentiles 1:`,
    );
    assertEquals(await (await ConceptStore.open(out, settings, false)).read(3), undefined);
  }));
