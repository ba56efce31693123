/**
 * Quantiles of values, linear between ranks (Hyndman and Fan's type 7, as NumPy's and R's default).
 *
 * @param values In any order.
 * @param shares Each 0..1: 0.5 is the median.
 * @returns NaN for each share where there is no value, or one is NaN.
 *
 * @example
 * ```ts
 * const [median, p90] = quantiles([4, 1, 3, 2], [0.5, 0.9]);
 * if (median !== 2.5 || p90 !== 3.7) throw new Error(`${median} ${p90}`);
 * ```
 */
export function quantiles(values: ArrayLike<number>, shares: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  const last = sorted.length - 1;
  return shares.map((share) => {
    if (!(share >= 0 && share <= 1)) throw new RangeError(`Expected shares from 0 to 1 but found ${share}`);
    if (last < 0 || Number.isNaN(sorted[last])) return NaN;
    const rank = share * last;
    const below = Math.floor(rank);
    return sorted[below] + (rank - below) * (sorted[Math.min(below + 1, last)] - sorted[below]);
  });
}
