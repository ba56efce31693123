import { unitRows } from "../../partition/means.ts";
import { whitening } from "./whiten.ts";

/** Metrics of activation space; the first is the method's own. */
export const METRICS = [
  "centred cosine",
  "raw cosine",
  "Euclidean",
  "whitened cosine",
  "whitened Euclidean",
] as const;

/** One of {@linkcode METRICS}. */
export type Metric = typeof METRICS[number];

/** A map of rows, `count x dim`. */
export type RowMap = (rows: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;

/**
 * Metrics of activation space as maps after which each is the Euclidean distance. Cosine distance is half the squared
 * Euclidean distance of unit rows.
 *
 * @param rows Activations that the maps are fitted on, `count x dim`.
 * @param center The method's own, length `dim`.
 * @param ridge See {@linkcode whitening}.
 * @throws {RangeError} if the rows' covariance is singular: raise the ridge.
 *
 * @example
 * ```ts
 * const maps = metricMaps(Float32Array.of(2, 0, 4, 0, 0, 3, 0, -3, 1, 1), Float32Array.of(1, 0), 0);
 * const centred = maps["centred cosine"](Float32Array.of(3, 0));
 * if (centred.join() !== "1,0") throw new Error(centred.join());
 * ```
 */
export function metricMaps(rows: Float32Array, center: Float32Array, ridge: number): Record<Metric, RowMap> {
  const dim = center.length;
  const white = whitening(rows, dim, ridge);
  return {
    "centred cosine": (x) => unitRows(x.map((value, index) => value - center[index % dim]), dim),
    "raw cosine": (x) => unitRows(x, dim),
    "Euclidean": (x) => x,
    "whitened cosine": (x) => unitRows(white(x), dim),
    "whitened Euclidean": white,
  };
}
