/** Charts of `probe`. */
import { type ChartSpec, distinct, PALETTE } from "../../../src/report/mod.ts";
import { type Ask, mostKept, ofKind, type Summary } from "./rows.ts";

const GREY = "#9a9a9a";

/** Colours of the lines, the same in every chart. */
const COLORS: Readonly<Record<string, string>> = {
  "raw activations": PALETTE[6],
  "EP, exemplars": PALETTE[0],
  "EP, means": PALETTE[5],
  "random exemplars": PALETTE[1],
  "SAE": PALETTE[2],
  "token id": PALETTE[3],
  "EP, exemplars, labels shuffled": GREY,
};

const nameOf = ({ source, labels }: Summary) => labels === "shuffled" ? `${source}, labels shuffled` : source;

const panels = (summaries: readonly Summary[]) => ({
  field: "label",
  type: "nominal",
  title: null,
  sort: distinct(summaries.map(({ label }) => label)),
});

/** The share kept by each seed alone. */
function seedsOf(summary: Summary, summaries: readonly Summary[]): number[] {
  const [raw] = ofKind(summaries, { label: summary.label, source: "raw activations" });
  return summary.readings.map(({ seed, accuracy }) => {
    const reference = raw.readings.find((reading) => reading.seed === seed)!.accuracy;
    return (accuracy - summary.chance) / (reference - summary.chance);
  });
}

interface Point {
  readonly label: string;
  readonly series: string;
  readonly x: number;
  readonly kept: number;
  readonly low: number;
  readonly high: number;
  readonly seeds: readonly number[];
}

/** Share kept, a panel a label: bands are intervals, points seeds, the dashed line is raw. */
function keptPanels(summaries: readonly Summary[], values: readonly Point[], x: object): ChartSpec {
  const names = Object.keys(COLORS).filter((name) => values.some(({ series }) => series === name));
  const y = { type: "quantitative", title: "share of raw kept, above chance", axis: { format: ".0%", tickCount: 6 } };
  return {
    data: { values: values.flatMap((point) => point.seeds.map((seed, i) => ({ ...point, seed, isFirst: i === 0 }))) },
    facet: panels(summaries),
    columns: 5,
    spec: {
      width: 150,
      height: 200,
      encoding: {
        x,
        color: {
          field: "series",
          type: "nominal",
          title: null,
          sort: names,
          scale: { domain: names, range: names.map((name) => COLORS[name]) },
          legend: { symbolType: "stroke", symbolSize: 300, symbolOpacity: 1 },
        },
      },
      layer: [
        { mark: { type: "rule", strokeDash: [4, 3] }, encoding: { y: { datum: 1 }, x: null, color: null } },
        {
          transform: [{ filter: "datum.isFirst" }],
          mark: { type: "area", opacity: 1, fillOpacity: 0.15 },
          encoding: { y: { ...y, field: "low" }, y2: { field: "high" } },
        },
        {
          transform: [{ filter: "datum.isFirst" }],
          mark: { type: "line", strokeWidth: 1.8 },
          encoding: { y: { ...y, field: "kept" } },
        },
        { mark: { type: "point", size: 18, opacity: 0.7 }, encoding: { y: { ...y, field: "seed" } } },
      ],
    },
    config: { legend: { orient: "top", columns: 6 } },
  } as ChartSpec;
}

function pointOf(summary: Summary, x: number, summaries: readonly Summary[]): Point {
  const { label, kept, keptLow: low, keptHigh: high } = summary;
  return { label, series: nameOf(summary), x, kept, low, high, seeds: seedsOf(summary, summaries) };
}

/** One-hot read-outs over p; what does not depend on p is a flat line. */
export function keptChart(summaries: readonly Summary[], percentiles: readonly number[]): ChartSpec {
  const oneHot = summaries.filter(({ k, source }) => k === 1 && source !== "raw activations");
  const values = oneHot.flatMap((summary) =>
    (summary.percentile === null ? percentiles : [summary.percentile]).map((p) => pointOf(summary, p, summaries))
  );
  return keptPanels(summaries, values, { field: "x", type: "ordinal", title: "percentile p" });
}

/** Read-outs of one percentile over the number of features that are kept; the SAE's own l0 is its last point. */
export function sparsityChart(summaries: readonly Summary[], percentile: number): ChartSpec {
  const values = (["EP, exemplars", "EP, means", "random exemplars", "SAE"] as const).flatMap((source) =>
    ofKind(summaries, { source, percentile: source === "SAE" ? null : percentile })
      .map((summary) => pointOf(summary, Math.min(summary.k ?? Infinity, summary.l0), summaries))
  );
  return keptPanels(summaries, values, {
    field: "x",
    type: "quantitative",
    title: "features kept (l0)",
    scale: { type: "log", base: 2, nice: false },
  });
}

/** One row of {@linkcode accuraciesChart}. */
export interface NamedSummary {
  readonly name: string;
  readonly color: string;
  readonly summary: Summary;
}

/** Read-outs to compare at one percentile, best informed first. */
export function shownReadouts(summaries: readonly Summary[], percentile: number): NamedSummary[] {
  const most = mostKept(summaries, percentile);
  const own = (name: string, color: string, ask: Ask) =>
    ofKind(summaries, ask).map((summary) => ({ name, color, summary }));
  const p = { percentile };
  return [
    ...own("raw activations", COLORS["raw activations"], { source: "raw activations" }),
    ...own("SAE, all features", COLORS.SAE, { source: "SAE", k: null }),
    ...(most === 1 ? [] : [
      ...own(`SAE, top ${most}`, COLORS.SAE, { source: "SAE", k: most }),
      ...own(`EP exemplars, top ${most}`, COLORS["EP, exemplars"], { ...p, source: "EP, exemplars", k: most }),
      ...own(`EP means, top ${most}`, COLORS["EP, means"], { ...p, source: "EP, means", k: most }),
      ...own(`random exemplars, top ${most}`, COLORS["random exemplars"], {
        ...p,
        source: "random exemplars",
        k: most,
      }),
    ]),
    ...own("SAE, one-hot", COLORS.SAE, { source: "SAE", k: 1 }),
    ...own("EP exemplars, one-hot", COLORS["EP, exemplars"], { ...p, source: "EP, exemplars", k: 1 }),
    ...own("EP means, one-hot", COLORS["EP, means"], { ...p, source: "EP, means", k: 1 }),
    ...own("random exemplars, one-hot", COLORS["random exemplars"], { ...p, source: "random exemplars", k: 1 }),
    ...own("token id, one-hot", COLORS["token id"], { source: "token id" }),
    ...own("raw, labels shuffled", GREY, { source: "raw activations", labels: "shuffled" }),
    ...own("EP one-hot, labels shuffled", GREY, { ...p, source: "EP, exemplars", k: 1, labels: "shuffled" }),
  ];
}

/** Accuracies with their intervals, a panel a label; the dashed line is chance. */
export function accuraciesChart(shown: readonly NamedSummary[]): ChartSpec {
  const summaries = shown.map(({ summary }) => summary);
  const names = [...new Map(shown.map(({ name, color }) => [name, color]))];
  const x = { type: "quantitative", title: "accuracy", axis: { format: ".0%", tickCount: 3 } };
  return {
    data: {
      values: shown.map(({ name, summary: { label, chance, accuracy, accuracyLow, accuracyHigh } }) => {
        return { name, label, chance, mean: accuracy, low: accuracyLow, high: accuracyHigh };
      }),
    },
    facet: panels(summaries),
    columns: 5,
    spec: {
      width: 120,
      height: { step: 19 },
      encoding: {
        y: { field: "name", type: "nominal", title: null, sort: names.map(([name]) => name), axis: { grid: true } },
        color: {
          field: "name",
          type: "nominal",
          legend: null,
          scale: { domain: names.map(([name]) => name), range: names.map(([, color]) => color) },
        },
      },
      layer: [
        {
          mark: { type: "rule", strokeDash: [4, 3], color: "#5f6368" },
          encoding: { x: { ...x, field: "chance", aggregate: "mean" }, y: null, color: null },
        },
        { mark: { type: "rule", strokeWidth: 2 }, encoding: { x: { ...x, field: "low" }, x2: { field: "high" } } },
        { mark: { type: "point", size: 34, opacity: 1 }, encoding: { x: { ...x, field: "mean" } } },
      ],
    },
    resolve: { scale: { x: "independent" } },
  } as ChartSpec;
}
