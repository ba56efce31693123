/** The chart of `metric`. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import type { MetricRow } from "./measure.ts";
import { METRICS } from "./spaces.ts";

const MEASURES = [
  { field: "agreement", title: "agreement of orders (adj. Rand)" },
  { field: "accuracy", title: "domain told, held-out" },
  { field: "gini", title: "Gini coefficient of sizes" },
] as const;

const SHUFFLED = "centred cosine, labels shuffled";

const color = {
  field: "metric",
  type: "nominal",
  title: null,
  scale: { domain: [...METRICS, SHUFFLED], range: [...PALETTE.slice(0, METRICS.length), "#9a9a9a"] },
};

/** Each measure against the layer, a row each, a column a number of regions. */
export function metricsChart(rows: readonly MetricRow[]): ChartSpec {
  const numbers = [...new Set(rows.map(({ wanted }) => wanted))].sort((a, b) => a - b);
  const panel = (wanted: number, { field, title }: typeof MEASURES[number], isFirst: boolean, isTop: boolean) => {
    const own = rows.filter((row) => row.wanted === wanted);
    const values = own.map(({ layer, metric, seed, [field]: value }) => ({
      layer,
      metric: metric as string,
      seed,
      value,
    }));
    if (field === "accuracy") {
      for (const { layer, metric, seed, accuracyShuffled: value } of own) {
        if (metric === METRICS[0]) values.push({ layer, metric: SHUFFLED, seed, value });
      }
    }
    const y = { field: "value", type: "quantitative", title: isFirst ? title : null, scale: { zero: true } };
    return {
      ...(isTop && { title: { text: `K = ${wanted}`, anchor: "middle" } }),
      width: 240,
      height: 170,
      data: { values },
      encoding: { x: { field: "layer", type: "ordinal", title: "block" }, color },
      layer: [
        { mark: { type: "line", strokeWidth: 1.8 }, encoding: { y: { ...y, aggregate: "mean" } } },
        { mark: { type: "point", size: 18, opacity: 0.6 }, encoding: { y } },
      ],
    };
  };
  return {
    vconcat: MEASURES.map((measure, m) => ({
      hconcat: numbers.map((wanted, i) => panel(wanted, measure, i === 0, m === 0)),
      resolve: { scale: { y: "shared" } },
    })),
    config: { legend: { orient: "top", columns: 3 } },
  } as ChartSpec;
}
