/**
 * What is done with lists of any length: `Math.max(...values)` and `list.push(...more)` are calls of as many arguments, and
 * of some hundred thousand they fail.
 */

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
 * Puts values behind a list's last.
 *
 * @example
 * ```ts
 * const list = [1];
 * append(list, Array(1_000_000).fill(2));
 * if (list.length !== 1_000_001) throw new Error(`${list.length}`);
 * ```
 */
export function append<T>(list: T[], more: Iterable<T>): void {
  for (const value of more) list.push(value);
}

/**
 * The length of a vector, to the bit what `Math.hypot` of its numbers gives: they are divided by the largest, so that no
 * square overflows, and their squares added with Kahan's correction.
 *
 * @example
 * ```ts
 * if (hypot(Float32Array.of(3, 4)) !== 5) throw new Error(`${hypot(Float32Array.of(3, 4))}`);
 * ```
 */
export function hypot(vector: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < vector.length; i++) most = Math.max(most, Math.abs(vector[i]));
  if (most === 0 || !Number.isFinite(most)) return most;
  let [sum, lost] = [0, 0];
  for (let i = 0; i < vector.length; i++) {
    const share = vector[i] / most;
    const square = share * share - lost;
    const next = sum + square;
    lost = next - sum - square;
    sum = next;
  }
  return Math.sqrt(sum) * most;
}
