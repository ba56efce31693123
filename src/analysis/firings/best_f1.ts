import { meanOf } from "../../report/figures.ts";
import { number, row, type RowOf, whole } from "../../report/row.ts";
import { quantiles } from "../statistics/quantile.ts";
import { firingCount, type Firings } from "./firings.ts";

/** An F1 above this counts as a counterpart; the published cut (arXiv 2605.14347). */
export const F1_CUT = 0.5;

const NONE = { missing: "no unit counts" } as const;

/**
 * The best F1 of some units; those that do not count are left out.
 *
 * @internal
 */
export const F1_FIGURES = row({
  counted: whole("units that fire often enough to count"),
  share: number("share of them with a best F1 above 0.5", { heading: "F1 > 0.5", ...NONE }),
  mean: number("mean best F1", { heading: "mean F1", ...NONE }),
  median: number("median best F1", { heading: "median F1", ...NONE }),
});
/** A row of {@linkcode F1_FIGURES}. */
export type F1Figures = RowOf<typeof F1_FIGURES>;

/**
 * Reads the best F1 of some units.
 *
 * @param f1 One a unit, 0..1; `null` of units that fire too seldom to count, as {@linkcode bestMatches} gives them.
 *
 * @example
 * ```ts
 * const { counted, share } = f1Figures([0.8, 0.2, null, 0.6]);
 * if (counted !== 3 || share !== 2 / 3) throw new Error(`${counted} ${share}`);
 * ```
 */
export function f1Figures(f1: readonly (number | null)[]): F1Figures {
  const counted = f1.filter((value) => value !== null);
  return {
    counted: counted.length,
    share: meanOf(counted.map((value) => value > F1_CUT ? 1 : 0)),
    mean: meanOf(counted),
    median: counted.length === 0 ? null : quantiles(counted, [0.5])[0],
  };
}

/**
 * The best F1 of units that fire about equally often: large sets of tokens match by chance more than small ones.
 *
 * @internal
 */
export const F1_BY_SIZE = row({
  from: whole("firings of the bin's units, at least"),
  below: whole("firings of the bin's units, fewer than"),
  units: whole("units in the bin"),
  share: number("share of them with a best F1 above 0.5", { heading: "F1 > 0.5" }),
  median: number("median best F1", { heading: "median F1" }),
  permuted: number("mean best F1 with the tokens permuted", { heading: "permuted, mean F1" }),
});
/** A row of {@linkcode F1_BY_SIZE}. */
export type F1BySize = RowOf<typeof F1_BY_SIZE>;

/**
 * Best F1 by firings, in bins that double in size.
 *
 * @param firings Of the units.
 * @param f1 Best F1 of each; `null` of those that do not count.
 * @param permuted Best F1 of each with the tokens permuted, a mean over draws; `null` of the same ones.
 * @param minimum Firings of the first bin, at least.
 * @returns The bins that have units, ascending.
 *
 * @example
 * ```ts
 * import { partitionFirings } from "./firings.ts";
 *
 * const bins = f1BySize(partitionFirings([0, 0, 1, 1, 1, 1], 2), [0.4, 0.9], [0.1, 0.2], 2);
 * if (bins.map(({ from, below }) => `${from}-${below}`).join() !== "2-4,4-8") throw new Error(JSON.stringify(bins));
 * ```
 */
export function f1BySize(
  firings: Firings,
  f1: readonly (number | null)[],
  permuted: readonly (number | null)[],
  minimum: number,
): F1BySize[] {
  const counted = [...f1.keys()].filter((unit) => f1[unit] !== null);
  const bins = Map.groupBy(counted, (unit) => Math.floor(Math.log2(firingCount(firings, unit) / minimum)));
  return [...bins].sort(([a], [b]) => a - b).map(([bin, units]) => {
    const own = units.map((unit) => f1[unit]!);
    return {
      from: minimum * 2 ** bin,
      below: minimum * 2 ** (bin + 1),
      units: units.length,
      share: meanOf(own.map((value) => value > F1_CUT ? 1 : 0))!,
      median: quantiles(own, [0.5])[0],
      permuted: meanOf(units.map((unit) => permuted[unit]))!,
    };
  });
}
