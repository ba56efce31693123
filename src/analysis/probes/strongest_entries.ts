import type { SparseFeatures } from "../../compute/sparse.ts";

/**
 * The largest positive values of each row, largest first; of equal ones the lower column.
 *
 * @param values `rows x size`.
 * @param k Entries kept of a row at most.
 *
 * @example
 * ```ts
 * const { features, offsets } = strongestOfDense(Float32Array.of(0, 3, 5, -1, 0, 2), 2, 3, 2);
 * if (features.join() !== "2,1,2" || offsets.join() !== "0,2,3") throw new Error(features.join());
 * ```
 */
export function strongestOfDense(values: Float32Array, rows: number, size: number, k: number): SparseFeatures {
  const offsets = new Int32Array(rows + 1);
  const active: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < size; j++) if (values[row * size + j] > 0) active.push(j);
    offsets[row + 1] = active.length;
  }
  const features = Int32Array.from(active);
  const kept = new Float32Array(active.length);
  for (let row = 0; row < rows; row++) {
    for (let e = offsets[row]; e < offsets[row + 1]; e++) kept[e] = values[row * size + features[e]];
  }
  return strongestEntries({ rows, size, offsets, features, values: kept }, k);
}

/**
 * The `k` largest entries of each row, largest first, all of them where it has fewer; of equal ones the lower column.
 *
 * @param k Entries kept of a row at most.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * // Two rows: 3 and 7 in columns 0 and 4, then 5 in column 1.
 * const [offsets, features] = [Int32Array.of(0, 2, 3), Int32Array.of(0, 4, 1)];
 * const rows = { rows: 2, size: 6, offsets, features, values: Float32Array.of(3, 7, 5) };
 * const kept = strongestEntries(rows, 1);
 * assertEquals(kept.features, Int32Array.of(4, 1));
 * assertEquals(kept.values, Float32Array.of(7, 5));
 * ```
 */
export function strongestEntries({ rows, size, offsets, features, values }: SparseFeatures, k: number): SparseFeatures {
  const cut = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) cut[row + 1] = cut[row] + Math.min(k, offsets[row + 1] - offsets[row]);
  const [kept, strengths] = [new Int32Array(cut[rows]), new Float32Array(cut[rows])];
  for (let row = 0; row < rows; row++) {
    const entries = Int32Array.from({ length: offsets[row + 1] - offsets[row] }, (_, i) => offsets[row] + i)
      .sort((a, b) => values[b] - values[a] || features[a] - features[b]);
    for (let to = cut[row]; to < cut[row + 1]; to++) {
      const entry = entries[to - cut[row]];
      kept[to] = features[entry];
      strengths[to] = values[entry];
    }
  }
  // By strength, unlike the rows that a backend gives, whose features ascend.
  return { rows, size, offsets: cut, features: kept, values: strengths };
}

/**
 * The rows of several parts of one width, one after the other.
 *
 * @param parts At least one.
 *
 * @example
 * ```ts
 * const part = strongestOfDense(Float32Array.of(3, 0, 5), 1, 3, 2);
 * const { rows, offsets, features } = joinedRows([part, part]);
 * if (rows !== 2 || offsets.join() !== "0,2,4" || features.join() !== "2,0,2,0") throw new Error(`${offsets}`);
 * ```
 */
export function joinedRows(parts: readonly SparseFeatures[]): SparseFeatures {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const entries = parts.reduce((sum, part) => sum + part.features.length, 0);
  const [offsets, features, values] = [new Int32Array(rows + 1), new Int32Array(entries), new Float32Array(entries)];
  let [row, entry] = [0, 0];
  for (const part of parts) {
    for (let i = 1; i <= part.rows; i++) offsets[row + i] = entry + part.offsets[i];
    features.set(part.features, entry);
    values.set(part.values, entry);
    row += part.rows;
    entry += part.features.length;
  }
  return { rows, size: parts[0].size, offsets, features, values };
}
