/**
 * Percentiles from counts. Cosine distances lie in [0, 2], so a histogram of equal bins over that range gives any rank to
 * within a bin.
 */

/** Largest cosine distance. */
export const MAX_DISTANCE = 2;

/** Checks that every percentile lies in 0..100. */
export function assertPercentiles(percentiles: readonly number[]): void {
  for (const p of percentiles) {
    if (!(p >= 0 && p <= 100)) throw new RangeError(`Expected percentiles between 0 and 100 but found ${p}`);
  }
}

/** Checks that there is a pair to take a percentile of. */
export function assertPairs(rows: number): void {
  if (rows < 2) throw new RangeError(`Expected at least two rows to take pairwise distances of but found ${rows}`);
}

/**
 * The rank of a percentile among `count` sorted values, numpy's linear definition: `p / 100 * (count - 1)`, whose fraction
 * interpolates between the neighbouring ranks.
 */
export function rankOf(percentile: number, count: number): number {
  return percentile / 100 * (count - 1);
}

/**
 * The value at a possibly fractional rank of values that are counted in equal bins from `start` on, spread evenly within
 * each bin: off by at most one bin's width.
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
    if (count > 0 && seen + count > rank) return start + width * (bin + (rank - seen + 0.5) / (count + 0.5));
    seen += count;
  }
  return start + width * counts.length;
}
