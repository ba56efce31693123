/** The largest and the smallest of numbers, however many: `Math.max(...values)` is a call of as many arguments. */

/**
 * The largest of numbers; negative infinity of none, NaN if one is.
 *
 * @example
 * ```ts
 * const many = new Float32Array(1_000_000).fill(0.5);
 * if (largest(many) !== 0.5) throw new Error(`${largest(many)}`);
 * ```
 */
export function largest(values: Iterable<number>): number {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/**
 * The smallest of numbers; infinity of none, NaN if one is.
 *
 * @example
 * ```ts
 * if (smallest([3, 1, 2]) !== 1) throw new Error(`${smallest([3, 1, 2])}`);
 * ```
 */
export function smallest(values: Iterable<number>): number {
  let least = Infinity;
  for (const value of values) least = Math.min(least, value);
  return least;
}

/**
 * The length of a vector of any number of dimensions, summed in float64.
 *
 * @example
 * ```ts
 * if (lengthOf(Float32Array.of(3, 4)) !== 5) throw new Error(`${lengthOf(Float32Array.of(3, 4))}`);
 * ```
 */
export function lengthOf(vector: Iterable<number>): number {
  let square = 0;
  for (const value of vector) square += value * value;
  return Math.sqrt(square);
}
