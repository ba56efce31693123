/** Charts of `overlap`. */
import { type BestMatch, firingCount, type Firings } from "../../../src/analysis/mod.ts";
import {
  by,
  chart,
  type ChartSpec,
  COLOR,
  DASH,
  dots,
  line,
  means,
  percentileAxis,
  quantity,
  rule,
  seeds,
  series,
  type SeriesStyle,
  share,
  Sweep,
} from "../../../src/report/mod.ts";
import type { Compared, SummaryRow } from "./rows.ts";

/** What charts show, in this order, and how. */
const LINES = {
  "EP and SAE": COLOR.blue,
  "EP and SAE, strongest tokens": { color: COLOR.blue, dash: DASH.dashed },
  "random exemplars and SAE": COLOR.vermilion,
  "EP and EP of another order": COLOR.green,
  "token ids": COLOR.purple,
  "EP and SAE, tokens permuted": { color: COLOR.chance, dash: DASH.dotted },
} as const satisfies Partial<Record<SummaryRow["comparison"], SeriesStyle>>;
const isShown = ({ comparison }: SummaryRow) => comparison in LINES;

const SIDES = { regions: "EP regions with a counterpart", features: "SAE features with a counterpart" } as const;

const bySide = by("side", { order: Object.values(SIDES) });
const PANEL = { width: 320, height: 260 };

/** Share of units with a best F1 above one half against p, a panel a side: points are orders or draws, lines their means. */
export function overlapChart(rows: readonly SummaryRow[]): ChartSpec {
  const shares = rows.filter(isShown).map((row) => ({ ...row, side: SIDES[row.side] }));
  return chart(shares, {
    ...PANEL,
    panels: bySide,
    x: percentileAxis("percentile p (finer on the left)"),
    y: share("share", "share with best F1 > 0.5"),
    color: series("comparison", LINES),
    marks: [means(), seeds()],
  });
}

/** Best F1 against firings at one percentile, a dot a unit; grey: tokens permuted (mean over draws). */
export function sizesChart(compared: Compared, features: Firings): ChartSpec {
  const { orders: [{ firings }], regions, permutedRegions, permutedFeatures } = compared;
  const unitsOf = (
    side: string,
    patterns: Firings,
    matches: readonly BestMatch[],
    permuted: readonly (number | null)[],
  ) =>
    matches.flatMap(({ f1 }, unit) => {
      // Units that fire too seldom to count have no F1, and some no firing for the logarithm.
      if (f1 === null) return [];
      const row = { side, firings: firingCount(patterns, unit) };
      return [{ ...row, f1: permuted[unit], name: "tokens permuted" }, { ...row, f1, name: "as they are" }];
    });
  const units = [
    ...unitsOf("EP regions", firings, regions, permutedRegions),
    ...unitsOf("SAE features", features, compared.features, permutedFeatures),
  ];
  return chart(units, {
    ...PANEL,
    panels: by("side"),
    x: quantity("firings", "held-out tokens that fire it", {
      log: true,
      nice: false,
      ticks: [20, 100, 1e3, 1e4, 1e5, 1e6],
    }),
    y: quantity("f1", "best F1", { domain: [0, 1] }),
    color: series("name", { "as they are": COLOR.blue, "tokens permuted": COLOR.chance }),
    marks: [dots(), rule({ y: 0.5 })],
  });
}

/** Share of units with a best F1 above every cut, at one percentile; orders and draws are pooled. */
export function distributionChart(rows: readonly SummaryRow[]): ChartSpec {
  const cuts = Array.from({ length: 101 }, (_, i) => i / 100);
  const shares = new Sweep(rows.filter(isShown), ["side", "comparison"]).settings.flatMap(({ key, rows }) => {
    const f1 = rows.flatMap((row) => row.f1).filter((value) => value !== null).sort((a, b) => a - b);
    let below = 0;
    return cuts.map((cut) => {
      while (below < f1.length && f1[below] <= cut) below++;
      const share = f1.length === 0 ? null : 1 - below / f1.length;
      return { side: SIDES[key.side], comparison: key.comparison, cut, share };
    });
  });
  return chart(shares, {
    ...PANEL,
    panels: bySide,
    x: quantity("cut", "F1", { ticks: 5 }),
    y: share("share", "share with a larger best F1"),
    color: series("comparison", LINES),
    marks: [line(), rule({ x: 0.5 })],
  });
}
