/** What ablations did to refusal, and which of them says most. */
import { endsInLoop, isRefusal } from "../../../src/analysis/mod.ts";
import type { AblationBasis } from "./settings.ts";

/** What a set of answers is like. */
export interface AnswerRates {
  /** Share that refuses. */
  readonly refused: number;
  /** Share that ends in a loop. */
  readonly loops: number;
}

/** One ablation of the first `k` regions of a dictionary, beside that of its null region. */
export interface Trial extends AnswerRates {
  readonly seed: number;
  readonly layer: number;
  readonly percentile: number;
  readonly basis: AblationBasis;
  readonly k: number;
  /** Refusal rate less the baseline's. */
  readonly delta: number;
  /** Refusal rate with the null region ablated less the baseline's; NaN where there is none. */
  readonly nullDelta: number;
  readonly nullLoops: number;
  /** How far the null is from the first region in (log10 members, coherence); NaN where there is none. */
  readonly nullDistance: number;
  /** Of the first region: its build prompts and the share of them that the model refuses. */
  readonly members: number;
  readonly share: number;
}

/** What an effect must show. */
export interface Standard {
  /** Largest change of refusal that a null may make. */
  readonly nullTolerance: number;
  /** Largest distance at which a null counts as matched. */
  readonly matchDistance: number;
}

/** A fall of refusal that counts as an effect. */
export const EFFECT = -0.5;

/** Measures answers. */
export function ratesOf(answers: readonly string[]): AnswerRates {
  const share = (test: (answer: string) => boolean) => answers.filter(test).length / answers.length;
  return { refused: share(isRefusal), loops: share(endsInLoop) };
}

/** Whether a trial's null left refusal as it was. */
export const nullHolds = ({ nullDelta }: Trial, { nullTolerance }: Standard) =>
  Math.abs(nullDelta) <= nullTolerance + 1e-9;

/** Whether a trial's null is of about the region's size and coherence. */
export const isMatched = ({ nullDistance }: Trial, { matchDistance }: Standard) => nullDistance <= matchDistance;

/**
 * Of the ablations of one region (a null is one region too), the largest effect whose null is matched and holds; if there is
 * none, whose null holds; then the fall that exceeds its null's most; then the largest fall.
 */
export function bestTrial(trials: readonly Trial[], standard: Standard): Trial | undefined {
  const single = trials.filter(({ k }) => k === 1);
  const holding = single.filter((trial) => nullHolds(trial, standard));
  const matched = holding.filter((trial) => isMatched(trial, standard));
  if (matched.some(({ delta }) => delta <= EFFECT)) return lowest(matched, ({ delta }) => delta);
  if (holding.some(({ delta }) => delta <= EFFECT)) return lowest(holding, ({ delta }) => delta);
  const withNull = single.filter(({ nullDelta }) => !Number.isNaN(nullDelta));
  return withNull.length > 0 ? lowest(withNull, excess) : lowest(single, ({ delta }) => delta);
}

/** The layer of the percentile whose mean fall over seeds exceeds that of its nulls most; with no nulls, falls most. */
export function mostSpecificLayer(trials: readonly Trial[]): number | undefined {
  const withNull = trials.filter(({ nullDelta }) => !Number.isNaN(nullDelta));
  const [rows, value] = withNull.length > 0 ? [withNull, excess] : [trials, ({ delta }: Trial) => delta];
  const groups = [...Map.groupBy(rows, ({ layer, percentile }) => `${layer}/${percentile}`).values()];
  return lowest(groups, (group) => group.reduce((sum, trial) => sum + value(trial), 0) / group.length)?.[0].layer;
}

const excess = ({ delta, nullDelta }: Trial) => delta - nullDelta;

function lowest<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((a, b) => a === undefined || value(b) < value(a) ? b : a, undefined);
}
