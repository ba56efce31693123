/**
 * Directions as points: random ones, principal components, cells on a sphere, whitening, and leader clustering by other metrics.
 *
 * @example
 * ```ts
 * import { nearestDirection } from "./mod.ts";
 *
 * const { row, cosine } = nearestDirection(Float32Array.of(0, 1), Float32Array.of(1, 0, 0.6, 0.8));
 * if (row !== 1 || Math.abs(cosine - 0.8) > 1e-6) throw new Error(`${row} ${cosine}`);
 * ```
 *
 * @module
 */
export * from "./leader_partitions.ts";
export * from "./leader_rows.ts";
export * from "./metric_maps.ts";
export * from "./nearest_direction.ts";
export * from "./pca.ts";
export * from "./random_directions.ts";
export * from "./voronoi.ts";
export * from "./whiten.ts";
