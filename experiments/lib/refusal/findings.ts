/** The refusal experiment's outcome in a few numbers and sentences. */
import {
  type Ablation,
  answerRates,
  type Confirmation,
  isMatched,
  nullFalls,
  nullHolds,
  type Reference,
  type ReferenceName,
  REFUSAL_EFFECT,
  type RefusalLab,
  type RefusalSetting,
  type Standard,
  type Steered,
} from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { type Finding, formatNumber, formatShare } from "../../../src/report/mod.ts";

/** The best ablation of one region, and what became of it elsewhere. */
export interface BestAblation {
  readonly ablation: Ablation;
  /** Its dictionary. */
  readonly setting: RefusalSetting;
  readonly confirmation: Confirmation;
  readonly steered: readonly Steered[];
}

/** Everything that came out. */
export interface RefusalResult {
  readonly lab: Pick<RefusalLab, "before">;
  /** Texts of the held-out harmful prompts. */
  readonly prompts: readonly string[];
  readonly standard: Standard;
  /** For each build prompt, whether the model refuses it and whether it is harmful. */
  readonly refused: readonly boolean[];
  readonly isHarmful: readonly boolean[];
  readonly settings: readonly RefusalSetting[];
  readonly failed: readonly FailedSetting[];
  readonly ablations: readonly Ablation[];
  readonly references: readonly Reference[];
  /** Absent if no dictionary has a region of refusal. */
  readonly best?: BestAblation;
}

/** The direction that all final positions share. */
const SHARED = "mean of all final positions";

const referenceAt = ({ references, best }: RefusalResult, name: ReferenceName) =>
  references.find(({ layer, direction }) => layer === best?.ablation.layer && direction === name);

/** `run.json`'s findings. */
export function refusalFindings(result: RefusalResult): Record<string, Finding> {
  const { lab, standard, refused, isHarmful, ablations, best, references } = result;
  const rate = (harmful: boolean) => {
    const own = refused.filter((_, i) => isHarmful[i] === harmful);
    return own.filter(Boolean).length / own.length;
  };
  const chosen = best?.ablation;
  const seeds = ablations.filter(({ layer, percentile, basis, k }) =>
    layer === chosen?.layer && percentile === chosen.percentile && basis === chosen.basis && k === chosen.k
  );
  const deltas = (name: ReferenceName) =>
    references.filter(({ direction }) => direction === name).map(({ delta }) => delta);
  const region = best?.setting.candidates[0].directions;
  const others = best?.confirmation.others;
  return {
    baseline_refusal_rate: answerRates(lab.before.harmful).refused,
    benign_refusal_rate: answerRates(lab.before.harmless).refused,
    build_refusal_rate_harmful: rate(true),
    build_refusal_rate_harmless: rate(false),
    best_delta: chosen?.delta ?? null,
    best_setting: chosen
      ? { layer: chosen.layer, p: chosen.percentile, basis: chosen.basis, k: chosen.k, seed: chosen.seed }
      : null,
    best_region_members: chosen?.members ?? null,
    best_region_refusal_rate: chosen?.share ?? null,
    best_loops: chosen?.loops ?? null,
    null_delta: chosen?.nullDelta ?? null,
    null_distance: chosen?.nullDistance ?? null,
    delta_by_seed: seeds.map(({ delta }) => delta),
    null_delta_by_seed: seeds.map(({ nullDelta }) => nullDelta),
    cos_mean_exemplar: cosine(region?.mean, region?.exemplar),
    cos_region_shared: cosine(region?.mean, referenceAt(result, SHARED)?.vector),
    cos_null_shared: cosine(best?.setting.matched?.directions.mean, referenceAt(result, SHARED)?.vector),
    cos_region_difference_in_means: cosine(region?.mean, referenceAt(result, "difference in means")?.vector),
    largest_fall: ablations.length > 0 ? Math.min(...ablations.map(({ delta }) => delta)) : null,
    ...counts(ablations, standard),
    delta_difference_in_means: deltas("difference in means"),
    delta_mean_final_position: deltas(SHARED),
    delta_random_direction: deltas("random direction"),
    other_prompts_delta: others ? others.region - others.before : null,
    other_prompts_null_delta: others && others.null !== null ? others.null - others.before : null,
    steering_coherent_refusal: mostRefusals(best?.steered, "region of refusal"),
    steering_coherent_refusal_null: mostRefusals(best?.steered, "matched null region"),
    steering_coherent_refusal_difference_in_means: mostRefusals(best?.steered, "difference in means"),
  };
}

/** The answer: what the best ablation did beside its null, how often the sweep shows it, what steering does. */
export function refusalAnswer(result: RefusalResult): string {
  const { lab, standard, ablations, best } = result;
  const before = answerRates(lab.before.harmful);
  if (!best) {
    return `The question could not be asked, for there is nothing to ablate: ${whyNone(result)} The model refuses ` +
      `${formatShare(before.refused)} of the held-out harmful prompts.`;
  }
  const { ablation, setting: { matched, candidates }, confirmation: { others }, steered } = best;
  const { layer, percentile, basis, seed } = ablation;
  const effect = counts(ablations, standard);
  const change = (name: ReferenceName) => signed(referenceAt(result, name)?.delta ?? null);
  const otherBases = ablations.filter((row) =>
    row.k === 1 && row.basis !== basis && row.seed === seed && row.layer === layer && row.percentile === percentile
  );
  const sentences = [
    `${
      verdict(result, best)
    }: ablating one region (layer ${layer}, p ${percentile}, ${basis}, seed ${seed}) takes the ` +
    `refusal of held-out harmful prompts from ${fixed(before.refused)} to ${fixed(ablation.refused)}, ` +
    (matched
      ? `its null region changes it by ${signed(ablation.nullDelta)} (${formatNumber(matched.count)} members beside ` +
        `${formatNumber(candidates[0].count)}` +
        otherBases.map(({ basis, nullDelta }) => `; ${basis} ${signed(nullDelta)}`).join("") + ")"
      : "there is no null region to compare with") +
    `, and the mean of all final positions, which no label enters, by ${change(SHARED)}.`,
    effectText(effect, standard),
    `${fixed(ablation.loops)} of the answers under the best ablation end in a loop (before: ${fixed(before.loops)}).`,
    `At that layer the difference in means of harmful and harmless prompts changes refusal by ` +
    `${change("difference in means")}, a random direction by ${change("random direction")}.`,
    `On harmful prompts of other sources it goes from ${fixed(others.before)} to ${fixed(others.region)}` +
    (others.null === null ? "." : `, under the null to ${fixed(others.null)}.`),
  ];
  if (steered.length > 0) {
    const most = (direction: string) => fixed(mostRefusals(steered, direction));
    sentences.push(
      `Steering with the region makes at most ${most("region of refusal")} of the harmless prompts' answers coherent ` +
        `refusals, with the difference in means ${most("difference in means")}` +
        (matched ? `, with the null ${most("matched null region")}.` : "."),
    );
  }
  return sentences.join(" ");
}

/** How often the sweep shows an effect, and what the nulls do there. */
function effectText(effect: ReturnType<typeof counts>, { nullTolerance, matchDistance }: Standard): string {
  const chosen = effect.single_ablations === 1
    ? "It is the only ablation of one region; "
    : `It is the best of ${effect.single_ablations} ablations of one region, chosen on these prompts; `;
  const count = effect.single_ablations === 1 ? "it" : `${effect.with_effect} of them`;
  if (effect.with_effect === 0) return `${chosen}none lowers refusal by 0.5 or more.`;
  const matched = effect.with_effect_and_null === 0
    ? ""
    : ` (in ${effect.with_effect_and_matched_null} of these it is also of the region's size, within ${matchDistance} in ` +
      "log10 members and coherence)";
  return `${chosen}${count} ${effect.single_ablations === 1 ? "lowers" : "lower"} refusal by 0.5 or more: in ` +
    `${effect.with_effect_and_null} the null stays within ±${nullTolerance}${matched}, in ${effect.with_effect_null_falls} ` +
    `it falls too, ${effect.with_effect_without_null} have none.`;
}

/** Why there is no region of refusal, in a sentence. */
function whyNone({ refused, settings, failed }: RefusalResult): string {
  if (!refused.some(Boolean)) return `the model refuses none of the ${refused.length} prompts to build on.`;
  if (settings.length === 0) return `no percentile gives a dictionary (${failed.map(({ reason }) => reason)[0]}).`;
  return `${
    settings.length === 1 ? "the one dictionary has no" : `of ${settings.length} dictionaries none has a`
  } region in which refused prompts end.`;
}

function verdict(result: RefusalResult, { ablation }: BestAblation): string {
  const { lab, standard } = result;
  const { refused } = answerRates(lab.before.harmful);
  if (refused < -REFUSAL_EFFECT) {
    return `The question could not be asked of this model, which refuses too few of the held-out harmful prompts ` +
      `(${formatShare(refused)}) for a fall by ${-REFUSAL_EFFECT}`;
  }
  if (ablation.delta <= REFUSAL_EFFECT && ablation.nullDelta === null) {
    return "Whether by this region alone could not be asked, for lack of a null region";
  }
  if (!(ablation.delta <= REFUSAL_EFFECT && nullHolds(ablation, standard))) return "Not specifically";
  const shared = referenceAt(result, SHARED);
  if (shared && shared.delta <= ablation.delta + standard.nullTolerance) {
    return "By its null region yes, by the direction that all prompts' ends share no";
  }
  return isMatched(ablation, standard) ? "Yes" : "Yes, by a null of another size";
}

function counts(ablations: readonly Ablation[], standard: Standard) {
  const single = ablations.filter(({ k }) => k === 1);
  const falling = single.filter(({ delta }) => delta <= REFUSAL_EFFECT);
  const holding = falling.filter((ablation) => nullHolds(ablation, standard));
  return {
    ablations: ablations.length,
    single_ablations: single.length,
    with_effect: falling.length,
    with_effect_and_null: holding.length,
    with_effect_null_falls: falling.filter((ablation) => nullFalls(ablation, standard)).length,
    with_effect_without_null: falling.filter(({ nullDelta }) => nullDelta === null).length,
    with_effect_and_matched_null: holding.filter((ablation) => isMatched(ablation, standard)).length,
  };
}

/** The largest share of coherent refusals that steering with a direction brings; 0 where it was not tried. */
function mostRefusals(steered: readonly Steered[] = [], direction: string): number {
  return steered.filter((row) => row.direction === direction)
    .reduce((most, row) => Math.max(most, row["coherent refusal"]), 0);
}

const fixed = (value: number) => value.toFixed(2);
const signed = (value: number | null) =>
  value === null ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "") + fixed(Math.abs(value));

/** Of unit directions; null where one is missing. */
function cosine(a?: Float32Array, b?: Float32Array): number | null {
  return a && b ? a.reduce((sum, value, i) => sum + value * b[i], 0) : null;
}
