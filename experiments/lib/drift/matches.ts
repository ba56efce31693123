/** How the dictionaries of two models, and of several stream orders, match. */
import { matchDirections, median, rotated, type Turnover, turnover } from "../../../src/analysis/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { Growth } from "../../../src/partition/mod.ts";
import { sameSetting, type SettingKey as Setting } from "../../../src/report/mod.ts";

/** The directions of one dictionary, without the rest. */
export interface Regions extends Setting {
  readonly threshold: number;
  readonly size: number;
  readonly dim: number;
  /** Unit mean directions, `size x dim`. */
  readonly means: Float32Array<ArrayBuffer>;
}

/** Keeps of dictionaries what matching needs. */
export function regionsOf(growths: readonly Growth[]): Regions[] {
  return growths.map(({ layer, percentile, dictionary: { threshold, size, dim, means } }) => {
    return { layer, percentile, threshold, size, dim, means };
  });
}

/** Which two dictionaries are matched. */
export const COMPARISONS = [
  "base – instruct, same order",
  "base – instruct, other order",
  "base – base, other order",
  "instruct – instruct, other order",
  "base – rotated instruct",
] as const;

/** One of {@linkcode COMPARISONS}. */
export type Comparison = typeof COMPARISONS[number];

/** One matching. */
export interface MatchRow extends Setting, Turnover {
  readonly comparison: Comparison;
  /** Stream orders of the two. */
  readonly seeds: readonly [number, number];
  /** Regions of the two. */
  readonly sizes: readonly [number, number];
  /** Cosines of the matched pairs. */
  readonly cosines: Float32Array;
  readonly median: number;
}

/**
 * Matches base with instruct and, as controls, each model with itself in another stream order (what order alone does) and
 * base with instruct rotated at random (what chance alone gives).
 */
export async function matchOrders(
  backend: Backend,
  base: ReadonlyMap<number, readonly Regions[]>,
  instruct: ReadonlyMap<number, readonly Regions[]>,
  cut: number,
): Promise<MatchRow[]> {
  const rows: MatchRow[] = [];
  const add = async (comparison: Comparison, left: readonly Regions[], right: readonly Regions[], seeds: Pair) => {
    for (const a of left) {
      const b = sameSetting(right, a);
      if (!b) continue;
      const directions = comparison === "base – rotated instruct" ? rotated(b.means, b.dim, seeds[0]) : b.means;
      const { cosines } = await matchDirections(backend, a.means, directions, a.dim);
      const { layer, percentile } = a;
      const counts = turnover(cosines, a.size, b.size, cut);
      const sizes = [a.size, b.size] as const;
      rows.push({ layer, percentile, comparison, seeds, sizes, cosines, median: median(cosines), ...counts });
    }
  };
  for (const s of base.keys()) {
    await add("base – instruct, same order", base.get(s)!, instruct.get(s)!, [s, s]);
    await add("base – rotated instruct", base.get(s)!, instruct.get(s)!, [s, s]);
    for (const t of base.keys()) {
      if (s !== t) await add("base – instruct, other order", base.get(s)!, instruct.get(t)!, [s, t]);
      if (s >= t) continue;
      await add("base – base, other order", base.get(s)!, base.get(t)!, [s, t]);
      await add("instruct – instruct, other order", instruct.get(s)!, instruct.get(t)!, [s, t]);
    }
  }
  return rows;
}

type Pair = readonly [number, number];
