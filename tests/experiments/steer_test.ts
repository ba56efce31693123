import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Effect } from "../../experiments/lib/steer/measure.ts";
import { predictors, results, summarise } from "../../experiments/lib/steer/summary.ts";
import { numbersOf, withExperiment } from "./child.ts";

const effect = (rest: Partial<Effect>): Effect => ({
  ...{ seed: 0, layer: 4, percentile: 2, region: 0, count: 10, coherence: 0.9, direction: "region", nullDistance: 0 },
  ...{ alpha: 1, divergence: 1, shift: 0.5, membersBefore: 1, othersBefore: 3, after: 3, ...rest },
});

Deno.test("necessity and sufficiency are shares of the gap between members and others", () => {
  // Gaps of 2 and 4 nats. Ablation drives members 1 and 2 nats away; steering brings others 2 and 1 nats nearer.
  const second = { region: 1, othersBefore: 5, count: 20, coherence: 0.5 };
  const effects = [
    effect({ alpha: NaN, after: 2 }),
    effect({ alpha: NaN, after: 3, ...second }),
    effect({ alpha: 1, after: 1 }),
    effect({ alpha: 1, after: 4, ...second }),
    effect({ alpha: 2, after: 4 }),
    effect({ alpha: 2, after: 6, ...second }),
    effect({ alpha: NaN, after: 1, direction: "matched null" }),
    effect({ alpha: 1, after: 2, direction: "matched null" }),
    effect({ alpha: 2, after: 3, direction: "matched null" }),
  ];
  const summaries = summarise(effects);
  assertEquals(summaries.map(({ regions }) => regions), [2, 2, 2, 1, 1, 1]);
  const [result] = results(summaries);
  assertAlmostEquals(result.necessity, 3 / 6, 1e-12);
  assertEquals([result.necessityNull, result.alpha, result.sufficiencyNull], [0, 1, 0.5]);
  assertAlmostEquals(result.sufficiency, 3 / 6, 1e-12);
  assertEquals(predictors(effects), { size: -1, coherence: 1 });
});

Deno.test("steer leaves tables, charts, a report and finite findings", async () => {
  const flags = "--device cpu --percentiles 4 --seeds 1 --regions 1 --probe 6 --alphas 1 " +
    "--max-tokens 2000 --calibration 1000 --batch 32";
  await withExperiment("steer", flags.split(" "), ({ code, stderr, out, record: { findings, outputs } }) => {
    assertEquals([code, stderr], [0, ""]);
    const files = new Set([...Deno.readDirSync(out)].map(({ name }) => name));
    assertEquals(outputs.filter((name) => !files.has(name)), []);
    for (const key of ["necessity", "necessity_null", "best_alpha", "sufficiency", "sufficiency_null"]) {
      const values = numbersOf(findings[key]);
      assert(values.length === 1 && values.every(Number.isFinite), `${key}: ${findings[key]}`);
    }
  });
});
