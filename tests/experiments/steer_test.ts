import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { steerOutcome } from "../../experiments/lib/steer/outcome.ts";
import type { EffectRow } from "../../experiments/lib/steer/rows.ts";
import type { CommonFlags } from "../../src/run/mod.ts";
import { numbersOf, withExperiment } from "./child.ts";

type Before = Omit<EffectRow, "kind" | "alpha" | "after">;
const BEFORE: Before = {
  ...{ seed: 0, layer: 4, percentile: 2, region: 0, members: 10, coherence: 0.9, direction: "region", nullDistance: 0 },
  ...{ divergence: 1, shift: 0.5, membersBefore: 1, othersBefore: 3 },
};
const ablation = (after: number, rest: Partial<Before> = {}): EffectRow => {
  return { ...BEFORE, ...rest, kind: "ablation", alpha: null, after };
};
const steering = (alpha: number, after: number, rest: Partial<Before> = {}): EffectRow => {
  return { ...BEFORE, ...rest, kind: "steering", alpha, after };
};

Deno.test("a setting is told at the strength that closes most of the gap, the null at its own", () => {
  const second = { region: 1, othersBefore: 5, members: 20, coherence: 0.5 };
  const none = { direction: "matched null" } as const;
  const { findings } = steerOutcome({ model: "a model" } as CommonFlags, [
    ...[
      ablation(2),
      ablation(3, second),
      steering(1, 1),
      steering(1, 4, second),
      steering(2, 4),
      steering(2, 6, second),
    ],
    ...[ablation(1, none), steering(1, 3, none), steering(2, 2, none)],
  ]);
  assertEquals([findings.necessity_null, findings.best_alpha, findings.sufficiency_null], [[0], [1], [0.5]]);
  assertAlmostEquals(numbersOf(findings.necessity)[0], 3 / 6, 1e-12);
  assertAlmostEquals(numbersOf(findings.sufficiency)[0], 3 / 6, 1e-12);
  assertEquals([findings.spearman_sufficiency_size, findings.spearman_sufficiency_coherence], [-1, 1]);
});

Deno.test("a single region has no null, and no rank correlation", () => {
  const { findings, answer } = steerOutcome({ model: "a model" } as CommonFlags, [ablation(2), steering(1, 1)]);
  assertEquals([findings.sufficiency_null, findings.spearman_sufficiency_size], [[null], null]);
  assert(!answer.includes("NaN") && !answer.includes("rank correlation"), answer);
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
