import type { Backend } from "../../compute/backend.ts";
import { number, row, type RowOf, whole } from "../../report/row.ts";
import { sameSetting, type SettingKey } from "../../report/settings.ts";
import { median } from "../statistics/median.ts";
import { matchDirections } from "./match.ts";
import type { DirectionsByOrder, RegionDirections } from "./region_directions.ts";
import { rotated } from "./rotated.ts";
import { turnover } from "./turnover.ts";

/**
 * One matching of two dictionaries, one to one, of largest total cosine.
 *
 * @internal
 */
export const MATCH_FIGURES = row({
  regionsA: whole("regions of the first"),
  regionsB: whole("regions of the second"),
  medianCosine: number("median cosine of the matched pairs"),
  persisted: whole("pairs whose cosine reaches the cut"),
  dropped: whole("regions of the first without such a partner"),
  introduced: whole("regions of the second without such a partner"),
});
/** A row of {@linkcode MATCH_FIGURES}, and the cosine of each pair. */
export type MatchFigures = RowOf<typeof MATCH_FIGURES> & { readonly cosines: Float32Array };

/**
 * Which two dictionaries are matched: those of two models in the same stream order or in different ones; the controls are
 * either model with itself in another order (what order alone does), and the first with the second rotated at random (what
 * chance gives).
 */
export const ORDER_COMPARISONS = [
  "same order",
  "other order",
  "first with itself",
  "second with itself",
  "chance",
] as const;
/** One of {@linkcode ORDER_COMPARISONS}. */
export type OrderComparison = typeof ORDER_COMPARISONS[number];

/** One matching of one setting. */
export type OrderMatch = MatchFigures & SettingKey & {
  readonly comparison: OrderComparison;
  /** Stream order of the first. */
  readonly seedA: number;
  /** Stream order of the second. */
  readonly seedB: number;
};

/**
 * Matches the dictionaries of two models, and each model with itself in other stream orders, setting by setting.
 *
 * @param first By stream order. @param second In the same orders.
 * @param cut Cosine from which a pair counts as persisted.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const regions = (...means: number[]) => ({
 *   ...{ layer: 3, percentile: 4, size: 2, dim: 2, threshold: 0.1 },
 *   means: Float32Array.from(means),
 *   memberCounts: Int32Array.of(5, 5),
 * });
 * const base = new Map([[0, [regions(1, 0, 0, 1)]], [1, [regions(0, 1, 1, 0)]]]);
 * const tuned = new Map([[0, [regions(1, 0, 0.6, 0.8)]], [1, [regions(1, 0, 0.6, 0.8)]]]);
 * const matches = await matchOrders(await openBackend("cpu"), base, tuned, 0.9);
 * const dropped = (comparison: string) => matches.filter((row) => row.comparison === comparison)[0].dropped;
 * if (dropped("same order") !== 1 || dropped("first with itself") !== 0) throw new Error(JSON.stringify(matches));
 * ```
 */
export async function matchOrders(
  backend: Backend,
  first: DirectionsByOrder,
  second: DirectionsByOrder,
  cut: number,
): Promise<OrderMatch[]> {
  const matches: OrderMatch[] = [];
  const add = async (
    comparison: OrderComparison,
    [as, seedA]: readonly [DirectionsByOrder, number],
    [bs, seedB]: readonly [DirectionsByOrder, number],
  ) => {
    for (const a of as.get(seedA)!) {
      const b = sameSetting(bs.get(seedB)!, a);
      if (!b) continue;
      const other = comparison === "chance" ? { ...b, means: rotated(b.means, b.dim, seedA) } : b;
      const { layer, percentile } = a;
      matches.push({ layer, percentile, comparison, seedA, seedB, ...await matchFigures(backend, a, other, cut) });
    }
  };
  for (const s of first.keys()) {
    await add("same order", [first, s], [second, s]);
    await add("chance", [first, s], [second, s]);
    for (const t of first.keys()) {
      if (s !== t) await add("other order", [first, s], [second, t]);
      // A matching of a model with itself serves both orders.
      if (s >= t) continue;
      await add("first with itself", [first, s], [first, t]);
      await add("second with itself", [second, s], [second, t]);
    }
  }
  return matches;
}

/**
 * Matches two dictionaries by their mean directions, and counts what persisted at a cut-off.
 *
 * @param cut Cosine from which a pair counts as persisted.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const [a, b] = [{ means: Float32Array.of(1, 0, 0, 1), size: 2, dim: 2 }, { means: Float32Array.of(0.6, 0.8), size: 1 }];
 * const { medianCosine, persisted, dropped } = await matchFigures(await openBackend("cpu"), a, b, 0.7);
 * if (Math.abs(medianCosine - 0.8) > 1e-6 || persisted !== 1 || dropped !== 1) throw new Error(`${medianCosine}`);
 * ```
 */
export async function matchFigures(
  backend: Backend,
  a: Pick<RegionDirections, "means" | "size" | "dim">,
  b: Pick<RegionDirections, "means" | "size">,
  cut: number,
): Promise<MatchFigures> {
  const { cosines } = await matchDirections(backend, a.means, b.means, a.dim);
  const { persisted, dropped, introduced } = turnover(cosines, a.size, b.size, cut);
  const medianCosine = median(cosines);
  return { regionsA: a.size, regionsB: b.size, medianCosine, persisted, dropped, introduced, cosines };
}
