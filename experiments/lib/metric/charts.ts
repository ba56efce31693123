/** Charts of `metric`. */
import {
  below,
  by,
  chart,
  type ChartSpec,
  COLOR,
  layerAxis,
  means,
  quantity,
  seeds,
  series,
} from "../../../src/report/mod.ts";

import { METRICS } from "../../../src/analysis/mod.ts";
import type { MetricRow } from "./rows.ts";

const MEASURES = [
  { field: "agreement", title: "agreement of orders (adj. Rand)" },
  { field: "accuracy", title: "domain told, held-out" },
  { field: "gini", title: "Gini coefficient of sizes" },
] as const;

const COLORS = [COLOR.blue, COLOR.vermilion, COLOR.green, COLOR.purple, COLOR.orange];
const SHUFFLED = "centred cosine, labels shuffled";
const METRIC = series("metric", {
  ...Object.fromEntries(METRICS.map((metric, i) => [metric, COLORS[i]])),
  [SHUFFLED]: COLOR.chance,
}, { hasAllNames: true });

/** Each measure against the layer, a row each, a column a number of regions. */
export function metricsChart(rows: readonly MetricRow[]): ChartSpec {
  return below(MEASURES.map(({ field, title }, i) => {
    const values = rows.map(({ layer, wanted, metric, seed, [field]: value }) => {
      return { layer, wanted, metric: metric as string, seed, value };
    });
    if (field === "accuracy") {
      for (const { layer, wanted, metric, seed, accuracyShuffled: value } of rows) {
        if (metric === METRICS[0]) values.push({ layer, wanted, metric: SHUFFLED, seed, value });
      }
    }
    return chart(values, {
      panels: by("wanted", { label: "K = ", hasHeader: i === 0 }),
      x: layerAxis(),
      y: quantity("value", title, { zero: true }),
      color: METRIC,
      marks: [means(), seeds()],
      width: 240,
      height: 170,
    });
  }));
}
