import { assertKind } from "../../compute/kinds.ts";

/**
 * Area under the ROC curve: how often a positive scores higher than a negative, ties counted half (Mann and Whitney's U
 * over the number of pairs). 0.5 is chance, 1 is perfect.
 *
 * @param negatives Scores of what should score low.
 * @param positives Scores of what should score high.
 * @returns NaN where one of them is empty or a score is NaN.
 *
 * @example
 * ```ts
 * const area = auroc([1, 2, 3], [2, 4]);
 * if (area !== 4.5 / 6) throw new Error(`${area}`);
 * ```
 */
export function auroc(negatives: ArrayLike<number>, positives: ArrayLike<number>): number {
  assertKind("the negatives of auroc", negatives, "array");
  assertKind("the positives of auroc", positives, "array");
  const low = Float64Array.from(negatives).sort();
  const high = Float64Array.from(positives).sort();
  if (Number.isNaN(low.at(-1)) || Number.isNaN(high.at(-1))) return NaN;
  let [below, upTo, wins] = [0, 0, 0];
  // Scores ascend, so both counts only go up: negatives below the score, and those below or equal.
  for (const score of high) {
    while (below < low.length && low[below] < score) below++;
    while (upTo < low.length && low[upTo] <= score) upTo++;
    wins += (below + upTo) / 2;
  }
  return wins / (low.length * high.length);
}

/**
 * Share of the positives that score above every threshold that lets at most a share of the negatives pass: the true
 * positive rate at a false positive rate.
 *
 * @param falsePositiveRate Share of the negatives that may score above the threshold, 0..1.
 * @returns NaN where one of them is empty or a score is NaN.
 *
 * @example
 * ```ts
 * const rate = truePositiveRate([1, 2, 3, 4], [3, 3.5, 5], 0.25);
 * if (rate !== 2 / 3) throw new Error(`${rate}`);
 * ```
 */
export function truePositiveRate(
  negatives: ArrayLike<number>,
  positives: ArrayLike<number>,
  falsePositiveRate: number,
): number {
  const low = Float64Array.from(negatives).sort();
  const high = Float64Array.from(positives);
  if (low.length === 0 || Number.isNaN(low.at(-1)) || high.some(Number.isNaN)) return NaN;
  // A hair more, as 0.29 of 100 is 28.999999999999996.
  const passing = Math.floor(falsePositiveRate * low.length + 1e-9);
  const threshold = passing >= low.length ? -Infinity : low[low.length - 1 - passing];
  return high.filter((score) => score > threshold).length / high.length;
}
