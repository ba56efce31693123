/** The refusal experiment's outcome in a few numbers and sentences. */
import { ANSWER_KINDS } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { type Finding, formatNumber } from "../../../src/report/mod.ts";
import type { Confirmation, Reference, Steered } from "./controls.ts";
import type { RefusalLab } from "./lab.ts";
import type { RefusalSetting } from "./settings.ts";
import { EFFECT, isMatched, nullHolds, ratesOf, type Standard, type Trial } from "./trials.ts";

/** Everything that came out. */
export interface RefusalOutcome {
  readonly lab: RefusalLab;
  readonly standard: Standard;
  /** For each build prompt, whether the model refuses it and whether it is harmful. */
  readonly refused: readonly boolean[];
  readonly isHarmful: readonly boolean[];
  readonly settings: readonly RefusalSetting[];
  readonly failed: readonly FailedSetting[];
  readonly trials: readonly Trial[];
  readonly references: readonly Reference[];
  readonly best?: Trial;
  /** The dictionary of the best trial. */
  readonly at?: RefusalSetting;
  readonly confirmation?: Confirmation;
  readonly steered: readonly Steered[];
}

/** The direction that all final positions share. */
const SHARED = "mean of all final positions";

const referenceAt = ({ references, best }: RefusalOutcome, name: string) =>
  references.find(({ layer, direction }) => layer === best?.layer && direction === name);

/** `run.json`'s findings. */
export function refusalFindings(outcome: RefusalOutcome): Record<string, Finding> {
  const { lab, standard, refused, isHarmful, trials, best, at, confirmation, steered, references } = outcome;
  const rate = (harmful: boolean) => {
    const own = refused.filter((_, i) => isHarmful[i] === harmful);
    return own.filter(Boolean).length / own.length;
  };
  const same = (trial: Trial) =>
    trial.layer === best?.layer && trial.percentile === best.percentile && trial.basis === best.basis &&
    trial.k === best.k;
  const seeds = trials.filter(same);
  const region = at?.candidates[0].directions;
  const refusal = ANSWER_KINDS.indexOf("coherent refusal");
  return {
    baseline_refusal_rate: ratesOf(lab.before.harmful).refused,
    benign_refusal_rate: ratesOf(lab.before.harmless).refused,
    build_refusal_rate_harmful: rate(true),
    build_refusal_rate_harmless: rate(false),
    best_delta: best?.delta ?? null,
    best_setting: best
      ? { layer: best.layer, p: best.percentile, basis: best.basis, k: best.k, seed: best.seed }
      : null,
    best_region_members: best?.members ?? null,
    best_region_refusal_rate: best?.share ?? null,
    best_loops: best?.loops ?? null,
    null_delta: best?.nullDelta ?? null,
    null_distance: best?.nullDistance ?? null,
    delta_by_seed: seeds.map(({ delta }) => delta),
    null_delta_by_seed: seeds.map(({ nullDelta }) => nullDelta),
    cos_mean_exemplar: cosine(region?.mean, region?.exemplar),
    cos_region_shared: cosine(region?.mean, referenceAt(outcome, SHARED)?.vector),
    cos_null_shared: cosine(at?.matched?.directions.mean, referenceAt(outcome, SHARED)?.vector),
    cos_region_difference_in_means: cosine(region?.mean, referenceAt(outcome, "difference in means")?.vector),
    largest_fall: trials.length > 0 ? Math.min(...trials.map(({ delta }) => delta)) : null,
    ...counts(trials, standard),
    delta_difference_in_means: references.filter(isOf("difference in means")).map(({ delta }) => delta),
    delta_mean_final_position: references.filter(isOf("mean of all final positions")).map(({ delta }) => delta),
    delta_random_direction: references.filter(isOf("random direction")).map(({ delta }) => delta),
    other_prompts_delta: confirmation ? confirmation.others.region - confirmation.others.before : null,
    other_prompts_null_delta: confirmation ? confirmation.others.null - confirmation.others.before : null,
    steering_coherent_refusal: largest(steered, "region of refusal", refusal),
    steering_coherent_refusal_null: largest(steered, "matched null region", refusal),
    steering_coherent_refusal_difference_in_means: largest(steered, "difference in means", refusal),
  };
}

/** The answer: what the best ablation did beside its null, how often the sweep shows it, what steering does. */
export function refusalAnswer(outcome: RefusalOutcome): string {
  const { lab, standard, trials, best, at, confirmation, steered } = outcome;
  const before = ratesOf(lab.before.harmful);
  const baseline = before.refused;
  if (!best || !at) {
    return `No: of ${outcome.settings.length} dictionaries none has a region in which refused prompts end, so there is ` +
      `nothing to ablate (the model refuses ${formatNumber(baseline)} of the held-out harmful prompts).`;
  }
  const effect = counts(trials, standard);
  const change = (name: string) => signed(referenceAt(outcome, name)?.delta ?? NaN);
  const holds = best.delta <= EFFECT && nullHolds(best, standard);
  const isShared = (referenceAt(outcome, SHARED)?.delta ?? NaN) <= best.delta + standard.nullTolerance;
  const verdict = !holds
    ? "Not specifically"
    : isShared
    ? "By its null region yes, by the direction that all prompts' ends share no"
    : isMatched(best, standard)
    ? "Yes"
    : "Yes, by a null of another size";
  const { matched } = at;
  const others = trials.filter((trial) =>
    trial.k === 1 && trial.basis !== best.basis && trial.seed === best.seed && trial.layer === best.layer &&
    trial.percentile === best.percentile
  );
  const sentences = [
    `${verdict}: ablating one region (block ${best.layer}, p ${best.percentile}, ${best.basis}, seed ${best.seed}) takes the ` +
    `refusal of held-out harmful prompts from ${fixed(baseline)} to ${fixed(best.refused)}, ` +
    (matched
      ? `its null region changes it by ${signed(best.nullDelta)} (${formatNumber(matched.count)} members beside ` +
        `${formatNumber(at.candidates[0].count)}` +
        others.map(({ basis, nullDelta }) => `; ${basis} ${signed(nullDelta)}`).join("") + ")"
      : "there is no null region to compare with") +
    `, and the mean of all final positions, which no label enters, by ${change(SHARED)}.`,
    `It is the best of ${effect.single_ablations} ablations of one region, chosen on these prompts; ${effect.with_effect} of ` +
    `them lower refusal by 0.5 or more: in ${effect.with_effect_and_null} the null stays within ` +
    `±${standard.nullTolerance} (in ${effect.with_effect_and_matched_null} of these it is also of the region's size, within ` +
    `${standard.matchDistance} in log10 members and coherence), in ${effect.with_effect_null_falls} it falls too, ` +
    `${effect.with_effect_without_null} have none.`,
    `${fixed(best.loops)} of the answers under the best ablation end in a loop (before: ${fixed(before.loops)}).`,
    `At that block the difference in means of harmful and harmless prompts changes refusal by ` +
    `${change("difference in means")}, a random direction by ${change("random direction")}.`,
  ];
  if (confirmation) {
    const { before: unchanged, region, null: none } = confirmation.others;
    sentences.push(
      `On harmful prompts of other sources it goes from ${fixed(unchanged)} to ${fixed(region)}` +
        (Number.isNaN(none) ? "." : `, under the null to ${fixed(none)}.`),
    );
  }
  const refusal = ANSWER_KINDS.indexOf("coherent refusal");
  const most = (direction: string) => largest(steered, direction, refusal);
  if (steered.length > 0) {
    sentences.push(
      `Steering with the region makes at most ${fixed(most("region of refusal"))} of the harmless prompts' answers ` +
        `coherent refusals, with the difference in means ${fixed(most("difference in means"))}` +
        (at.matched ? `, with the null ${fixed(most("matched null region"))}.` : "."),
    );
  }
  return sentences.join(" ");
}

function counts(trials: readonly Trial[], standard: Standard) {
  const single = trials.filter(({ k }) => k === 1);
  const falling = single.filter(({ delta }) => delta <= EFFECT);
  const holding = falling.filter((trial) => nullHolds(trial, standard));
  return {
    ablations: trials.length,
    single_ablations: single.length,
    with_effect: falling.length,
    with_effect_and_null: holding.length,
    with_effect_null_falls: falling.filter(({ nullDelta }) => nullDelta < -standard.nullTolerance - 1e-9).length,
    with_effect_without_null: falling.filter(({ nullDelta }) => Number.isNaN(nullDelta)).length,
    with_effect_and_matched_null: holding.filter((trial) => isMatched(trial, standard)).length,
  };
}

const isOf = (name: string) => ({ direction }: Reference) => direction === name;

function largest(steered: readonly Steered[], direction: string, kind: number): number {
  return steered.filter((row) => row.direction === direction).reduce((max, row) => Math.max(max, row.shares[kind]), 0);
}

const fixed = (value: number) => value.toFixed(2);
const signed = (value: number) => (value > 0 ? "+" : value < 0 ? "−" : "") + fixed(Math.abs(value));

/** Of unit directions; null where one is missing. */
function cosine(a?: Float32Array, b?: Float32Array): number | null {
  return a && b ? a.reduce((sum, value, i) => sum + value * b[i], 0) : null;
}
