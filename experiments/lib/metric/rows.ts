/** Result rows of `metric`. */
import { METRICS, PARTITION_FIGURES } from "../../../src/analysis/mod.ts";
import { LAYER, oneOf, row, type RowOf, whole } from "../../../src/report/mod.ts";

/** One metric at one number of regions in one order. */
export const METRIC = row({
  layer: LAYER,
  metric: oneOf(METRICS, "metric of the clustering"),
  wanted: whole("regions asked for", { heading: "K asked" }),
  seed: whole("order of the activations"),
  ...PARTITION_FIGURES,
});

/** A row of {@linkcode METRIC}. */
export type MetricRow = RowOf<typeof METRIC>;
