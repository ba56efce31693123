/** Rows of features, dense or sparse, and the two products with them that a linear model needs. */

/** Dense rows, such as activations: `data` is `rows x dim`. */
export interface DenseRows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** Rows that are mostly zero, such as one-hot regions: compressed sparse rows. */
export interface SparseRows {
  /** Row `i` has the entries `offsets[i] .. offsets[i + 1] - 1`; one longer than there are rows. */
  readonly offsets: Int32Array;
  /** Column of each entry, at most once a row. */
  readonly columns: Int32Array;
  /** Its value; 1 everywhere where absent. */
  readonly values?: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** Features of things, a row each. */
export type FeatureRows = DenseRows | SparseRows;

/** One-hot rows: row `i` is 1 in column `columns[i]`, 0 elsewhere. */
export function oneHotRows(columns: Int32Array, dim: number): SparseRows {
  return { offsets: Int32Array.from({ length: columns.length + 1 }, (_, i) => i), columns, rows: columns.length, dim };
}

/**
 * Products of rows with weight vectors.
 *
 * @param features `rows x dim`.
 * @param selected Row numbers, in the order of the result.
 * @param weights `classes x dim`.
 * @returns `selected.length x classes`.
 */
export function rowProducts(
  features: FeatureRows,
  selected: Int32Array,
  weights: Float64Array,
  classes: number,
): Float64Array<ArrayBuffer> {
  const { dim } = features;
  const products = new Float64Array(selected.length * classes);
  for (let i = 0; i < selected.length; i++) {
    for (let k = 0; k < classes; k++) {
      products[i * classes + k] = "offsets" in features
        ? sparseDot(features, selected[i], weights, k * dim)
        : denseDot(features.data, selected[i] * dim, weights, k * dim, dim);
    }
  }
  return products;
}

/**
 * Sums of rows, weighted once per class: the transposed product.
 *
 * @param factors `selected.length x classes`.
 * @param into `classes x dim`; overwritten.
 */
export function weightedRowSums(
  features: FeatureRows,
  selected: Int32Array,
  factors: Float64Array,
  classes: number,
  into: Float64Array,
): void {
  const { dim } = features;
  into.fill(0);
  for (let i = 0; i < selected.length; i++) {
    for (let k = 0; k < classes; k++) {
      const factor = factors[i * classes + k];
      if ("offsets" in features) addSparse(features, selected[i], factor, into, k * dim);
      else addDense(features.data, selected[i] * dim, factor, into, k * dim, dim);
    }
  }
}

/** Mean and variance of each column over the selected rows. */
export function columnMoments(
  features: FeatureRows,
  selected: Int32Array,
): { mean: Float64Array; variance: Float64Array } {
  const [mean, variance] = [new Float64Array(features.dim), new Float64Array(features.dim)];
  const each = 1 / selected.length;
  weightedRowSums(features, selected, new Float64Array(selected.length).fill(each), 1, mean);
  const { dim } = features;
  for (const row of selected) {
    if ("offsets" in features) {
      for (let e = features.offsets[row]; e < features.offsets[row + 1]; e++) {
        const column = features.columns[e];
        const value = features.values?.[e] ?? 1;
        // The entries that are there, less what the mean already accounts for: zeros add mean^2 each, below.
        variance[column] += each * ((value - mean[column]) ** 2 - mean[column] ** 2);
      }
    } else for (let j = 0; j < dim; j++) variance[j] += each * (features.data[row * dim + j] - mean[j]) ** 2;
  }
  if ("offsets" in features) { for (let j = 0; j < dim; j++) variance[j] = Math.max(0, variance[j] + mean[j] ** 2); }
  return { mean, variance };
}

function denseDot(data: Float32Array, from: number, weights: Float64Array, at: number, dim: number): number {
  // Two sums, because one addition need not wait for the other.
  let [even, odd] = [0, 0];
  let j = 0;
  for (; j + 1 < dim; j += 2) {
    even += data[from + j] * weights[at + j];
    odd += data[from + j + 1] * weights[at + j + 1];
  }
  if (j < dim) even += data[from + j] * weights[at + j];
  return even + odd;
}

function addDense(data: Float32Array, from: number, factor: number, into: Float64Array, at: number, dim: number): void {
  for (let j = 0; j < dim; j++) into[at + j] += factor * data[from + j];
}

function sparseDot({ offsets, columns, values }: SparseRows, row: number, weights: Float64Array, at: number): number {
  let sum = 0;
  for (let e = offsets[row]; e < offsets[row + 1]; e++) sum += (values ? values[e] : 1) * weights[at + columns[e]];
  return sum;
}

function addSparse(
  { offsets, columns, values }: SparseRows,
  row: number,
  factor: number,
  into: Float64Array,
  at: number,
): void {
  for (let e = offsets[row]; e < offsets[row + 1]; e++) into[at + columns[e]] += factor * (values ? values[e] : 1);
}
