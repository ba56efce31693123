/** What percentiles of cosine distances are, and which whole ranks they are made of. */
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

/** The whole ranks that percentiles of `count` sorted values are made of, ascending; see {@linkcode percentilesAt}. */
export function ranksOf(percentiles: readonly number[], count: number): number[] {
  // They are known before the values: asking for each percentile once without values collects them.
  const asked = new Set<number>();
  for (const p of percentiles) percentileOf(p, count, (rank) => asked.add(rank).size);
  return [...asked].sort((a, b) => a - b);
}

/**
 * Percentiles of `count` sorted values by numpy's linear definition: the rank `p / 100 * (count - 1)`, whose fraction
 * interpolates between the neighbouring ranks.
 *
 * @param values Of each rank that {@linkcode ranksOf} gives.
 */
export function percentilesAt(
  percentiles: readonly number[],
  count: number,
  values: ReadonlyMap<number, number>,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(percentiles, (p) => percentileOf(p, count, (rank) => values.get(rank)!));
}

function percentileOf(percentile: number, count: number, valueAt: (rank: number) => number): number {
  const rank = percentile / 100 * (count - 1);
  const lower = Math.floor(rank);
  const value = valueAt(lower);
  return rank === lower ? value : value + (rank - lower) * (valueAt(lower + 1) - value);
}
