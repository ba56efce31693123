/**
 * How many scores the threshold of a rate of false alarms takes at least: `1 / rate - 1`, rounded up.
 *
 * @param rate Probability of a false alarm, more than 0 and less than 1.
 *
 * @example
 * ```ts
 * const scores = conformalCount(0.01);
 * if (scores !== 99) throw new Error(`${scores}`);
 * ```
 */
export function conformalCount(rate: number): number {
  // A hair less, so that rounding does not ask for one score more.
  return Math.ceil(1 / rate - 1 - 1e-9);
}

/**
 * The threshold that a new score exceeds with at most a given probability, if it is drawn like the given ones (split
 * conformal prediction): of `n` scores the `ceil((n + 1)(1 - rate))`-th smallest.
 *
 * @param scores In any order.
 * @param rate Probability of a false alarm, more than 0 and less than 1.
 * @throws {RangeError} if there are too few scores for the rate: at least `1 / rate - 1` are needed.
 *
 * @example
 * ```ts
 * const threshold = conformalThreshold([4, 1, 3, 2], 0.2);
 * if (threshold !== 4) throw new Error(`${threshold}`);
 * ```
 */
export function conformalThreshold(scores: ArrayLike<number>, rate: number): number {
  if (!(rate > 0 && rate < 1)) {
    throw new RangeError(`Expected a rate of false alarms more than 0 and less than 1 but found ${rate}`);
  }
  const sorted = Float64Array.from(scores).sort();
  // A hair less, so that rounding does not ask for one score more: 4 of 4 scores at a rate of 0.2.
  const rank = Math.ceil((sorted.length + 1) * (1 - rate) - 1e-9);
  if (rank > sorted.length) {
    throw new RangeError(
      `Expected at least ${
        conformalCount(rate)
      } scores for a false-alarm rate of ${rate} but found ${sorted.length}: ` +
        `give more, or allow more false alarms`,
    );
  }
  return sorted[rank - 1];
}
