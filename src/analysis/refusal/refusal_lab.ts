import { type ActivationBatch, Batch } from "../../activations/batch.ts";
import type { Intervention } from "../../model/types.ts";
import { LAYER, number, row, type RowOf, words } from "../../report/row.ts";
import { randomDirections } from "../geometry/random_directions.ts";
import { differenceInMeans, meanDirection, meanDistance } from "../interventions/reference_directions.ts";
import { type Ablation, mostSpecificLayer } from "./ablations.ts";
import {
  ANSWER_RATES,
  type AnswerRates,
  answerRates,
  KIND_SHARES,
  type KindShares,
  kindShares,
} from "./answer_kind.ts";
import { type AblationBasis, BASES, type RefusalSetting } from "./refusal_setting.ts";

/** Prompts that are answered: harmful ones, harmless ones, and harmful ones of other sources. */
export const REFUSAL_SETS = ["harmful", "harmless", "others"] as const;
/** One of {@linkcode REFUSAL_SETS}. */
export type RefusalSet = typeof REFUSAL_SETS[number];

/**
 * Has a set of prompts answered under an intervention, or as they are: one answer a prompt, always in one order.
 *
 * @param name Tells the intervention from all others.
 */
export type AnswerPrompts = (set: RefusalSet, name: string, intervention?: Intervention) => Promise<string[]>;

/** Directions that no dictionary gave, which a region's must do better than. */
export const REFERENCES = ["difference in means", "mean of all final positions", "random direction"] as const;
/** One of {@linkcode REFERENCES}. */
export type ReferenceName = typeof REFERENCES[number];

/**
 * The ablation of one of {@linkcode REFERENCES}.
 *
 * @internal
 */
export const REFERENCE = row({
  layer: LAYER,
  direction: words("what is ablated"),
  ...ANSWER_RATES,
  delta: number("refusal rate less the baseline's", { heading: "change" }),
});
/** A row of {@linkcode REFERENCE}, and the direction. */
export type Reference = RowOf<typeof REFERENCE> & {
  readonly direction: ReferenceName;
  /** Unit, length `dim`. */
  readonly vector: Float32Array<ArrayBuffer>;
};

/**
 * Harmless prompts answered while a direction is added.
 *
 * @internal
 */
export const STEERED = row({
  direction: words("what is added"),
  alpha: number("strength, in mean distances of final positions from the center", { heading: "α" }),
  refused: number("share of answers that hold a phrase of refusal, loops included, 0..1", { heading: "any refusal" }),
  ...KIND_SHARES,
  example: words("answer to the first prompt", { heading: "first answer" }),
});
/** A row of {@linkcode STEERED}. */
export type Steered = RowOf<typeof STEERED>;

/** An ablation on prompts that it was not chosen on, and on harmless ones. */
export interface Confirmation {
  /** Refusal rate of harmful prompts of other sources. */
  readonly others: { readonly before: number; readonly region: number; readonly null: number | null };
  /** Kinds of answers to harmless prompts. */
  readonly harmless: { readonly region: KindShares; readonly null: KindShares | null };
  /** Answers to the harmful prompts. */
  readonly answers: { readonly region: readonly string[]; readonly null: readonly string[] | null };
}

/** Final positions of prompts, some of which are harmful. */
export interface LabelledFinals {
  /** `prompts x dim`, at one layer. */
  readonly finals: ActivationBatch;
  /** Whether each prompt is harmful. */
  readonly isHarmful: readonly boolean[];
}

/**
 * What becomes of a model's refusals when directions are taken out of it, or added.
 *
 * @example A model that refuses what is harmful unless something is ablated
 * ```ts
 * const lab = await RefusalLab.create((set, _name, intervention) =>
 *   Promise.resolve([set !== "harmless" && !intervention ? "I cannot help with that." : "Sure."])
 * );
 * const directions = { mean: Float32Array.of(1, 0), exemplar: Float32Array.of(1, 0), "re-anchored": Float32Array.of(1, 0) };
 * const region = { region: 0, members: 5, share: 1, count: 9, coherence: 0.9, directions };
 * const { delta, nullDelta } = await lab.ablate({
 *   ...{ seed: 0, layer: 6, percentile: 2, threshold: 0.2, size: 4, occupied: 2, center: new Float32Array(2) },
 *   ...{ candidates: [region], matched: null },
 * }, "mean", 1);
 * if (delta !== -1 || nullDelta !== null) throw new Error(`${delta} ${nullDelta}`);
 * ```
 */
export class RefusalLab {
  /** Rates of answers to the harmful prompts by what is ablated: nothing is generated twice. */
  readonly #known = new Map<string, AnswerRates>();

  private constructor(
    /** Has prompts answered. */
    readonly answer: AnswerPrompts,
    /** Answers without an intervention. */
    readonly before: Readonly<Record<RefusalSet, readonly string[]>>,
  ) {}

  /** Has all prompts answered without an intervention. */
  static async create(answer: AnswerPrompts): Promise<RefusalLab> {
    const plain = (set: RefusalSet) => answer(set, "no intervention");
    const before = {
      harmful: await plain("harmful"),
      harmless: await plain("harmless"),
      others: await plain("others"),
    };
    return new RefusalLab(answer, before);
  }

  /** Ablates the first `k` regions of refusal, beside the matched null. */
  async ablate(setting: RefusalSetting, basis: AblationBasis, k: number): Promise<Ablation> {
    const { seed, layer, percentile, candidates: [{ members, share }], matched } = setting;
    const baseline = answerRates(this.before.harmful).refused;
    const rates = await this.#rates(setting, basis, k);
    const none = matched && await this.#rates(setting, basis, "null");
    return {
      ...{ seed, layer, percentile, basis, k, members, share, ...rates },
      delta: rates.refused - baseline,
      nullDelta: none && none.refused - baseline,
      nullLoops: none && none.loops,
      nullDistance: matched && matched.distance,
    };
  }

  /**
   * Ablates the first region of refusal of every dictionary that has one, by its mean; then, at the layer where that does most
   * (see `mostSpecificLayer`), the first ones together, by every basis.
   *
   * @param ks How many to ablate together; those of which a dictionary has fewer are left out.
   * @param onDone Called after each ablation with the number done.
   */
  async sweep(
    settings: readonly RefusalSetting[],
    ks: readonly number[],
    onDone?: (count: number) => void,
  ): Promise<Ablation[]> {
    const ablations: Ablation[] = [];
    const ablate = async (setting: RefusalSetting, basis: AblationBasis, k: number) => {
      ablations.push(await this.ablate(setting, basis, k));
      onDone?.(ablations.length);
    };
    const promising = settings.filter(({ candidates }) => candidates.length > 0);
    for (const setting of promising) await ablate(setting, "mean", 1);
    const layer = mostSpecificLayer(ablations);
    for (const setting of promising.filter((setting) => setting.layer === layer)) {
      for (const basis of BASES) {
        for (const k of ks) {
          const isDone = basis === "mean" && k === 1;
          if (!isDone && k <= setting.candidates.length) await ablate(setting, basis, k);
        }
      }
    }
    return ablations;
  }

  /**
   * Ablates what is no region's: the difference in means of harmful and harmless prompts (supervised), the direction that all
   * final positions share, and a random one.
   *
   * @param layer That of the final positions.
   * @param center Length `dim`.
   * @param onDone Called after each of the three.
   */
  async references(
    layer: number,
    center: Float32Array<ArrayBuffer>,
    { finals, isHarmful }: LabelledFinals,
    seed: number,
    onDone?: () => void,
  ): Promise<Reference[]> {
    const { dim } = finals;
    const values = await Batch.of(finals).values();
    const vectors: Readonly<Record<ReferenceName, Float32Array<ArrayBuffer>>> = {
      "difference in means": differenceInMeans(values, dim, isHarmful),
      "mean of all final positions": meanDirection(values, dim, center),
      "random direction": randomDirections(1, dim, seed),
    };
    const baseline = answerRates(this.before.harmful).refused;
    const references: Reference[] = [];
    for (const direction of REFERENCES) {
      const vector = vectors[direction];
      const ablation = { layer, ablate: { directions: [vector], center } };
      const rates = answerRates(await this.answer("harmful", `ablation of the ${direction}, layer ${layer}`, ablation));
      references.push({ layer, direction, vector, ...rates, delta: rates.refused - baseline });
      onDone?.();
    }
    return references;
  }

  /** Tries one ablation and its null on all sets of prompts. */
  async confirm(setting: RefusalSetting, basis: AblationBasis, k: number): Promise<Confirmation> {
    const tried = (set: RefusalSet, what: number | "null") =>
      this.answer(set, `best ${ablationName(setting, basis, what)}`, refusalAblation(setting, basis, what));
    const both = async (set: RefusalSet) => {
      return { region: await tried(set, k), none: setting.matched && await tried(set, "null") };
    };
    const [harmful, others, harmless] = [await both("harmful"), await both("others"), await both("harmless")];
    const refused = (answers: readonly string[]) => answerRates(answers).refused;
    const kinds = (answers: readonly string[]) => kindShares(answers, this.before.harmless);
    return {
      others: {
        before: refused(this.before.others),
        region: refused(others.region),
        null: others.none && refused(others.none),
      },
      harmless: { region: kinds(harmless.region), null: harmless.none && kinds(harmless.none) },
      answers: { region: harmful.region, null: harmful.none },
    };
  }

  /**
   * Has the harmless prompts answered while the first region of refusal is added, then its null, then the difference in means.
   *
   * @param alphas Strengths, in mean distances of the final positions from the center.
   * @param onDone Called after each strength.
   */
  async steer(
    { layer, center, candidates, matched }: RefusalSetting,
    basis: AblationBasis,
    { finals, isHarmful }: LabelledFinals,
    alphas: readonly number[],
    onDone?: () => void,
  ): Promise<Steered[]> {
    const values = await Batch.of(finals).values();
    const unit = meanDistance(values, finals.dim, center);
    const directions = {
      "region of refusal": candidates[0].directions[basis],
      ...(matched && { "matched null region": matched.directions[basis] }),
      "difference in means": differenceInMeans(values, finals.dim, isHarmful),
    };
    const steered: Steered[] = [];
    for (const [name, direction] of Object.entries(directions)) {
      for (const alpha of alphas) {
        const steer = { layer, steer: { direction, alpha: alpha * unit } };
        const answers = await this.answer("harmless", `steering with the ${name} by ${alpha}`, steer);
        const { refused } = answerRates(answers);
        const shares = kindShares(answers, this.before.harmless);
        steered.push({ direction: name, alpha, refused, ...shares, example: answers[0] });
        onDone?.();
      }
    }
    return steered;
  }

  async #rates(setting: RefusalSetting, basis: AblationBasis, what: number | "null"): Promise<AnswerRates> {
    const name = ablationName(setting, basis, what);
    const known = this.#known.get(name);
    if (known) return known;
    const rates = answerRates(await this.answer("harmful", name, refusalAblation(setting, basis, what)));
    this.#known.set(name, rates);
    return rates;
  }
}

/**
 * The ablation of the first regions of refusal of a dictionary, as many as `what` says, or of its null region.
 *
 * @param setting The dictionary's regions.
 * @param basis Which direction of a region is ablated.
 * @param what How many of the candidates, all where there are fewer; or the null, without which nothing is ablated.
 *
 * @example
 * ```ts
 * const [x, y] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
 * const directions = { mean: x, exemplar: x, "re-anchored": y };
 * const region = { region: 0, members: 5, share: 1, count: 9, coherence: 0.9, directions };
 * const setting = { layer: 6, center: new Float32Array(2), candidates: [region], matched: null };
 * const { layer, ablate } = refusalAblation(setting, "re-anchored", 1);
 * if (layer !== 6 || ablate?.directions.join() !== "0,1") throw new Error(`${layer} ${ablate?.directions}`);
 * ```
 */
export function refusalAblation(
  { layer, center, candidates, matched }: Pick<RefusalSetting, "layer" | "center" | "candidates" | "matched">,
  basis: AblationBasis,
  what: number | "null",
): Intervention {
  const regions = typeof what === "number" ? candidates.slice(0, what) : matched ? [matched] : [];
  return { layer, ablate: { directions: regions.map(({ directions }) => directions[basis]), center } };
}

/** Tells an ablation of regions from all others. */
function ablationName(
  { seed, layer, percentile }: RefusalSetting,
  basis: AblationBasis,
  what: number | "null",
): string {
  return `ablation of ${what} by ${basis}, seed ${seed}, layer ${layer}, p ${percentile}`;
}
