/**
 * Percentiles from counts. Cosine distances lie in [0, 2], so a histogram of equal bins over that range gives any rank
 * to within a bin.
 */
import { assertKind } from "./kinds.ts";

/** Largest cosine distance. */
export const MAX_DISTANCE = 2;

/** Checks that every percentile lies in 0..100. */
export function assertPercentiles(percentiles: readonly number[]): void {
  assertKind("percentiles", percentiles, "numbers");
  for (const p of percentiles) {
    if (!(p >= 0 && p <= 100)) throw new RangeError(`Expected percentiles between 0 and 100 but found ${p}`);
  }
}

/** Checks that there is a pair to take a percentile of. */
export function assertPairs(rows: number): void {
  if (rows < 2) throw new RangeError(`Expected at least two rows to take pairwise distances of but found ${rows}`);
}

/**
 * A percentile of `count` sorted values by numpy's linear definition: the rank `p / 100 * (count - 1)`, whose fraction
 * interpolates between the neighbouring ranks.
 *
 * @param valueAt The value at a whole rank, 0 to `count - 1`.
 */
export function percentileOf(percentile: number, count: number, valueAt: (rank: number) => number): number {
  const rank = percentile / 100 * (count - 1);
  const lower = Math.floor(rank);
  const value = valueAt(lower);
  return rank === lower ? value : value + (rank - lower) * (valueAt(lower + 1) - value);
}

/**
 * The value at a whole rank of values that are counted in equal bins from `start` on, spread evenly within each bin:
 * off by less than a bin's width.
 *
 * @param counts Values a bin.
 * @param below How many values lie before the first bin.
 */
export function valueAtRank(
  counts: Uint32Array | Float64Array,
  start: number,
  width: number,
  rank: number,
  below = 0,
): number {
  let seen = below;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin];
    if (seen + count > rank) return start + width * (bin + (rank - seen + 0.5) / count);
    seen += count;
  }
  return start + width * counts.length;
}
