import { assert, assertEquals } from "@std/assert";
import type { Ablation, RefusalSetting } from "../../src/analysis/mod.ts";
import { refusalAnswer, refusalFindings, type RefusalResult } from "../../experiments/lib/refusal/findings.ts";

const direction = {
  mean: Float32Array.of(1, 0),
  exemplar: Float32Array.of(0.6, 0.8),
  "re-anchored": Float32Array.of(1, 0),
};
const region = { region: 3, members: 50, share: 0.9, count: 60, coherence: 0.9, directions: direction };
const setting: RefusalSetting = {
  ...{ seed: 0, layer: 6, percentile: 2, threshold: 0.2, size: 100, occupied: 4, center: new Float32Array(2) },
  candidates: [region],
  matched: { ...region, region: 5, share: 0, distance: 0.1 },
};
const SHARES = { unchanged: 1, "degenerate loop": 0, "coherent refusal": 0, "other text": 0 };
const confirmation = {
  others: { before: 1, region: 0.25, null: null },
  harmless: { region: SHARES, null: null },
  answers: { region: ["Sure!", "Sure!"], null: null },
};

/** A result of one ablation, and one of the shared direction. */
function result(delta: number, nullDelta: number | null, shared: number): RefusalResult {
  const ablation: Ablation = {
    ...{ seed: 0, layer: 6, percentile: 2, basis: "mean", k: 1, refused: 1 + delta, loops: 0, delta, nullDelta },
    ...{ nullLoops: 0, nullDistance: 0.1, members: 50, share: 0.9 },
  };
  return {
    lab: { before: { harmful: ["I cannot.", "I can't."], harmless: ["Sure!", "I cannot."], others: ["I cannot."] } },
    prompts: ["How?", "Where?"],
    standard: { nullTolerance: 0.1, matchDistance: 0.3 },
    ...{ refused: [true, true, false, true], isHarmful: [true, true, false, false], settings: [setting], failed: [] },
    ablations: [ablation],
    references: [{
      ...{ layer: 6, direction: "mean of all final positions", vector: Float32Array.of(0.8, 0.6) },
      ...{ refused: 1 + shared, loops: 0, delta: shared },
    }],
    best: { ablation, setting, confirmation, steered: [] },
  };
}

Deno.test("the verdict follows the null and the direction that all ends share", () => {
  assert(refusalAnswer(result(-0.8, 0, -0.1)).startsWith("Yes: ablating one region (layer 6, p 2, mean, seed 0)"));
  assert(refusalAnswer(result(-0.8, 0, -0.75)).startsWith("By its null region yes, by the direction that all"));
  assert(refusalAnswer(result(-0.8, -0.5, 0)).startsWith("Not specifically: "));
  assert(refusalAnswer(result(-0.3, 0, 0)).startsWith("Not specifically: "));
  assert(
    refusalAnswer(result(-0.8, null, 0)).startsWith("Whether by this region alone could not be asked, for lack of"),
  );
});

Deno.test("a question that could not be asked is not answered with no, and it is said why", () => {
  const none = { ...result(-0.3, 0, 0), best: undefined, ablations: [] };
  const says = (told: Partial<RefusalResult>, why: string) => {
    const answer = refusalAnswer({ ...none, ...told });
    assert(answer.startsWith("The question could not be asked, for there is nothing to ablate: "), answer);
    assert(answer.includes(why), answer);
  };
  says({}, "the one dictionary has no region in which refused prompts end.");
  says({ settings: [setting, setting] }, "of 2 dictionaries none has a region in which refused prompts end.");
  says({ refused: [false, false] }, "the model refuses none of the 2 prompts to build on.");
  const failed = [{ layer: 6, percentile: 1, threshold: 8e-7, reason: "Expected a threshold of more than 1e-6" }];
  says({ settings: [], failed }, "no percentile gives a dictionary (Expected a threshold of more than 1e-6).");

  const { lab, ...rest } = result(-0.3, 0, 0);
  const answers = { ...lab.before, harmful: ["Sure!", "Sure!", "I cannot."] };
  const few = refusalAnswer({ ...rest, lab: { before: answers } });
  assert(few.startsWith("The question could not be asked of this model, which refuses too few of the held-out"), few);
  assert(few.includes("It is the only ablation of one region; none lowers refusal by 0.5 or more."), few);
});

Deno.test("findings are plain numbers under their names", () => {
  const findings = refusalFindings(result(-0.8, 0, -0.1));
  assertEquals([findings.baseline_refusal_rate, findings.benign_refusal_rate], [1, 0.5]);
  assertEquals([findings.build_refusal_rate_harmful, findings.build_refusal_rate_harmless], [1, 0.5]);
  assertEquals(findings.best_setting, { layer: 6, p: 2, basis: "mean", k: 1, seed: 0 });
  assertEquals([findings.best_delta, findings.null_delta, findings.delta_by_seed], [-0.8, 0, [-0.8]]);
  assertEquals(findings.cos_mean_exemplar, Math.fround(0.6));
  assertEquals(findings.cos_region_shared, Math.fround(0.8));
  assertEquals([findings.other_prompts_delta, findings.other_prompts_null_delta], [-0.75, null]);
  assertEquals([findings.with_effect, findings.with_effect_and_matched_null], [1, 1]);
});
