/** What `metric` leaves to look at: table, chart, report, findings. */
import { formatNumber, meanOfAll as meanOf } from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { metricsChart } from "./chart.ts";
import type { MetricRow } from "./measure.ts";
import { type Metric, METRICS } from "./spaces.ts";

/** Writes everything below `run.out`, prints the figures, and says where the report is. */
export async function reportMetric<F extends Flags>(run: Run<F>, rows: readonly MetricRow[]): Promise<void> {
  const { save, manifest, flags } = run;
  const settings = distinctSettings(rows);
  // The setting of the plain figures is the middle of the sweep, whatever came out.
  const shown = settings[settings.length >> 1];
  await save.table("metrics", columns(rows));
  const at = (value: (row: MetricRow) => number, setting = shown) =>
    METRICS.map((metric) => meanOf(of(rows, setting, metric).map(value)));
  const all = (value: (row: MetricRow) => number) => settings.map((setting) => at(value, setting));
  Object.assign(manifest.findings, {
    metrics: METRICS,
    layer: shown.layer,
    regions: shown.wanted,
    agreement: at((row) => row.agreement),
    accuracy: at((row) => row.accuracy),
    accuracy_shuffled: at((row) => row.accuracyShuffled),
    gini: at((row) => row.gini),
    settings: settings.map(({ layer, wanted }) => ({ layer, regions: wanted })),
    agreement_by_setting: all((row) => row.agreement),
    accuracy_by_setting: all((row) => row.accuracy),
  });
  const table = settings.flatMap((setting) => METRICS.map((metric) => tableRow(of(rows, setting, metric))));
  const text = answer(rows, settings, shown);
  const path = await save.report({
    title: `Metrics of leader clustering on ${flags.model}`,
    question: "Under which metric does leader clustering give even, stable, telling regions, at equal numbers of them?",
    answer: text,
    sections: [{
      heading: "At equal numbers of regions",
      blocks: [
        await save.chart(
          "metrics",
          metricsChart(rows),
          "Agreement of the partitions of two orders (adjusted Rand index, 0 is chance), held-out activations whose domain " +
            "their region's majority tells, and how uneven the sizes of regions are. Points are orders, lines their means.",
        ),
        {
          table: reportTable(table),
          caption:
            "Means over orders. Largest: share of the activations in the largest region. Singles: share of the regions.",
        },
      ],
    }],
  });
  printTable(table);
  console.log(`\n${text}\n\nReport: ${path}`);
}

type MetricSetting = Pick<MetricRow, "layer" | "wanted">;

function distinctSettings(rows: readonly MetricRow[]): MetricSetting[] {
  return rows.filter((row, i) =>
    rows.findIndex(({ layer, wanted }) => layer === row.layer && wanted === row.wanted) === i
  ).sort((a, b) => a.layer - b.layer || a.wanted - b.wanted);
}

function of(rows: readonly MetricRow[], { layer, wanted }: MetricSetting, metric: Metric): MetricRow[] {
  return rows.filter((row) => row.layer === layer && row.wanted === wanted && row.metric === metric);
}

function answer(rows: readonly MetricRow[], settings: readonly MetricSetting[], shown: MetricSetting): string {
  const mean = (setting: MetricSetting, metric: Metric, value: (row: MetricRow) => number) =>
    meanOf(of(rows, setting, metric).map(value));
  const ranked = (name: string, value: (row: MetricRow) => number) => {
    const figures = METRICS.map((metric) => `${metric} ${figure(mean(shown, metric, value))}`).join(", ");
    const wins = METRICS.map((metric) => {
      const best = (setting: MetricSetting) =>
        METRICS.every((other) => mean(setting, metric, value) >= mean(setting, other, value));
      return { metric, times: settings.filter(best).length };
    }).filter(({ times }) => times > 0);
    return `${name} is ${figures}; over all ${settings.length} settings the highest is that of ` +
      `${wins.map(({ metric, times }) => `${metric} (${times})`).join(", ")}.`;
  };
  const chance = meanOf(METRICS.map((metric) => mean(shown, metric, (row) => row.accuracyShuffled)));
  return [
    ranked(
      `With ${shown.wanted} regions at block ${shown.layer} the agreement of partitions of two stream orders`,
      (row) => row.agreement,
    ),
    ranked("The share of held-out activations whose domain the regions tell", (row) => row.accuracy),
    `With shuffled labels it is ${figure(chance)}.`,
  ].join(" ");
}

function tableRow(rows: readonly MetricRow[]) {
  const mean = (value: (row: MetricRow) => number) => Math.round(meanOf(rows.map(value)) * 1000) / 1000;
  return {
    block: rows[0].layer,
    "K asked": rows[0].wanted,
    metric: rows[0].metric,
    K: mean((row) => row.regions),
    "size Gini": mean((row) => row.gini),
    largest: mean((row) => row.largest),
    singles: mean((row) => row.singles),
    agreement: mean((row) => row.agreement),
    accuracy: mean((row) => row.accuracy),
    shuffled: mean((row) => row.accuracyShuffled),
  };
}

const figure = (value: number) => formatNumber(value, 3);

function columns(rows: readonly MetricRow[]) {
  const whole = (name: string, value: (row: MetricRow) => number, description: string) => {
    return { name, type: "int32" as const, values: rows.map(value), description };
  };
  const number = (name: string, value: (row: MetricRow) => number, description: string) => {
    return { name, values: rows.map(value), description };
  };
  return [
    whole("layer", (row) => row.layer, "block that is read, at the hook of the run"),
    { name: "metric", values: rows.map((row) => row.metric), description: "metric of the clustering" },
    whole("wanted", (row) => row.wanted, "regions asked for"),
    whole("seed", (row) => row.seed, "order of the activations"),
    whole("regions", (row) => row.regions, "regions, as near to those asked for as a threshold gives"),
    number("gini", (row) => row.gini, "Gini coefficient of the regions' members"),
    number("largest", (row) => row.largest, "share of the activations in the largest region"),
    number("singles", (row) => row.singles, "share of the regions with one member"),
    number("agreement", (row) => row.agreement, "mean adjusted Rand index with the other orders' partitions"),
    number("accuracy", (row) => row.accuracy, "share of held-out activations whose domain is told"),
    number("accuracy_shuffled", (row) => row.accuracyShuffled, "the same, labels shuffled"),
  ];
}
