/** Charts of steering with regions. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import type { SummaryRow } from "./rows.ts";

const BY_DIRECTION = {
  field: "direction",
  type: "nominal",
  title: "direction of",
  scale: { domain: ["region", "matched null"], range: [PALETTE[1], PALETTE[0]] },
};

/** Divergence, shift of the top token and sufficiency against strength, a row each, a column a percentile, of one layer. */
export function curvesChart(summaries: readonly SummaryRow[], layer: number): ChartSpec {
  const rows = summaries.filter((row) => row.layer === layer && row.alpha !== null);
  const percentiles = [...new Set(rows.map(({ percentile }) => percentile))];
  const measures = [
    { field: "divergence", title: "KL from unsteered (nats)", scale: { type: "log" }, axis: DECADES },
    { field: "shift", title: "top token changed", axis: { format: "%" }, scale: { domain: [0, 1] } },
    { field: "closed", title: "sufficiency" },
  ];
  const panel = (percentile: number, measure: typeof measures[number], isFirst: boolean, isTop: boolean) => {
    const axis = { ...measure.axis, minExtent: 36 };
    const y = { ...measure, axis, type: "quantitative", title: isFirst ? measure.title : null };
    return {
      ...(isTop && { title: { text: `p ${percentile}`, anchor: "middle" } }),
      width: 150,
      height: 130,
      data: { values: rows.filter((row) => row.percentile === percentile) },
      encoding: {
        x: { field: "alpha", type: "ordinal", title: "strength α" },
        color: BY_DIRECTION,
      },
      layer: [
        { mark: { type: "line", strokeWidth: 1.8 }, encoding: { y: { ...y, aggregate: "mean" } } },
        { mark: { type: "point", size: 22, opacity: 0.7 }, encoding: { y } },
      ],
    };
  };
  return {
    vconcat: measures.map((measure, m) => ({
      hconcat: percentiles.map((percentile, i) => panel(percentile, measure, i === 0, m === 0)),
      resolve: { scale: { y: "shared" } },
    })),
    config: { legend: { orient: "top" } },
  } as ChartSpec;
}

// A third between decades, without the crowd of lines of a logarithmic axis.
const DECADES = { values: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30], format: "~g" };

/** Necessity beside the largest sufficiency, by percentile, a column a layer. */
export function necessityChart(summaries: readonly SummaryRow[], best: (row: SummaryRow) => boolean): ChartSpec {
  const values = summaries.filter((row) => row.alpha === null || best(row)).map((row) => ({
    ...row,
    what: row.alpha === null ? "necessity: ablated, at members" : "sufficiency: added at best α, elsewhere",
  }));
  const y = { field: "closed", type: "quantitative", title: "share of the gap" };
  return {
    data: { values },
    facet: {
      row: { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } },
      column: { field: "what", type: "nominal", title: null },
    },
    spec: {
      width: 270,
      height: 220,
      encoding: {
        x: { field: "percentile", type: "ordinal", title: "percentile p" },
        xOffset: { field: "direction", sort: ["region", "matched null"] },
        color: BY_DIRECTION,
      },
      layer: [
        { mark: { type: "bar", opacity: 0.55, size: 16 }, encoding: { y: { ...y, aggregate: "mean" } } },
        { mark: { type: "point", size: 36 }, encoding: { y } },
      ],
    },
  } as ChartSpec;
}
