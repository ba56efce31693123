/** Center and threshold as they are defined, in float64. */
import type { ActivationBatch } from "../../mod.ts";

/** The percentile of the cosine distances of all pairs of a batch, from its spherical mean, scaled. */
export function thresholdOf(batch: ActivationBatch, percentile: number): number {
  return thresholdsOf(batch, [percentile])[0];
}

/** Several percentiles of the same distances. */
export function thresholdsOf({ rows, dim, data }: ActivationBatch, percentiles: readonly number[]): number[] {
  const [mean, unit] = [new Float64Array(dim), new Float64Array(dim)];
  const rowOf = (row: number) => data.subarray(row * dim, (row + 1) * dim);
  for (let row = 0; row < rows; row++) {
    const norm = Math.hypot(...rowOf(row));
    rowOf(row).forEach((value, d) => {
      mean[d] += value / rows;
      unit[d] += value / norm;
    });
  }
  const length = Math.hypot(...unit);
  const along = mean.reduce((sum, value, d) => sum + value * unit[d] / length, 0);
  const directions = Array.from({ length: rows }, (_, row) => {
    const centred = Float64Array.from(rowOf(row), (value, d) => value - along * unit[d] / length);
    const norm = Math.hypot(...centred);
    return centred.map((value) => value / norm);
  });
  const distances = new Float64Array(rows * (rows - 1) / 2);
  let pair = 0;
  for (let a = 0; a < rows; a++) {
    for (let b = a + 1; b < rows; b++) {
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += directions[a][d] * directions[b][d];
      distances[pair++] = 1 - dot;
    }
  }
  distances.sort();
  return percentiles.map((percentile) => {
    const rank = percentile / 100 * (distances.length - 1);
    const low = Math.floor(rank);
    return distances[low] + (rank - low) * (distances[Math.min(low + 1, distances.length - 1)] - distances[low]);
  });
}

/** Rows that no row before them equals. */
export function distinctRows({ rows, dim, data }: ActivationBatch): ActivationBatch {
  const seen = new Map<string, number>();
  for (let row = 0; row < rows; row++) {
    const key = data.subarray(row * dim, (row + 1) * dim).join();
    if (!seen.has(key)) seen.set(key, row);
  }
  const kept = [...seen.values()];
  const result = new Float32Array(kept.length * dim);
  kept.forEach((row, i) => result.set(data.subarray(row * dim, (row + 1) * dim), i * dim));
  return { rows: kept.length, dim, data: result };
}
