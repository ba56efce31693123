import { LAYER, number, oneOf, PERCENTILE, row, type RowOf, whole } from "../../report/row.ts";
import { ANSWER_RATES } from "./answer_kind.ts";
import { BASES } from "./refusal_setting.ts";

const NO_NULL = { missing: "no null region" } as const;

/**
 * What ablating the first regions of refusal of a dictionary does, beside ablating their null.
 *
 * @internal
 */
export const ABLATION = row({
  seed: whole("of the dictionary's stream order"),
  layer: LAYER,
  percentile: PERCENTILE,
  basis: oneOf(BASES, "direction of a region that is ablated"),
  k: whole("regions ablated together; the null is one region whatever it is", { heading: "K" }),
  members: whole("build prompts that end in the first of them", { heading: "prompts" }),
  share: number("share of those prompts that the model refuses, 0..1", { heading: "of them refused" }),
  ...ANSWER_RATES,
  delta: number("refusal rate less the baseline's", { heading: "change" }),
  nullDelta: number("change of the refusal rate when the null region is ablated instead", {
    heading: "null change",
    ...NO_NULL,
  }),
  nullLoops: number("share of answers under the null's ablation that end in a loop, 0..1", NO_NULL),
  nullDistance: number("of the null from the first region in (log10 members, coherence)", NO_NULL),
});
/** A row of {@linkcode ABLATION}. */
export type Ablation = RowOf<typeof ABLATION>;

/** What an effect must show. */
export interface Standard {
  /** Largest change of refusal that a null may make. */
  readonly nullTolerance: number;
  /** Largest distance at which a null counts as matched. */
  readonly matchDistance: number;
}

/**
 * A fall of refusal that counts as an effect.
 *
 * @internal
 */
export const REFUSAL_EFFECT = -0.5;

/** Whether an ablation's null left refusal as it was; not without a null. */
export function nullHolds({ nullDelta }: Pick<Ablation, "nullDelta">, { nullTolerance }: Standard): boolean {
  // A hair more: rates are quotients of counts, so a change of just the tolerance is mostly not represented as one.
  return nullDelta !== null && Math.abs(nullDelta) <= nullTolerance + 1e-9;
}

/** Whether an ablation's null lowers refusal, too. */
export function nullFalls({ nullDelta }: Pick<Ablation, "nullDelta">, { nullTolerance }: Standard): boolean {
  return nullDelta !== null && nullDelta < -nullTolerance - 1e-9;
}

/** Whether an ablation's null is of about the region's size and coherence. */
export function isMatched({ nullDistance }: Pick<Ablation, "nullDistance">, { matchDistance }: Standard): boolean {
  return nullDistance !== null && nullDistance <= matchDistance;
}

/**
 * Of the ablations of one region (a null is one region too), the largest effect whose null is matched and holds; if there is
 * none, whose null holds; then the fall that exceeds its null's most; then the largest fall.
 */
export function bestAblation(ablations: readonly Ablation[], standard: Standard): Ablation | undefined {
  const single = ablations.filter(({ k }) => k === 1);
  const holding = single.filter((ablation) => nullHolds(ablation, standard));
  const matched = holding.filter((ablation) => isMatched(ablation, standard));
  for (const group of [matched, holding]) {
    if (group.some(({ delta }) => delta <= REFUSAL_EFFECT)) return lowest(group, ({ delta }) => delta);
  }
  const withNull = single.filter(({ nullDelta }) => nullDelta !== null);
  return lowest(withNull.length > 0 ? withNull : single, excess);
}

/** The layer of the percentile whose mean fall over seeds exceeds that of its nulls most; with no nulls, falls most. */
export function mostSpecificLayer(ablations: readonly Ablation[]): number | undefined {
  const withNull = ablations.filter(({ nullDelta }) => nullDelta !== null);
  const settings = Map.groupBy(withNull.length > 0 ? withNull : ablations, ({ layer, percentile }) => {
    return `${layer} ${percentile}`;
  });
  const mean = (group: readonly Ablation[]) => group.reduce((sum, row) => sum + excess(row), 0) / group.length;
  return lowest([...settings.values()], mean)?.[0].layer;
}

/** How much more refusal changes than under the null; without one, how much it changes. */
const excess = ({ delta, nullDelta }: Ablation) => delta - (nullDelta ?? 0);

function lowest<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((a, b) => a === undefined || value(b) < value(a) ? b : a, undefined);
}
