/** Charts of `saturation`. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import { type StreamCurve, STREAMS } from "./rows.ts";

const color = {
  field: "stream",
  type: "nominal",
  title: null,
  scale: { domain: STREAMS, range: [PALETTE[0], PALETTE[2], PALETTE[1], "#8a8a8a"] },
  legend: { orient: "top", symbolType: "stroke", symbolOpacity: 1 },
};

/** A line through the means over orders on a band from the least to the most. */
function lineOnBand(x: object, y: { field: string; [key: string]: unknown }, groupby: readonly string[]) {
  const extremes = [{ op: "min", field: y.field, as: "low" }, { op: "max", field: y.field, as: "high" }];
  return [
    {
      transform: [{ aggregate: extremes, groupby: [...groupby, "stream"] }],
      mark: "area",
      encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
    },
    { mark: { type: "line", strokeWidth: 1.8 }, encoding: { x, y: { ...y, aggregate: "mean" }, color } },
  ];
}

/** Regions against activations seen at one percentile, a panel a layer. */
export function curvesChart(curves: readonly StreamCurve[], percentile: number): ChartSpec {
  // All windows are of one length, so the orders' points lie at the same numbers of activations.
  const values = curves.filter((curve) => curve.percentile === percentile).flatMap((
    { layer, stream, seed, snapshots },
  ) => snapshots.map(({ activations, regions }) => ({ layer, stream, seed, activations, regions })));
  const x = {
    field: "activations",
    type: "quantitative",
    title: "activations seen",
    axis: { format: "~s", tickCount: 4 },
  };
  const y = { field: "regions", type: "quantitative", title: "regions K" };
  return {
    data: { values },
    facet: { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } },
    columns: 4,
    spec: { width: 155, height: 140, layer: lineOnBand(x, y, ["activations", "layer"]) },
    // The layers differ much: the other chart compares them.
    resolve: { scale: { y: "independent" } },
    bounds: "flush",
    spacing: { row: 60, column: 60 },
  } as ChartSpec;
}

/** Regions at the end against the layer, a panel a percentile. */
export function depthChart(curves: readonly StreamCurve[]): ChartSpec {
  const values = curves.map(({ layer, percentile, stream, seed, regions }) => {
    return { layer, percentile, stream, seed, regions };
  });
  const x = { field: "layer", type: "ordinal", title: "block" };
  const y = { field: "regions", type: "quantitative", title: "regions at equal budgets" };
  return {
    data: { values },
    facet: { field: "percentile", type: "ordinal", title: null, header: { labelExpr: "'p ' + datum.value" } },
    columns: 3,
    spec: { width: 210, height: 220, layer: lineOnBand(x, y, ["layer", "percentile"]) },
    resolve: { scale: { y: "independent" } },
    bounds: "flush",
    spacing: 75,
  } as ChartSpec;
}
