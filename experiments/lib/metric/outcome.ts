/** What clustering under several metrics at equal numbers of regions says. */
import { METRICS } from "../../../src/analysis/mod.ts";
import {
  figure,
  meanOf,
  meansText,
  middleOf,
  type NumericKey,
  resultTable,
  rowTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock } from "../../../src/run/mod.ts";
import { metricsChart } from "./charts.ts";
import { METRIC, type MetricRow } from "./rows.ts";

type MetricSweep = Sweep<MetricRow, "layer" | "wanted">;
type MetricSetting = Setting<MetricRow, "layer" | "wanted">;
type MetricFigure = NumericKey<MetricRow>;

const FIGURES = ["regions", "gini", "largest", "singles", "agreement", "accuracy", "accuracyShuffled"] as const;

/** Table, chart, findings and the answer. */
export function metricOutcome(flags: CommonFlags, rows: readonly MetricRow[]): Outcome {
  const sweep = new Sweep(rows, ["layer", "wanted"]);
  // The middle of the list, whatever came out.
  const shown = middleOf(sweep.settings);
  return {
    title: `Metrics of leader clustering on ${flags.model}`,
    answer: answer(sweep, shown),
    findings: findings(sweep, shown),
    tables: { metrics: resultTable(METRIC, rows) },
    sections: [{
      heading: "At equal numbers of regions",
      blocks: [
        chartBlock(
          "metrics",
          metricsChart(rows),
          "Agreement of the partitions of two orders (adjusted Rand index, 0 is chance), held-out activations whose domain " +
            "their region's majority tells, and how uneven the sizes of regions are. " +
            meansText(sweep.each("seed").length, "orders", sweep.each("layer").length),
        ),
        tableBlock(
          meansTable(sweep),
          "Means over orders. Largest: share of the activations in the largest region. Singles: share of the regions.",
          { printed: true },
        ),
      ],
    }],
  };
}

/** A figure of each metric, the mean over orders. */
const byMetric = (setting: MetricSetting, of: MetricFigure) =>
  METRICS.map((metric) => setting.where({ metric }).mean(of));

function answer(sweep: MetricSweep, shown: MetricSetting): string {
  const ranked = (name: string, of: MetricFigure) => {
    const figures = byMetric(shown, of).map((value, i) => `${METRICS[i]} ${figure(value)}`);
    const wins = METRICS.map((metric, i) => {
      const isBest = (values: readonly (number | null)[]) =>
        values[i] !== null && values.every((value) => value === null || values[i]! >= value);
      return { metric, times: sweep.count((setting) => isBest(byMetric(setting, of))) };
    }).filter(({ times }) => times > 0);
    const told = `${name} is ${figures.join(", ")}`;
    if (sweep.settings.length === 1) return `${told}.`;
    return `${told}; over all ${sweep.settings.length} settings the highest is that of ` +
      `${wins.map(({ metric, times }) => `${metric} (${times})`).join(", ")}.`;
  };
  const { layer, wanted } = shown.key;
  return [
    ranked(`With ${wanted} regions at layer ${layer} the agreement of partitions of two stream orders`, "agreement"),
    ranked("The share of held-out activations whose domain the regions tell", "accuracy"),
    `With shuffled labels it is ${figure(meanOf(byMetric(shown, "accuracyShuffled")))}.`,
  ].join(" ");
}

function meansTable(sweep: MetricSweep) {
  const means = sweep.settings.flatMap((setting) =>
    METRICS.map((metric) => setting.where({ metric }).meanRow(...FIGURES))
  );
  return rowTable(METRIC, means, ["layer", "wanted", "metric", ...FIGURES]);
}

/** Arrays are by metric; `_by_setting` by setting, then metric. */
function findings(sweep: MetricSweep, shown: MetricSetting): Outcome["findings"] {
  const all = (of: MetricFigure) => sweep.settings.map((setting) => byMetric(setting, of));
  return {
    metrics: METRICS,
    layer: shown.key.layer,
    regions: shown.key.wanted,
    agreement: byMetric(shown, "agreement"),
    accuracy: byMetric(shown, "accuracy"),
    accuracy_shuffled: byMetric(shown, "accuracyShuffled"),
    gini: byMetric(shown, "gini"),
    settings: sweep.settings.map(({ key: { layer, wanted } }) => ({ layer, regions: wanted })),
    agreement_by_setting: all("agreement"),
    accuracy_by_setting: all("accuracy"),
  };
}
