/** Metrics of activation space as maps after which each is the Euclidean distance. */
import { whitening } from "../../../src/analysis/mod.ts";
import { unitRows } from "../../../src/partition/mod.ts";

/** The metrics that are compared. */
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
export type RowMap = (rows: Float32Array) => Float32Array;

/**
 * The map of each metric, fitted on some activations. Cosine distance is half the squared Euclidean distance of unit rows.
 *
 * @param rows Activations, `count x dim`.
 * @param center The method's own, length `dim`.
 * @param ridge See {@linkcode whitening}.
 */
export function metricMaps(rows: Float32Array, center: Float32Array, ridge: number): Record<Metric, RowMap> {
  const dim = center.length;
  const white = whitening(rows, dim, ridge);
  return {
    "centred cosine": (x) => unitRows(x.map((value, at) => value - center[at % dim]), dim),
    "raw cosine": (x) => unitRows(x, dim),
    "Euclidean": (x) => x,
    "whitened cosine": (x) => unitRows(white(x), dim),
    "whitened Euclidean": white,
  };
}
