/** Charts of `overlap`. */
import { firingCount, type Firings } from "../../../src/analysis/firings/firings.ts";
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import { type ComparisonName, type Measured, summarise } from "./measure.ts";

const GREY = "#9a9a9a";

/** What charts show, in this order, and how. */
const LINES: readonly { name: ComparisonName; color: string; dash?: number[] }[] = [
  { name: "EP and SAE", color: PALETTE[0] },
  { name: "EP and SAE, strongest tokens", color: PALETTE[0], dash: [5, 4] },
  { name: "random exemplars and SAE", color: PALETTE[1] },
  { name: "EP and EP of another order", color: PALETTE[2] },
  { name: "token ids", color: PALETTE[3] },
  { name: "EP and SAE, tokens permuted", color: GREY, dash: [2, 3] },
];
const domain = LINES.map(({ name }) => name);
const names = (shown: readonly string[]) => LINES.filter(({ name }) => shown.includes(name));
const color = (shown: readonly string[] = domain) => ({
  field: "name",
  type: "nominal",
  title: null,
  scale: { domain: names(shown).map(({ name }) => name), range: names(shown).map((line) => line.color) },
  legend: { orient: "top", columns: 3, symbolType: "stroke", symbolSize: 400, labelLimit: 260 },
});
const strokeDash = (shown: readonly string[] = domain) => {
  const { legend, ...rest } = color(shown);
  return { ...rest, scale: { ...rest.scale, range: names(shown).map(({ dash = [1, 0] }) => dash) }, legend };
};
const SIDES = { regions: "EP regions with a counterpart", features: "SAE features with a counterpart" } as const;
const side = () => ({
  field: "side",
  type: "nominal",
  title: null,
  sort: Object.values(SIDES),
  header: { labelFontSize: 13 },
});

/** Share of units with a best F1 above one half against p, a panel a side: points are orders or draws, lines their means. */
export function overlapChart(all: readonly Measured[]): ChartSpec {
  const values = all.flatMap(({ comparisons }) => comparisons).filter(({ name }) => domain.includes(name))
    .map(({ f1, side, percentile, name }) => ({ percentile, side: SIDES[side], name, share: summarise(f1).share }));
  const y = { field: "share", type: "quantitative", title: "share with best F1 > 0.5", axis: { format: "%" } };
  return {
    data: { values },
    facet: { column: side() },
    spacing: 44,
    spec: {
      width: 320,
      height: 260,
      encoding: {
        x: { field: "percentile", type: "ordinal", title: "percentile p (finer on the left)" },
        color: color(),
      },
      layer: [
        {
          mark: { type: "line", strokeWidth: 2 },
          encoding: { y: { ...y, aggregate: "mean" }, strokeDash: strokeDash() },
        },
        { mark: { type: "point", size: 22, opacity: 0.7 }, encoding: { y } },
      ],
    },
  } as ChartSpec;
}

/** Best F1 against firings at one percentile, a dot a unit; grey: tokens permuted (mean over draws). */
export function sizesChart(measured: Measured, features: Firings): ChartSpec {
  const { orders: [{ firings }], regions, permutedRegions, permutedFeatures } = measured;
  const dots = (side: keyof typeof SIDES, patterns: Firings, f1: Float64Array, permuted: Float64Array) =>
    [...f1.keys()].filter((unit) => !Number.isNaN(f1[unit])).flatMap((unit) => {
      const row = { side: side === "regions" ? "EP regions" : "SAE features", firings: firingCount(patterns, unit) };
      return [{ ...row, f1: permuted[unit], name: "tokens permuted" }, { ...row, f1: f1[unit], name: "as they are" }];
    });
  const values = [
    ...dots("regions", firings, regions.f1, permutedRegions),
    ...dots("features", features, measured.features.f1, permutedFeatures),
  ];
  return {
    data: { values },
    facet: { column: { ...side(), sort: ["EP regions", "SAE features"] } },
    spacing: 44,
    spec: {
      width: 320,
      height: 260,
      layer: [
        {
          mark: { type: "circle", size: 14, opacity: 0.5 },
          encoding: {
            x: {
              field: "firings",
              type: "quantitative",
              scale: { type: "log", nice: false },
              axis: { values: [20, 100, 1e3, 1e4, 1e5, 1e6] },
              title: "held-out tokens that fire it",
            },
            y: { field: "f1", type: "quantitative", title: "best F1", scale: { domain: [0, 1] } },
            color: {
              field: "name",
              type: "nominal",
              title: null,
              scale: { domain: ["as they are", "tokens permuted"], range: [PALETTE[0], GREY] },
              legend: { orient: "top" },
            },
          },
        },
        {
          mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1 },
          encoding: { y: { datum: 0.5 } },
        },
      ],
    },
  } as ChartSpec;
}

/** Share of units with a best F1 above every cut, at one percentile; orders and draws are pooled. */
export function distributionChart({ comparisons }: Measured): ChartSpec {
  const steps = Array.from({ length: 101 }, (_, i) => i / 100);
  const values = (["regions", "features"] as const).flatMap((side) =>
    domain.flatMap((name) => {
      const f1 = comparisons.filter((row) => row.side === side && row.name === name).flatMap((row) => [...row.f1])
        .filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
      if (f1.length === 0) return [];
      let below = 0;
      return steps.map((cut) => {
        while (below < f1.length && f1[below] <= cut) below++;
        return { side: SIDES[side], name, cut, share: 1 - below / f1.length };
      });
    })
  );
  return {
    data: { values },
    facet: { column: side() },
    spacing: 44,
    spec: {
      width: 320,
      height: 260,
      layer: [
        {
          mark: { type: "line", strokeWidth: 2 },
          encoding: {
            x: { field: "cut", type: "quantitative", title: "F1", axis: { tickCount: 5 } },
            y: { field: "share", type: "quantitative", title: "share with a larger best F1", axis: { format: "%" } },
            color: color(),
            strokeDash: strokeDash(),
          },
        },
        { mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1 }, encoding: { x: { datum: 0.5 } } },
      ],
    },
  } as ChartSpec;
}
