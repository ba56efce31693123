/** Charts of `probe`. */
import {
  band,
  by,
  category,
  chart,
  type ChartSpec,
  COLOR,
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
import { labelsOf, ofKind, type Summary } from "./summary.ts";

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

const nameOf = ({ source, isShuffled }: Summary) => isShuffled ? `${source}, labels shuffled` : source;

const byLabel = (summaries: readonly Summary[]) => by("label", { order: labelsOf(summaries), columns: 5 });

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
  const { mean, low, high } = summary.kept;
  const bySeed = seedsOf(summary, summaries).map((seed) => ({ ...place, kept: null, low: null, high: null, seed }));
  return [{ ...place, kept: mean, low, high, seed: null }, ...bySeed];
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
    marks: [rule({ y: 1 }), band({ ends: ["low", "high"] }), line(), seeds({ y: { ...y, field: "seed" } })],
    width: 150,
  });
}

/** One-hot read-outs over p; what does not depend on p is a flat line. */
export function keptChart(summaries: readonly Summary[], percentiles: readonly number[]): ChartSpec {
  const oneHot = summaries.filter(({ k, source }) => k === 1 && source !== "raw activations");
  const points = oneHot.flatMap((summary) =>
    (Number.isFinite(summary.percentile) ? [summary.percentile] : percentiles)
      .flatMap((p) => pointsOf(summary, p, summaries))
  );
  return keptPanels(summaries, points, category("x", "percentile p"));
}

/** Read-outs of one percentile over the number of features that are kept; the SAE's own l0 is its last point. */
export function sparsityChart(summaries: readonly Summary[], percentile: number): ChartSpec {
  const points = (["EP, exemplars", "EP, means", "random exemplars", "SAE"] as const).flatMap((source) =>
    ofKind(summaries, { source, percentile: source === "SAE" ? NaN : percentile })
      .flatMap((summary) => pointsOf(summary, Math.min(summary.k, summary.l0), summaries))
  );
  return keptPanels(summaries, points, quantity("x", "features kept (l0)", { log: true, base: 2, nice: false }));
}

/** One row of {@linkcode accuraciesChart}. */
export interface NamedSummary {
  readonly name: string;
  readonly color: string;
  readonly summary: Summary;
}

/** Read-outs to compare at one percentile, best informed first. */
export function shownReadouts(summaries: readonly Summary[], percentile: number): NamedSummary[] {
  const ks = ofKind(summaries, { source: "EP, exemplars", percentile }).map(({ k }) => k);
  const most = Math.max(...ks);
  const own = (name: string, color: string, ask: Parameters<typeof ofKind>[1]) =>
    ofKind(summaries, ask).map((summary) => ({ name, color, summary }));
  const p = { percentile };
  return [
    ...own("raw activations", COLORS["raw activations"], { source: "raw activations" }),
    ...own("SAE, all features", COLORS.SAE, { source: "SAE", k: Infinity }),
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
    ...own("raw, labels shuffled", COLOR.chance, { source: "raw activations", isShuffled: true }),
    ...own("EP one-hot, labels shuffled", COLOR.chance, { ...p, source: "EP, exemplars", k: 1, isShuffled: true }),
  ];
}

/** Accuracies with their intervals, a panel a label; the dashed line is chance. */
export function accuraciesChart(shown: readonly NamedSummary[]): ChartSpec {
  const colors = Object.fromEntries(shown.map(({ name, color }) => [name, color]));
  const rows = shown.map(({ name, summary: { label, chance, accuracy } }) => ({ name, label, chance, ...accuracy }));
  const axis = { ticks: 3 };
  return chart(rows, {
    panels: byLabel(shown.map(({ summary }) => summary)),
    x: share("mean", "accuracy", axis),
    y: category("name", null, { order: Object.keys(colors), hasGrid: true }),
    color: series("name", colors, { hasLegend: false }),
    marks: [
      rules({ x: share("chance", "accuracy", axis), y: null, color: COLOR.soft }),
      interval("low", "high", { width: 2 }),
    ],
    independent: "x",
    width: 120,
    height: { step: 19 },
  });
}
