/**
 * A map after which the rows it was fitted on have mean 0 and the identity as covariance: Euclidean distances become
 * Mahalanobis distances. With covariance `C = L L^T` (Cholesky) it takes `x` to `L^-1 (x - mean)`.
 *
 * @param rows `count x dim`.
 * @param ridge Added to the diagonal of the covariance, as a share of the mean variance; keeps directions without variance
 * from blowing up.
 * @returns The map, of rows `count x dim`.
 * @throws {RangeError} if the covariance is singular: raise the ridge.
 *
 * @example
 * ```ts
 * const whiten = whitening(Float32Array.of(2, 1, 2, -1, -2, 1, -2, -1), 2, 0);
 * const white = whiten(Float32Array.of(4, 0, 0, 3));
 * if (white.join() !== "2,0,0,3") throw new Error(`in standard deviations: ${white}`);
 * ```
 */
export function whitening(
  rows: Float32Array,
  dim: number,
  ridge: number,
): (rows: Float32Array) => Float32Array<ArrayBuffer> {
  const count = rows.length / dim;
  const mean = new Float64Array(dim);
  for (let index = 0; index < rows.length; index++) mean[index % dim] += rows[index] / count;
  const factor = new Float64Array(dim * dim);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < dim; i++) {
      const x = (rows[row * dim + i] - mean[i]) / count;
      for (let j = 0; j <= i; j++) factor[i * dim + j] += x * (rows[row * dim + j] - mean[j]);
    }
  }
  let variance = 0;
  for (let i = 0; i < dim; i++) variance += factor[i * dim + i] / dim;
  for (let i = 0; i < dim; i++) factor[i * dim + i] += ridge * variance;
  cholesky(factor, dim);
  return (rows) => {
    const white = new Float32Array(rows.length);
    for (let from = 0; from < rows.length; from += dim) {
      for (let i = 0; i < dim; i++) {
        // Forward substitution: solves `L white = x - mean` from the first coordinate on.
        let value = rows[from + i] - mean[i];
        for (let j = 0; j < i; j++) value -= factor[i * dim + j] * white[from + j];
        white[from + i] = value / factor[i * dim + i];
      }
    }
    return white;
  };
}

/** The lower triangle of a symmetric matrix, in place, becomes its Cholesky factor. */
function cholesky(a: Float64Array, dim: number): void {
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      let value = a[i * dim + j];
      for (let k = 0; k < j; k++) value -= a[i * dim + k] * a[j * dim + k];
      if (i === j && !(value > 0)) {
        throw new RangeError(`Expected a covariance of full rank but column ${i} depends on others: raise the ridge`);
      }
      a[i * dim + j] = i === j ? Math.sqrt(value) : value / a[j * dim + j];
    }
  }
}
