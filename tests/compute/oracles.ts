/** What the operations of `src/compute/backend.ts` mean, in float64 and without any cleverness. */
import { Random } from "../../src/compute/mod.ts";

/** `rows x dim` normally distributed numbers. */
export function normals(rows: number, dim: number, seed = 1): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length: rows * dim }, () => random.normal());
}

/** `rows x dim` unit vectors. */
export function unitRows(rows: number, dim: number, seed = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from(directionsOf(normals(rows, dim, seed), dim, new Float32Array(dim)));
}

/** Row numbers 0, 1, ..., in an array that operations take. */
export function range(rows: number, first = 0): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: rows }, (_, i) => first + i);
}

export function directionsOf(x: Float32Array, dim: number, center: Float32Array): Float64Array {
  const result = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += dim) {
    let squares = 0;
    for (let d = 0; d < dim; d++) squares += (x[start + d] - center[d]) ** 2;
    for (let d = 0; d < dim; d++) result[start + d] = (x[start + d] - center[d]) / Math.sqrt(squares);
  }
  return result;
}

export function momentsOf(x: Float32Array, dim: number): { sum: Float64Array; unitSum: Float64Array } {
  const [sum, unitSum] = [new Float64Array(dim), new Float64Array(dim)];
  for (let start = 0; start < x.length; start += dim) {
    const row = x.subarray(start, start + dim);
    const norm = Math.sqrt(row.reduce((squares, value) => squares + value * value, 0));
    row.forEach((value, d) => {
      sum[d] += value;
      unitSum[d] += norm > 0 ? value / norm : 0;
    });
  }
  return { sum, unitSum };
}

export function similaritiesOf(a: Float32Array, b: Float32Array, dim: number): Float64Array {
  const [rows, columns] = [a.length / dim, b.length / dim];
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += a[i * dim + d] * b[j * dim + d];
      result[i * columns + j] = dot;
    }
  }
  return result;
}

/** The percentile of the pairwise distances by sorting them all, numpy's linear interpolation. */
export function percentileBySorting(x: Float32Array, dim: number, p: number): number {
  const rows = x.length / dim;
  const all = similaritiesOf(x, x, dim);
  const distances: number[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = i + 1; j < rows; j++) distances.push(Math.min(2, Math.max(0, 1 - all[i * rows + j])));
  }
  distances.sort((a, b) => a - b);
  const rank = p / 100 * (distances.length - 1);
  const [below, above] = [distances[Math.floor(rank)], distances[Math.ceil(rank)]];
  return below + (above - below) * (rank - Math.floor(rank));
}
