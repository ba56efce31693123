/** What refusal does under directions that are no region's, on other prompts, and under steering. */
import { batchAt, type StreamBatch } from "../../../src/activations/mod.ts";
import {
  differenceInMeans,
  kindShares,
  meanDirection,
  meanDistance,
  randomDirections,
} from "../../../src/analysis/mod.ts";
import { ablationName, ablationOf, type PromptSets, type RefusalLab } from "./lab.ts";
import type { AblationBasis, RefusalSetting } from "./settings.ts";
import { type AnswerRates, ratesOf } from "./trials.ts";

/** The ablation of one direction that no dictionary gave. */
export interface Reference extends AnswerRates {
  readonly layer: number;
  readonly direction: string;
  readonly vector: Float32Array<ArrayBuffer>;
  /** Refusal rate less the baseline's. */
  readonly delta: number;
}

/**
 * Ablates at every layer: the difference in means of harmful and harmless prompts (supervised), the direction that all final
 * positions share, and a random one.
 *
 * @param finals Final positions of the build prompts.
 * @param centers By layer, where dictionaries could be grown.
 * @param harmful Whether each of these prompts is harmful.
 */
export async function tryReferences(
  lab: RefusalLab,
  finals: StreamBatch,
  centers: ReadonlyMap<number, Float32Array<ArrayBuffer>>,
  harmful: readonly boolean[],
  seed: number,
): Promise<Reference[]> {
  const references: Reference[] = [];
  for (const [layer, center] of centers) {
    const { data, dim } = batchAt(finals, layer);
    const directions = {
      "difference in means": differenceInMeans(data!, dim, harmful),
      "mean of all final positions": meanDirection(data!, dim, center),
      "random direction": randomDirections(1, dim, seed),
    };
    for (const [direction, vector] of Object.entries(directions)) {
      const ablation = { layer, ablate: { directions: [vector], center } };
      const rates = ratesOf(await lab.answers("harmful", `ablation of the ${direction}, layer ${layer}`, ablation));
      references.push({
        layer,
        direction,
        vector,
        ...rates,
        delta: rates.refused - ratesOf(lab.before.harmful).refused,
      });
    }
  }
  return references;
}

/** The best ablation on prompts that it was not chosen on, and on harmless ones. */
export interface Confirmation {
  /** Refusal of harmful prompts of other sources: before, under the ablation, under the null's. */
  readonly others: { readonly before: number; readonly region: number; readonly null: number };
  /** Answers to harmless prompts under the ablation, and the null's, by kind, in the order of `ANSWER_KINDS`. */
  readonly harmless: { readonly region: number[]; readonly null: number[] };
  /** Answers to the harmful prompts. */
  readonly answers: { readonly region: string[]; readonly null: string[] };
}

/** Tries one ablation and its null on all sets of prompts. */
export async function confirm(
  lab: RefusalLab,
  setting: RefusalSetting,
  basis: AblationBasis,
  k: number,
): Promise<Confirmation> {
  const tried = (set: keyof PromptSets, what: number | "null") =>
    lab.answers(set, `best ${ablationName(setting, basis, what)}`, ablationOf(setting, basis, what));
  const hasNull = setting.matched !== undefined;
  const refused = (answers: readonly string[]) => ratesOf(answers).refused;
  const kinds = (answers: readonly string[]) => kindShares(answers, lab.before.harmless);
  const answers = {
    region: await tried("harmful", k),
    null: hasNull ? await tried("harmful", "null") : [],
  };
  return {
    others: {
      before: refused(lab.before.others),
      region: refused(await tried("others", k)),
      null: hasNull ? refused(await tried("others", "null")) : NaN,
    },
    harmless: {
      region: kinds(await tried("harmless", k)),
      null: hasNull ? kinds(await tried("harmless", "null")) : [],
    },
    answers,
  };
}

/** Harmless prompts answered while a direction was added. */
export interface Steered {
  readonly direction: string;
  /** In mean distances of the final positions from the center. */
  readonly alpha: number;
  /** Share that holds a phrase of refusal, loops included. */
  readonly refused: number;
  /** Share of each kind, in the order of `ANSWER_KINDS`. */
  readonly shares: readonly number[];
  /** One of the answers. */
  readonly example: string;
}

/** Steers the harmless prompts with the first region of refusal, its null, and the difference in means. */
export async function steerHarmless(
  lab: RefusalLab,
  finals: StreamBatch,
  { layer, center, candidates, matched }: RefusalSetting,
  basis: AblationBasis,
  harmful: readonly boolean[],
  alphas: readonly number[],
  onDone: () => void,
): Promise<Steered[]> {
  const { data, dim } = batchAt(finals, layer);
  const unit = meanDistance(data!, dim, center);
  const directions = {
    "region of refusal": candidates[0].directions[basis],
    ...(matched && { "matched null region": matched.directions[basis] }),
    "difference in means": differenceInMeans(data!, dim, harmful),
  };
  const steered: Steered[] = [];
  for (const [name, direction] of Object.entries(directions)) {
    for (const alpha of alphas) {
      const steer = { layer, steer: { direction, alpha: alpha * unit } };
      const answers = await lab.answers("harmless", `steering with the ${name} by ${alpha}`, steer);
      const shares = kindShares(answers, lab.before.harmless);
      steered.push({ direction: name, alpha, refused: ratesOf(answers).refused, shares, example: answers[0] });
      onDone();
    }
  }
  return steered;
}
