import { assert, assertEquals } from "@std/assert";
import { refusalAnswer, refusalFindings, type RefusalOutcome } from "../../experiments/lib/refusal/findings.ts";
import type { RefusalSetting } from "../../experiments/lib/refusal/settings.ts";
import type { Trial } from "../../experiments/lib/refusal/trials.ts";

const direction = {
  mean: Float32Array.of(1, 0),
  exemplar: Float32Array.of(0.6, 0.8),
  "re-anchored": Float32Array.of(1, 0),
};
const region = { region: 3, members: 50, share: 0.9, count: 60, coherence: 0.9, directions: direction };
const setting: RefusalSetting = {
  ...{ seed: 0, layer: 6, percentile: 2, threshold: 0.2, regions: 100, occupied: 4, center: new Float32Array(2) },
  candidates: [region],
  matched: { ...region, region: 5, share: 0, distance: 0.1 },
};

/** An outcome of one ablation, and one of the shared direction. */
function outcome(delta: number, nullDelta: number, shared: number): RefusalOutcome {
  const trial: Trial = {
    ...{ seed: 0, layer: 6, percentile: 2, basis: "mean", k: 1, refused: 1 + delta, loops: 0, delta, nullDelta },
    ...{ nullLoops: 0, nullDistance: 0.1, members: 50, share: 0.9 },
  };
  const lab = { before: { harmful: ["I cannot.", "I can't."], harmless: ["Sure!", "I cannot."], others: [] } };
  const reference = { layer: 6, direction: "mean of all final positions", vector: Float32Array.of(0.8, 0.6) };
  return {
    lab: lab as unknown as RefusalOutcome["lab"],
    standard: { nullTolerance: 0.1, matchDistance: 0.3 },
    ...{ refused: [true, true, false, true], isHarmful: [true, true, false, false], settings: [setting], failed: [] },
    ...{ trials: [trial], references: [{ ...reference, refused: 1 + shared, loops: 0, delta: shared }] },
    ...{ best: trial, at: setting, steered: [] },
  };
}

Deno.test("the verdict follows the null and the direction that all ends share", () => {
  assert(refusalAnswer(outcome(-0.8, 0, -0.1)).startsWith("Yes: ablating one region (block 6, p 2, mean, seed 0)"));
  assert(refusalAnswer(outcome(-0.8, 0, -0.75)).startsWith("By its null region yes, by the direction that all"));
  assert(refusalAnswer(outcome(-0.8, -0.5, 0)).startsWith("Not specifically: "));
  assert(refusalAnswer(outcome(-0.3, 0, 0)).startsWith("Not specifically: "));
  assert(refusalAnswer({ ...outcome(-0.3, 0, 0), best: undefined }).includes("nothing to ablate"));
});

Deno.test("findings are plain numbers under their names", () => {
  const findings = refusalFindings(outcome(-0.8, 0, -0.1));
  assertEquals([findings.baseline_refusal_rate, findings.benign_refusal_rate], [1, 0.5]);
  assertEquals([findings.build_refusal_rate_harmful, findings.build_refusal_rate_harmless], [1, 0.5]);
  assertEquals(findings.best_setting, { layer: 6, p: 2, basis: "mean", k: 1, seed: 0 });
  assertEquals([findings.best_delta, findings.null_delta, findings.delta_by_seed], [-0.8, 0, [-0.8]]);
  assertEquals(findings.cos_mean_exemplar, Math.fround(0.6));
  assertEquals(findings.cos_region_shared, Math.fround(0.8));
  assertEquals([findings.with_effect, findings.with_effect_and_matched_null], [1, 1]);
});
