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

/**
 * Whether an ablation's null left refusal as it was; not without a null.
 *
 * @example
 * ```ts
 * const standard = { nullTolerance: 0.1, matchDistance: 0.5 };
 * const holds = [-0.1, 0.2, null].map((nullDelta) => nullHolds({ nullDelta }, standard));
 * if (holds.join() !== "true,false,false") throw new Error(holds.join());
 * ```
 */
export function nullHolds({ nullDelta }: Pick<Ablation, "nullDelta">, { nullTolerance }: Standard): boolean {
  // A hair more: rates are quotients of counts, so a change of just the tolerance is mostly not represented as one.
  return nullDelta !== null && Math.abs(nullDelta) <= nullTolerance + 1e-9;
}

/**
 * Whether an ablation's null lowers refusal, too; not without a null. One that raises it neither holds nor falls.
 *
 * @example
 * ```ts
 * const standard = { nullTolerance: 0.1, matchDistance: 0.5 };
 * const falls = [-0.2, 0.2, null].map((nullDelta) => nullFalls({ nullDelta }, standard));
 * if (falls.join() !== "true,false,false") throw new Error(falls.join());
 * ```
 */
export function nullFalls({ nullDelta }: Pick<Ablation, "nullDelta">, { nullTolerance }: Standard): boolean {
  return nullDelta !== null && nullDelta < -nullTolerance - 1e-9;
}

/**
 * Whether an ablation's null is of about the region's size and coherence; not without a null.
 *
 * @example
 * ```ts
 * const standard = { nullTolerance: 0.1, matchDistance: 0.5 };
 * const matched = [0.5, 0.6, null].map((nullDistance) => isMatched({ nullDistance }, standard));
 * if (matched.join() !== "true,false,false") throw new Error(matched.join());
 * ```
 */
export function isMatched({ nullDistance }: Pick<Ablation, "nullDistance">, { matchDistance }: Standard): boolean {
  return nullDistance !== null && nullDistance <= matchDistance;
}

/**
 * Of the ablations of one region (a null is one region too), the largest effect whose null is matched and holds; if there is
 * none, whose null holds; then the fall that exceeds its null's most; then the largest fall.
 *
 * @param ablations Those of more than one region are passed over.
 * @returns Undefined if no ablation is of one region.
 *
 * @example
 * ```ts
 * const ablation = (layer: number, delta: number, nullDelta: number): Ablation => ({
 *   ...{ seed: 0, layer, percentile: 2, basis: "mean", k: 1, members: 9, share: 1, refused: 1 + delta, loops: 0 },
 *   ...{ delta, nullDelta, nullLoops: 0, nullDistance: 0.2 },
 * });
 * const standard = { nullTolerance: 0.1, matchDistance: 0.5 };
 * const best = bestAblation([ablation(4, -1, -0.9), ablation(6, -0.6, 0)], standard);
 * if (best?.layer !== 6) throw new Error("at layer 4 refusal falls with any direction");
 * ```
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

/**
 * The layer at which refusal falls most specifically: that of the layer and percentile whose mean fall over seeds exceeds
 * that of their nulls most. Ablations without a null count only if none has one, by their fall alone.
 *
 * @returns Undefined if there are no ablations.
 *
 * @example
 * ```ts
 * const ablations = [
 *   { layer: 4, percentile: 2, delta: -1, nullDelta: -0.9 },
 *   { layer: 6, percentile: 2, delta: -0.6, nullDelta: 0 },
 * ];
 * const layer = mostSpecificLayer(ablations);
 * if (layer !== 6) throw new Error(`at layer 4 refusal falls with any direction: ${layer}`);
 * ```
 */
export function mostSpecificLayer(
  ablations: readonly Pick<Ablation, "layer" | "percentile" | "delta" | "nullDelta">[],
): number | undefined {
  const withNull = ablations.filter(({ nullDelta }) => nullDelta !== null);
  const settings = Map.groupBy(withNull.length > 0 ? withNull : ablations, ({ layer, percentile }) => {
    return `${layer} ${percentile}`;
  });
  const mean = (group: typeof ablations) => group.reduce((sum, row) => sum + excess(row), 0) / group.length;
  return lowest([...settings.values()], mean)?.[0].layer;
}

/** How much more refusal changes than under the null; without one, how much it changes. */
const excess = ({ delta, nullDelta }: Pick<Ablation, "delta" | "nullDelta">) => delta - (nullDelta ?? 0);

function lowest<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((a, b) => a === undefined || value(b) < value(a) ? b : a, undefined);
}
