/**
 * The row of largest dot product with a direction, the lowest on ties.
 *
 * @param direction Length `dim`.
 * @param directions `rows x dim`, at least one row; the product is the cosine if all are unit vectors.
 * @throws {RangeError} if there is no row.
 *
 * @example
 * ```ts
 * const { row, cosine } = nearestDirection(Float32Array.of(0, 1), Float32Array.of(1, 0, 0.6, 0.8));
 * if (row !== 1 || Math.abs(cosine - 0.8) > 1e-6) throw new Error(`${row} ${cosine}`);
 * ```
 */
export function nearestDirection(
  direction: Float32Array,
  directions: Float32Array,
): { readonly row: number; readonly cosine: number } {
  const dim = direction.length;
  if (directions.length === 0) throw new RangeError("Expected at least one direction to be near to but found none");
  let nearest = { row: 0, cosine: -Infinity };
  for (let row = 0; row < directions.length / dim; row++) {
    let cosine = 0;
    for (let j = 0; j < dim; j++) cosine += direction[j] * directions[row * dim + j];
    if (cosine > nearest.cosine) nearest = { row, cosine };
  }
  return nearest;
}
