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
 * Coherence of each region, `||sum|| / count`: 1 when all members point the same way.
 *
 * @param sums Sums of member directions, `regions x dim`.
 * @param counts Members a region.
 */
export function coherencesOf(sums: Float32Array, counts: Int32Array, dim: number): Float64Array<ArrayBuffer> {
  return Float64Array.from(counts, (count, region) => count === 0 ? 0 : norm(sums, region * dim, dim) / count);
}
