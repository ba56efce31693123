/** Sparse rows on the host: picking the active features out of dense numbers, and adding up their vectors. */
import { type ActivationRule, assertActive, type SparseFeatures } from "./sparse.ts";

// Dense numbers that exist at a time: 32 MiB.
const TILE_NUMBERS = 2 ** 23;
// Fewer rows would read the whole encoder for little work, so very wide ones may exceed TILE_NUMBERS.
const [FEWEST_ROWS, MOST_ROWS] = [16, 512];

/** How many rows to multiply at a time with an encoder of `size` features. */
export function tileRows(size: number): number {
  return Math.max(FEWEST_ROWS, Math.min(MOST_ROWS, Math.floor(TILE_NUMBERS / size)));
}

/** Collects the active features of rows, in arrays that double when they are full. */
export class ActiveFeatures {
  readonly #size: number;
  readonly #rule: ActivationRule;
  readonly #ends: number[] = [];
  #features = new Int32Array(1024);
  #values = new Float32Array(1024);
  #end = 0;

  constructor(size: number, rule: ActivationRule) {
    this.#size = size;
    this.#rule = rule;
  }

  /** Takes the next rows, dense. */
  add(pre: Float32Array): void {
    const [size, { thresholds, most = size }] = [this.#size, this.#rule];
    for (let start = 0; start < pre.length; start += size) {
      this.#reserve(size);
      const [features, values, first] = [this.#features, this.#values, this.#end];
      const end = pick(pre.subarray(start, start + size), thresholds, features, values, first);
      this.#end = end - first > most ? keepLargest(features, values, first, end, most) : end;
      this.#ends.push(this.#end);
    }
  }

  /** All rows; those that were not added have no active feature. */
  finish(rows: number): SparseFeatures {
    assertActive(this.#end);
    const offsets = new Int32Array(rows + 1).fill(this.#end, 1);
    offsets.set(this.#ends, 1);
    return {
      rows,
      size: this.#size,
      offsets,
      features: this.#features.slice(0, this.#end),
      values: this.#values.slice(0, this.#end),
    };
  }

  #reserve(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#features.length) return;
    const [features, values] = [this.#features, this.#values];
    const capacity = Math.max(needed, 2 * features.length);
    this.#features = new Int32Array(capacity);
    this.#values = new Float32Array(capacity);
    this.#features.set(features);
    this.#values.set(values);
  }
}

/** Writes the numbers above their thresholds from place `end` on, and returns the new end. */
function pick(
  row: Float32Array,
  thresholds: Float32Array,
  features: Int32Array,
  values: Float32Array,
  end: number,
): number {
  for (let feature = 0; feature < row.length; feature++) {
    const value = row[feature];
    if (value > thresholds[feature]) {
      features[end] = feature;
      values[end++] = value;
    }
  }
  return end;
}

/**
 * Keeps the `most` largest of the places `first` to `end`, the lowest feature on ties, in their order; returns the new
 * end.
 */
function keepLargest(
  features: Int32Array,
  values: Float32Array,
  first: number,
  end: number,
  most: number,
): number {
  // Larger ones all stay; `room` is what they leave to those that equal the smallest, in ascending order of features.
  const smallest = largest(values.slice(first, end), most);
  let room = most;
  for (let i = first; i < end; i++) room -= Number(values[i] > smallest);
  let kept = first;
  for (let i = first; i < end; i++) {
    const value = values[i];
    if (value < smallest || (value === smallest && room-- <= 0)) continue;
    features[kept] = features[i];
    values[kept++] = value;
  }
  return kept;
}

/** The `rank`-th largest number, by quickselect; reorders them. */
function largest(values: Float32Array, rank: number): number {
  let [low, high] = [0, values.length - 1];
  const target = rank - 1;
  // Descending (Hoare, "Algorithm 65: Find", 1961). The wanted place lies in `low .. high`: left of it all is at least
  // as large, right of it at most.
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let [i, j] = [low, high];
    // Both scans stop at values equal to the pivot, so many equal ones still halve the range.
    while (i <= j) {
      while (values[i] > pivot) i++;
      while (values[j] < pivot) j--;
      if (i > j) break;
      const value = values[i];
      values[i++] = values[j];
      values[j--] = value;
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return values[target];
}

/** `rows x dim`: the bias and each row's vectors times its values, added up in float64. */
export function combineRows(
  { rows, offsets, features, values }: SparseFeatures,
  vectors: Float32Array,
  bias: Float32Array,
): Float32Array<ArrayBuffer> {
  const dim = bias.length;
  const result = new Float32Array(rows * dim);
  const sum = new Float64Array(dim);
  for (let row = 0; row < rows; row++) {
    sum.set(bias);
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      const [value, start] = [values[i], features[i] * dim];
      for (let d = 0; d < dim; d++) sum[d] += value * vectors[start + d];
    }
    result.set(sum, row * dim);
  }
  return result;
}
