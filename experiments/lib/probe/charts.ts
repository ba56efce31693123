/** Charts of `probe`. */
import {
  band,
  by,
  category,
  chart,
  type ChartSpec,
  COLOR,
  distinct,
  interval,
  line,
  type Position,
  quantity,
  rule,
  rules,
  seeds,
  series,
  share,
} from "../../../src/report/mod.ts";
import { type Ask, mostKept, ofKind, type Source, type Summary } from "./rows.ts";

/** Colours of the lines, the same in every chart. */
const COLORS = {
  "raw activations": COLOR.black,
  "EP, exemplars": COLOR.blue,
  "EP, means": COLOR.sky,
  "random exemplars": COLOR.vermilion,
  "SAE": COLOR.green,
  "token id": COLOR.purple,
  "EP, exemplars, labels shuffled": COLOR.chance,
} as const;

const nameOf = ({ source, labels }: Summary) => labels === "shuffled" ? `${source}, labels shuffled` : source;

const byLabel = (summaries: readonly Summary[]) =>
  by("label", { order: distinct(summaries.map(({ label }) => label)), columns: 5 });

/** The share kept by each seed alone. */
function seedsOf(summary: Summary, summaries: readonly Summary[]): number[] {
  const [raw] = ofKind(summaries, { label: summary.label, source: "raw activations" });
  return summary.readings.map(({ seed, accuracy }) => {
    const reference = raw.readings.find((reading) => reading.seed === seed)!.accuracy;
    return (accuracy - summary.chance) / (reference - summary.chance);
  });
}

/** A row for the share kept with its interval, and one for each seed's. */
function pointsOf(summary: Summary, x: number, summaries: readonly Summary[]) {
  const place = { label: summary.label, series: nameOf(summary), x };
  const { kept, keptLow, keptHigh } = summary;
  const none = { kept: null, keptLow: null, keptHigh: null };
  const bySeed = seedsOf(summary, summaries).map((seed) => ({ ...place, ...none, seed }));
  return [{ ...place, kept, keptLow, keptHigh, seed: null }, ...bySeed];
}

/** Share kept, a panel a label: bands are intervals, points seeds, the dashed line is raw. */
function keptPanels(
  summaries: readonly Summary[],
  points: readonly ReturnType<typeof pointsOf>[number][],
  x: Position<"x">,
): ChartSpec {
  const y = share("kept", "share of raw kept, above chance", { ticks: 6 });
  return chart(points, {
    panels: byLabel(summaries),
    x,
    y,
    color: series("series", COLORS, { columns: 6 }),
    marks: [rule({ y: 1 }), band({ ends: ["keptLow", "keptHigh"] }), line(), seeds({ y: { ...y, field: "seed" } })],
    width: 150,
  });
}

/** One-hot read-outs over p; what does not depend on p is a flat line. */
export function keptChart(summaries: readonly Summary[], percentiles: readonly number[]): ChartSpec {
  const oneHot = summaries.filter(({ k, source }) => k === 1 && source !== "raw activations");
  const points = oneHot.flatMap((summary) =>
    (summary.percentile === null ? percentiles : [summary.percentile])
      .flatMap((p) => pointsOf(summary, p, summaries))
  );
  return keptPanels(summaries, points, category("x", "percentile p"));
}

/** Read-outs of one percentile over the number of features that are kept; the SAE's own l0 is its last point. */
export function sparsityChart(summaries: readonly Summary[], percentile: number): ChartSpec {
  const points = (["EP, exemplars", "EP, means", "random exemplars", "SAE"] as const).flatMap((source) =>
    ofKind(summaries, { source, percentile: source === "SAE" ? null : percentile })
      .flatMap((summary) => pointsOf(summary, Math.min(summary.k ?? Infinity, summary.l0), summaries))
  );
  return keptPanels(
    summaries,
    points,
    quantity("x", "features kept (l0)", { log: true, base: 2, nice: false, format: "~g" }),
  );
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
  const own = (name: string, ask: Ask & { readonly source: Source }) => {
    const color = ask.labels === "shuffled" ? COLOR.chance : COLORS[ask.source];
    return ofKind(summaries, ask).map((summary) => ({ name, color, summary }));
  };
  const sparse = (how: string, k: number) => [
    ...own(`SAE, ${how}`, { source: "SAE", k }),
    ...own(`EP exemplars, ${how}`, { source: "EP, exemplars", percentile, k }),
    ...own(`EP means, ${how}`, { source: "EP, means", percentile, k }),
    ...own(`random exemplars, ${how}`, { source: "random exemplars", percentile, k }),
  ];
  return [
    ...own("raw activations", { source: "raw activations" }),
    ...own("SAE, all features", { source: "SAE", k: null }),
    ...(most === 1 ? [] : sparse(`top ${most}`, most)),
    ...sparse("one-hot", 1),
    ...own("token id, one-hot", { source: "token id" }),
    ...own("raw, labels shuffled", { source: "raw activations", labels: "shuffled" }),
    ...own("EP one-hot, labels shuffled", { source: "EP, exemplars", percentile, k: 1, labels: "shuffled" }),
  ];
}

/** Accuracies with their intervals, a panel a label; the dashed line is chance. */
export function accuraciesChart(shown: readonly NamedSummary[]): ChartSpec {
  const colors = Object.fromEntries(shown.map(({ name, color }) => [name, color]));
  const rows = shown.map(({ name, summary: { label, chance, accuracy, accuracyLow, accuracyHigh } }) => {
    return { name, label, chance, accuracy, accuracyLow, accuracyHigh };
  });
  const axis = { ticks: 3 };
  return chart(rows, {
    panels: byLabel(shown.map(({ summary }) => summary)),
    x: share("accuracy", "accuracy", axis),
    y: category("name", null, { order: Object.keys(colors), hasGrid: true }),
    color: series("name", colors, { hasLegend: false }),
    marks: [
      rules({ x: share("chance", "accuracy", axis), y: null, color: COLOR.soft }),
      interval("accuracyLow", "accuracyHigh", { width: 2 }),
    ],
    independent: "x",
    width: 120,
    height: { step: 19 },
  });
}
