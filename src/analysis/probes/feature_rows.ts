/** Rows of features, dense or sparse, and the two products with them that a linear model needs. */
import type { SparseFeatures } from "../../compute/sparse.ts";

/** Dense rows, such as activations: `data` is `rows x dim`. */
export interface DenseRows {
  /** The values, `rows x dim`. */
  readonly data: Float32Array;
  /** Number of rows. */
  readonly rows: number;
  /** Length of a row. */
  readonly dim: number;
}

/** Features of things, a row each. */
export type FeatureRows = DenseRows | SparseFeatures;

/** Which of the two kinds of rows these are. */
export function isDense(rows: FeatureRows): rows is DenseRows {
  return "data" in rows;
}

/**
 * Number of features: the length of a row, zeros included.
 *
 * @example
 * ```ts
 * const [dense, sparse] = [{ data: new Float32Array(6), rows: 2, dim: 3 }, oneHotRows(Int32Array.of(4, 0), 9)];
 * if (featureCount(dense) !== 3 || featureCount(sparse) !== 9) throw new Error(`${featureCount(sparse)}`);
 * ```
 */
export function featureCount(rows: FeatureRows): number {
  return isDense(rows) ? rows.dim : rows.size;
}

/**
 * Throws unless there are such rows, of as many finite numbers as they should have, and of features that there are.
 *
 * @param selected Row numbers.
 * @throws {RangeError} A sentence, with the number of the row.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * const rows = { data: Float32Array.of(1, 2, 3, NaN), rows: 2, dim: 2 };
 * assertRows(rows, Int32Array.of(0));
 * assertThrows(() => assertRows(rows, Int32Array.of(0, 1)), RangeError, "row 1");
 * ```
 */
export function assertRows(features: FeatureRows, selected: Int32Array): void {
  const { rows } = features;
  const unknown = selected.find((row) => !(row >= 0 && row < rows));
  if (unknown !== undefined) throw new RangeError(`Expected rows of 0 to ${rows - 1} but found row ${unknown}`);
  if (isDense(features)) {
    const { data, dim } = features;
    if (data.length !== rows * dim) {
      throw new RangeError(`Expected ${rows} x ${dim} = ${rows * dim} numbers but found ${data.length}`);
    }
    for (const row of selected) assertFinite(data, row * dim, (row + 1) * dim, row);
    return;
  }
  const { size, offsets, features: places, values } = features;
  const entries = Math.min(places.length, values.length);
  for (const row of selected) {
    const [first, last] = [offsets[row], offsets[row + 1]];
    if (!(first >= 0 && first <= last && last <= entries)) {
      throw new RangeError(`Expected entries of 0 to ${entries} but row ${row} has those from ${first} to ${last}`);
    }
    for (let e = first; e < last; e++) {
      if (places[e] >= 0 && places[e] < size) continue;
      throw new RangeError(`Expected features from 0 on, ${size} in all, but row ${row} has feature ${places[e]}`);
    }
    assertFinite(values, first, last, row);
  }
}

function assertFinite(values: Float32Array, from: number, to: number, row: number): void {
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(values[i])) throw new RangeError(`Expected finite numbers but row ${row} has ${values[i]}`);
  }
}

/**
 * One-hot rows: row `i` is 1 in column `hot[i]`, 0 elsewhere.
 *
 * @param hot Columns, `0 .. size - 1`: such as the region of each activation.
 * @param size Length of a row, such as the number of regions.
 *
 * @example A probe that knows of an activation its region only
 * ```ts
 * import { trainProbe } from "./linear_probe.ts";
 *
 * const rows = oneHotRows(Int32Array.of(7, 7, 2, 2), 9);
 * const probe = trainProbe(rows, Int32Array.of(0, 0, 1, 1));
 * if (probe.predict(rows).join() !== "0,0,1,1") throw new Error(probe.predict(rows).join());
 * ```
 */
export function oneHotRows(hot: Int32Array<ArrayBuffer>, size: number): SparseFeatures {
  const rows = hot.length;
  return {
    rows,
    size,
    offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i),
    features: hot,
    values: new Float32Array(rows).fill(1),
  };
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
  const dim = featureCount(features);
  const products = new Float64Array(selected.length * classes);
  for (let i = 0; i < selected.length; i++) {
    for (let k = 0; k < classes; k++) {
      products[i * classes + k] = isDense(features)
        ? denseDot(features.data, selected[i] * dim, weights, k * dim, dim)
        : sparseDot(features, selected[i], weights, k * dim);
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
  const dim = featureCount(features);
  into.fill(0);
  for (let i = 0; i < selected.length; i++) {
    for (let k = 0; k < classes; k++) {
      const factor = factors[i * classes + k];
      if (isDense(features)) addDense(features.data, selected[i] * dim, factor, into, k * dim, dim);
      else addSparse(features, selected[i], factor, into, k * dim);
    }
  }
}

/** Mean and variance of each column over the selected rows. */
export function columnMoments(
  features: FeatureRows,
  selected: Int32Array,
): { mean: Float64Array; variance: Float64Array } {
  const dim = featureCount(features);
  const [mean, variance] = [new Float64Array(dim), new Float64Array(dim)];
  const each = 1 / selected.length;
  weightedRowSums(features, selected, new Float64Array(selected.length).fill(each), 1, mean);
  if (isDense(features)) {
    for (const row of selected) {
      for (let j = 0; j < dim; j++) variance[j] += each * (features.data[row * dim + j] - mean[j]) ** 2;
    }
    return { mean, variance };
  }
  // A zero adds mean^2. All are counted as zeros first, then each entry is set right.
  for (let j = 0; j < dim; j++) variance[j] = mean[j] ** 2;
  for (const row of selected) {
    for (let e = features.offsets[row]; e < features.offsets[row + 1]; e++) {
      const j = features.features[e];
      variance[j] += each * ((features.values[e] - mean[j]) ** 2 - mean[j] ** 2);
    }
  }
  return { mean, variance: variance.map((v) => Math.max(0, v)) };
}

function denseDot(data: Float32Array, from: number, weights: Float64Array, start: number, dim: number): number {
  // Two sums, because one addition need not wait for the other.
  let [even, odd] = [0, 0];
  let j = 0;
  for (; j + 1 < dim; j += 2) {
    even += data[from + j] * weights[start + j];
    odd += data[from + j + 1] * weights[start + j + 1];
  }
  if (j < dim) even += data[from + j] * weights[start + j];
  return even + odd;
}

function addDense(
  data: Float32Array,
  from: number,
  factor: number,
  into: Float64Array,
  start: number,
  dim: number,
): void {
  for (let j = 0; j < dim; j++) into[start + j] += factor * data[from + j];
}

function sparseDot(rows: SparseFeatures, row: number, weights: Float64Array, start: number): number {
  const { offsets, features, values } = rows;
  let sum = 0;
  for (let e = offsets[row]; e < offsets[row + 1]; e++) sum += values[e] * weights[start + features[e]];
  return sum;
}

function addSparse(rows: SparseFeatures, row: number, factor: number, into: Float64Array, start: number): void {
  const { offsets, features, values } = rows;
  for (let e = offsets[row]; e < offsets[row + 1]; e++) into[start + features[e]] += factor * values[e];
}
