/** Charts of `drift`, as Vega-Lite descriptions with their data inlined. */
import type { RegionShare } from "../../../src/analysis/regions/label_split.ts";
import { TEMPLATE_PARTS } from "../../../src/activations/template_parts.ts";
import type { ChartSpec } from "../../../src/report/chart.ts";
import { PALETTE } from "../../../src/report/theme.ts";
import { COMPARISONS, type MatchRow } from "./matches.ts";
import type { FinalTokens, RefusalRegion } from "./tokens.ts";

const blocks = { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } };
const comparison = {
  field: "comparison",
  type: "nominal",
  title: null,
  scale: { domain: COMPARISONS, range: [PALETTE[1], PALETTE[4], PALETTE[0], PALETTE[5], "#999999"] },
  legend: { orient: "bottom", columns: 3, symbolType: "stroke" },
};

/** Steps of the cosine axis. */
const STEPS = 50;

/** Share of the smaller dictionary's regions whose partner reaches a cosine, with the range over stream orders. */
export function matchesChart(rows: readonly MatchRow[], cut: number): ChartSpec {
  const values = rows.flatMap(({ layer, comparison, seeds, cosines }) =>
    Array.from({ length: STEPS + 1 }, (_, i) => {
      const cosine = i / STEPS;
      return {
        layer,
        comparison,
        seeds: seeds.join("-"),
        cosine,
        share: cosines.filter((c) => c >= cosine).length / cosines.length,
      };
    })
  );
  const x = { field: "cosine", type: "quantitative", title: "cosine c of the pair", axis: { tickCount: 5 } };
  const y = { field: "share", type: "quantitative", title: "share of pairs at c or above" };
  return {
    data: { values },
    facet: { column: blocks },
    spec: {
      width: 190,
      height: 220,
      layer: [
        {
          mark: "area",
          transform: [{
            aggregate: [{ op: "min", field: "share", as: "low" }, { op: "max", field: "share", as: "high" }],
            groupby: ["layer", "comparison", "cosine"],
          }],
          encoding: {
            x,
            y: { ...y, field: "low" },
            y2: { field: "high" },
            color: comparison,
          },
        },
        { mark: "line", encoding: { x, y: { ...y, aggregate: "mean" }, color: comparison } },
        { mark: { type: "rule", strokeDash: [4, 4] }, encoding: { x: { datum: cut } } },
      ],
    },
  } as ChartSpec;
}

/** Median cosine of the matched pairs against p: points are stream orders, lines their means. */
export function mediansChart(rows: readonly MatchRow[]): ChartSpec {
  const values = rows.map(({ layer, percentile, comparison, median }) => ({ layer, percentile, comparison, median }));
  const x = { field: "percentile", type: "ordinal", title: "percentile p" };
  const y = {
    field: "median",
    type: "quantitative",
    title: "median cosine of matched pairs",
    scale: { domain: [0, 1] },
  };
  return {
    data: { values },
    facet: { column: blocks },
    spec: {
      width: 190,
      height: 220,
      layer: [
        { mark: { type: "point", opacity: 0.6 }, encoding: { x, y, color: comparison } },
        { mark: "line", encoding: { x, y: { ...y, aggregate: "mean" }, color: comparison } },
      ],
    },
  } as ChartSpec;
}

const harmfulShare = {
  field: "share",
  type: "quantitative",
  title: "harmful share",
  scale: { domain: [0, 0.5, 1], range: [PALETTE[0], "#e8e8e8", PALETTE[1]] },
  legend: { format: "%", gradientLength: 160, values: [0, 0.5, 1] },
};

/** Final tokens as a bar a dictionary: a segment a region, as wide as the tokens in it, coloured by their harmful share. */
export function finalTokensChart(rows: readonly FinalTokens[]): ChartSpec {
  const values = rows.flatMap(({ model, seed, split }) => {
    let start = 0;
    return byShare(split).map(({ region, members, share }) => {
      start += members;
      return { model, order: `order ${seed}`, region, share, from: start - members, to: start };
    });
  });
  return {
    data: { values },
    facet: { row: { field: "model", type: "nominal", title: null, header: { labelAngle: 0, labelAlign: "left" } } },
    spec: {
      width: 560,
      height: { step: 34 },
      mark: { type: "bar", stroke: "white", strokeWidth: 0.5, height: 26 },
      encoding: {
        x: { field: "from", type: "quantitative", title: "final tokens, a segment a region", scale: { nice: false } },
        x2: { field: "to" },
        y: { field: "order", type: "nominal", title: null },
        color: harmfulShare,
      },
    },
  } as ChartSpec;
}

const byShare = (split: readonly RegionShare[]) => split.toSorted((a, b) => b.share - a.share || b.members - a.members);

/** Held-out balanced accuracy of the regions' majority labels against p, chance as a rule. */
export function accuracyChart(rows: readonly FinalTokens[]): ChartSpec {
  const values = rows.map(({ model, layer, percentile, accuracy }) => ({ model, layer, percentile, accuracy }));
  const x = { field: "percentile", type: "ordinal", title: "percentile p" };
  const y = {
    field: "accuracy",
    type: "quantitative",
    title: "balanced accuracy, held-out prompts",
    scale: { domain: [0.4, 1], zero: false },
  };
  const color = {
    field: "model",
    type: "nominal",
    title: null,
    scale: { domain: ["base", "instruct"], range: [PALETTE[0], PALETTE[1]] },
    legend: { orient: "bottom", symbolType: "stroke" },
  };
  return {
    data: { values },
    facet: { column: blocks },
    spec: {
      width: 190,
      height: 220,
      layer: [
        {
          mark: { type: "rule", strokeDash: [4, 4] },
          encoding: { y: { datum: 0.5, type: "quantitative", scale: y.scale } },
        },
        { mark: { type: "point", opacity: 0.6 }, encoding: { x, y, color } },
        { mark: "line", encoding: { x, y: { ...y, aggregate: "mean" }, color } },
      ],
    },
  } as ChartSpec;
}

/**
 * Where in the prompts the members of the refusal region and of its nearest regions lie, by setting and beside all
 * activations: means over stream orders.
 */
export function positionsChart(rows: readonly RefusalRegion[], overall: readonly number[]): ChartSpec {
  const values = rows.flatMap(({ layer, percentile, refusal, base, reorder }) =>
    [refusal.parts, reorder.parts, base.parts, overall].flatMap((parts, i) =>
      parts.map((share, rank) => ({ layer, percentile, what: WHOSE[i], part: LABELS[rank], rank, share }))
    )
  );
  const row = {
    field: "what",
    type: "nominal",
    title: null,
    sort: WHOSE,
    header: { labelAngle: 0, labelAlign: "left" },
  };
  return {
    data: { values },
    transform: [{
      aggregate: [{ op: "mean", field: "share", as: "share" }],
      groupby: ["layer", "percentile", "what", "part", "rank"],
    }],
    facet: { row, column: blocks },
    spec: {
      width: 150,
      height: 90,
      mark: { type: "bar", width: { band: 0.85 } },
      encoding: {
        x: { field: "percentile", type: "ordinal", title: "percentile p" },
        y: { field: "share", type: "quantitative", title: "share", axis: { format: "%", tickCount: 3 } },
        order: { field: "rank" },
        color: {
          field: "part",
          type: "nominal",
          title: "position in the prompt",
          scale: { domain: LABELS, range: ["#bbbbbb", PALETTE[2], PALETTE[5], PALETTE[1]] },
          legend: { orient: "bottom" },
        },
      },
    },
  } as ChartSpec;
}

const WHOSE = ["refusal region", "nearest in another order", "nearest in base", "all activations"];

const LABELS = TEMPLATE_PARTS.map((part) =>
  ({ before: "template, before", instruction: "instruction", after: "template, after", final: "final token" })[part]
);
