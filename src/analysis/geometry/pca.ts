/** Principal components; the library is named here and nowhere else. */
import { PCA } from "npm:ml-pca@4.1.1";

/** Rows in the coordinates of their first principal components. */
export interface PrincipalComponents {
  /** `rows x count`, row-major. */
  readonly scores: Float64Array<ArrayBuffer>;
  /** Share of the variance that each component explains, 0..1. */
  readonly explained: readonly number[];
}

// From this width on a few components by iteration (NIPALS) beat all of them by decomposition.
const WIDE = 512;

/**
 * The first principal components of rows, mean subtracted.
 *
 * @param data `rows x dim`, at least two rows.
 * @param count Components, at most `min(rows, dim)`.
 * @throws {RangeError} if there are fewer rows or columns than components.
 *
 * @example
 * ```ts
 * const { scores, explained } = principalComponents(Float32Array.of(0, 0, 3, 4, 6, 8), 2, 1);
 * if (Math.abs(explained[0] - 1) > 1e-9) throw new Error(`three points on a line: ${explained}`);
 * if (Math.abs(Math.abs(scores[2] - scores[0]) - 10) > 1e-9) throw new Error(`whose ends are 10 apart: ${scores}`);
 * ```
 */
export function principalComponents(data: Float32Array, dim: number, count: number): PrincipalComponents {
  const rows = data.length / dim;
  if (rows < Math.max(2, count) || dim < count) {
    throw new RangeError(
      `Expected at least ${Math.max(2, count)} rows and ${count} columns but found ${rows} x ${dim}`,
    );
  }
  const matrix = Array.from({ length: rows }, (_, row) => Array.from(data.subarray(row * dim, (row + 1) * dim)));
  const pca = dim > WIDE ? new PCA(matrix, { method: "NIPALS", nCompNIPALS: count }) : new PCA(matrix);
  const projected = pca.predict(matrix, { nComponents: count }).to2DArray();
  const total = totalVariance(matrix);
  const explained = Array.from({ length: count }, (_, c) => variance(projected.map((row) => row[c])) / total);
  return { scores: Float64Array.from(projected.flat()), explained };
}

function totalVariance(matrix: readonly number[][]): number {
  let total = 0;
  for (let j = 0; j < matrix[0].length; j++) total += variance(matrix.map((row) => row[j]));
  return total;
}

function variance(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}
