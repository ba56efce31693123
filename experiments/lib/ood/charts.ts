/** Charts of distances to the nearest exemplar. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import { BIN, type DistanceRow as Measured, PROMPT_SETS } from "./rows.ts";

const SET_COLOR = {
  field: "set",
  type: "nominal",
  title: null,
  sort: PROMPT_SETS,
  scale: { domain: PROMPT_SETS, range: [PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[1]] },
  legend: { symbolType: "stroke", symbolSize: 300 },
};
const BLOCK = { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } };
const PERCENTILE = { field: "percentile", type: "ordinal", title: "percentile p" };

/** The first sets' lines lie on each other where context plays no part: both show. */
const SET_DASH = { ...SET_COLOR, scale: { domain: PROMPT_SETS, range: [[1, 0], [5, 4], [1, 0], [1, 0]] } };

/** Lines of means over seeds with the seeds as dots. */
function meansAndSeeds(y: object, line: object = {}): object[] {
  return [
    { mark: { type: "line", strokeWidth: 1.8 }, encoding: { y: { ...y, aggregate: "mean" }, ...line } },
    { mark: { type: "point", size: 18, opacity: 0.7 }, encoding: { y } },
  ];
}

/** Mean distance against p, a line a set of prompts, a panel a block. */
export function distanceChart(measured: readonly Measured[]): ChartSpec {
  const y = { field: "mean", type: "quantitative", title: "mean distance" };
  return {
    data: { values: measured.map(withoutHistogram) },
    facet: { ...BLOCK, columns: 4 },
    columns: 4,
    spec: {
      width: 170,
      height: 190,
      encoding: { x: PERCENTILE, color: SET_COLOR },
      layer: [
        {
          mark: { type: "line", strokeDash: [4, 3], color: "#5f6368", strokeWidth: 1.2 },
          encoding: { y: { field: "threshold", type: "quantitative", aggregate: "mean" }, color: { value: "#5f6368" } },
        },
        {
          mark: { type: "text", text: "θ", align: "left", dx: 6, color: "#5f6368" },
          encoding: {
            x: { ...PERCENTILE, aggregate: "max" },
            y: { field: "threshold", type: "quantitative", aggregate: "max" },
            color: { value: "#5f6368" },
          },
        },
        ...meansAndSeeds(y, { strokeDash: SET_DASH }),
      ],
    },
  } as ChartSpec;
}

/** AUROC of one activation against the block, exemplars beside the coreset; a column a percentile, a row a set. */
export function aurocChart(measured: readonly Measured[]): ChartSpec {
  const values = measured.filter(({ set }) => set !== "held-out").map((row) => ({
    ...withoutHistogram(row),
    kind: row.kind === "regions" ? "exemplars of the dictionary" : "random activations (coreset)",
  }));
  const kind = {
    field: "kind",
    type: "nominal",
    title: null,
    scale: { domain: [...new Set(values.map((row) => row.kind))], range: [PALETTE[0], PALETTE[1]] },
    legend: { orient: "top", symbolType: "stroke", symbolSize: 300 },
  };
  const y = {
    field: "auroc",
    type: "quantitative",
    title: "AUROC",
    scale: { zero: false },
    axis: { grid: true, tickCount: 4 },
  };
  return {
    data: { values },
    facet: {
      row: { field: "set", type: "nominal", title: null, sort: PROMPT_SETS },
      column: { ...PERCENTILE, title: null, header: { labelExpr: "'p ' + datum.value" } },
    },
    spec: {
      width: 130,
      height: 130,
      encoding: { x: { field: "layer", type: "ordinal", title: "block" }, color: kind },
      layer: [
        {
          mark: { type: "rule", strokeDash: [4, 3], strokeWidth: 1, color: "#5f6368" },
          encoding: { y: { datum: 0.5 }, x: { value: 0 }, x2: { value: 130 }, color: { value: "#5f6368" } },
        },
        ...meansAndSeeds(y, { strokeDash: { ...kind, scale: { ...kind.scale, range: [[1, 0], [5, 3]] } } }),
      ],
    },
  } as ChartSpec;
}

/** Distances of the activations of every set of prompts, of one layer and percentile; seeds are pooled. */
export function distributionChart(measured: readonly Measured[]): ChartSpec {
  const values = PROMPT_SETS.flatMap((set) => {
    const rows = measured.filter((row) => row.set === set);
    const total = rows.reduce((sum, { activations }) => sum + activations, 0);
    const last = measured.reduce((max, { histogram }) => Math.max(max, histogram.findLastIndex((n) => n > 0)), 0);
    return Array.from({ length: last + 1 }, (_, bin) => ({
      set,
      distance: (bin + 0.5) * BIN,
      share: rows.reduce((sum, { histogram }) => sum + histogram[bin], 0) / total,
    }));
  });
  const threshold = measured.reduce((sum, row) => sum + row.threshold, 0) / measured.length;
  return {
    width: 440,
    height: 240,
    layer: [
      {
        data: { values },
        mark: { type: "line", interpolate: "step" },
        encoding: {
          x: { field: "distance", type: "quantitative", title: "distance to the nearest exemplar" },
          y: {
            field: "share",
            type: "quantitative",
            title: `share of activations, each ${BIN}`,
            axis: { format: "%" },
          },
          color: SET_COLOR,
        },
      },
      {
        data: { values: [{ threshold }] },
        mark: { type: "rule", strokeDash: [4, 3] },
        encoding: { x: { field: "threshold", type: "quantitative" } },
      },
    ],
  } as ChartSpec;
}

function withoutHistogram({ seed, layer, percentile, kind, set, threshold, mean, auroc }: Measured) {
  return { seed, layer, percentile, kind, set, threshold, mean, auroc };
}
