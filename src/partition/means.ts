/** Norm of a row, summed in float64. */
function norm(values: Float32Array, from: number, dim: number): number {
  let square = 0;
  for (let j = from; j < from + dim; j++) square += values[j] * values[j];
  return Math.sqrt(square);
}

/**
 * Rows scaled to unit length; a row of zeros stays.
 *
 * @param values `rows x dim`.
 * @param dim Length of a row.
 * @returns `rows x dim`, a new array.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const [x, y, ...zeros] = unitRows(Float32Array.of(3, 4, 0, 0), 2);
 * assertAlmostEquals(x / y, 3 / 4, 1e-6);
 * if (zeros.join() !== "0,0") throw new Error(zeros.join());
 * ```
 */
export function unitRows(values: Float32Array, dim: number): Float32Array<ArrayBuffer> {
  const unit = new Float32Array(values.length);
  for (let from = 0; from < values.length; from += dim) {
    const length = norm(values, from, dim);
    if (length > 0) { for (let j = from; j < from + dim; j++) unit[j] = values[j] / length; }
  }
  return unit;
}

/**
 * Coherence of each region, `||sum|| / count`: 1 when all members point the same way, 0 where they cancel or there are
 * none. The mean resultant length of directional statistics (Mardia and Jupp, "Directional Statistics", 2000).
 *
 * @param sums Sums of member directions, `regions x dim`.
 * @param counts Members a region.
 * @param dim Length of a direction.
 * @returns One a region, 0..1.
 *
 * @example
 * ```ts
 * const [one, opposite] = coherencesOf(Float32Array.of(2, 0, 0, 0), Int32Array.of(2, 2), 2);
 * if (one !== 1 || opposite !== 0) throw new Error(`${one} ${opposite}`);
 * ```
 */
export function coherencesOf(sums: Float32Array, counts: ArrayLike<number>, dim: number): Float64Array<ArrayBuffer> {
  return Float64Array.from(counts, (count, region) => count === 0 ? 0 : norm(sums, region * dim, dim) / count);
}
