/**
 * Which direction of a set stands for a concept, told from labelled texts alone. Two rules of the published method:
 *
 * - contrast (second version of the paper): the largest difference between the mean cosine of all positions of positive
 *   texts and that of negative texts;
 * - AUROC (third version): the largest cosine over a text's positions is its score, and the direction whose scores tell the
 *   positive texts best is taken, as held-out texts will be scored.
 */
import { auroc } from "../statistics/roc.ts";

/** The rules' names. */
export const SELECTION_RULES = ["contrast", "auroc"] as const;

/** One of {@linkcode SELECTION_RULES}. */
export type SelectionRule = typeof SELECTION_RULES[number];

/**
 * AUROC of every direction.
 *
 * @param negatives Scores of negative texts, `texts x directions`.
 * @param positives Scores of positive texts, `texts x directions`.
 * @param directions Their number.
 * @throws {RangeError} if a table is no such table, or has no text.
 *
 * @example
 * ```ts
 * const areas = directionAurocs(Float32Array.of(0, 1, 0, 1), Float32Array.of(2, 1, 2, 0), 2);
 * if (areas.join() !== "1,0.25") throw new Error(areas.join());
 * ```
 */
export function directionAurocs(
  negatives: Float32Array,
  positives: Float32Array,
  directions: number,
): Float64Array<ArrayBuffer> {
  for (const scores of [negatives, positives]) {
    if (scores.length === 0 || scores.length % directions !== 0) {
      throw new RangeError(`Expected scores of texts on ${directions} directions but found ${scores.length} numbers`);
    }
  }
  const column = (scores: Float32Array) => new Float64Array(scores.length / directions);
  const [low, high] = [column(negatives), column(positives)];
  return Float64Array.from({ length: directions }, (_, direction) => {
    for (let i = 0; i < low.length; i++) low[i] = negatives[i * directions + direction];
    for (let i = 0; i < high.length; i++) high[i] = positives[i * directions + direction];
    return auroc(low, high);
  });
}

/**
 * Mean of some rows.
 *
 * @param rows `count x dim`, at least one.
 * @returns Length `dim`.
 *
 * @example
 * ```ts
 * const mean = meanRow(Float32Array.of(1, 2, 3, 6), 2);
 * if (mean.join() !== "2,4") throw new Error(mean.join());
 * ```
 */
export function meanRow(rows: Float32Array, dim: number): Float64Array<ArrayBuffer> {
  const sum = new Float64Array(dim);
  for (let from = 0; from < rows.length; from += dim) {
    for (let j = 0; j < dim; j++) sum[j] += rows[from + j];
  }
  const count = rows.length / dim;
  return sum.map((value) => value / count);
}

/**
 * Contrast of every direction: as a mean of cosines is the cosine's dot product with the mean, only the means of both groups'
 * unit directions are needed.
 *
 * @param negative Mean unit direction of all positions of negative texts.
 * @param positive The same of positive texts.
 * @param directions Unit rows, `count x dim`.
 *
 * @example
 * ```ts
 * const contrasts = directionContrasts(Float64Array.of(0.5, 0), Float64Array.of(0, 1), Float32Array.of(1, 0, 0, 1));
 * if (contrasts.join() !== "-0.5,1") throw new Error(contrasts.join());
 * ```
 */
export function directionContrasts(
  negative: Float64Array,
  positive: Float64Array,
  directions: Float32Array,
): Float64Array<ArrayBuffer> {
  const dim = negative.length;
  const difference = positive.map((value, j) => value - negative[j]);
  return Float64Array.from({ length: directions.length / dim }, (_, direction) => {
    let contrast = 0;
    for (let j = 0; j < dim; j++) contrast += difference[j] * directions[direction * dim + j];
    return contrast;
  });
}

/**
 * The best direction among the first `size`, for several sizes in one pass: the dictionaries of one growth, and random sets,
 * lie one in the other. Of equal statistics the lowest direction is taken.
 *
 * @param statistics One a direction.
 * @param sizes Each from 1 to the number of directions.
 * @returns For each size a direction.
 * @throws {RangeError} if a size is not such a number.
 *
 * @example
 * ```ts
 * const best = bestAmongFirst(Float64Array.of(1, 3, 2, 3, 4), [1, 4, 5]);
 * if (best.join() !== "0,1,4") throw new Error(best.join());
 * ```
 */
export function bestAmongFirst(statistics: Float64Array, sizes: readonly number[]): number[] {
  const wrong = sizes.find((size) => !Number.isInteger(size) || size < 1 || size > statistics.length);
  if (wrong !== undefined) {
    throw new RangeError(`Expected sizes of 1 to ${statistics.length} directions but found ${wrong}`);
  }
  // The best of the first `i + 1` directions; `>` keeps the lowest of equal ones.
  const bestUpTo = new Int32Array(statistics.length);
  for (let i = 1; i < statistics.length; i++) {
    bestUpTo[i] = statistics[i] > statistics[bestUpTo[i - 1]] ? i : bestUpTo[i - 1];
  }
  return sizes.map((size) => bestUpTo[size - 1]);
}
