/** Charts of distances to the nearest exemplar. */
import {
  by,
  byLayer,
  byPercentile,
  chart,
  type ChartSpec,
  COLOR,
  DASH,
  grid,
  layerAxis,
  level,
  line,
  means,
  percentileAxis,
  quantity,
  rule,
  seeds,
  series,
  type SeriesStyle,
  share,
} from "../../../src/report/mod.ts";
import { BIN, type DistanceRow, PROMPT_SETS, type PromptSet } from "./rows.ts";

// The first two lie on each other where context plays no part: a dash lets both show.
const SETS: Readonly<Record<PromptSet, SeriesStyle>> = {
  "held-out": COLOR.blue,
  shuffled: { color: COLOR.green, dash: DASH.dashed },
  Bulgarian: COLOR.orange,
  "random tokens": COLOR.vermilion,
};

/** Mean distance against p, a line a set of prompts, a panel a layer. */
export function distanceChart(measured: readonly DistanceRow[]): ChartSpec {
  return chart(measured, {
    panels: byLayer({ columns: 4 }),
    x: percentileAxis(),
    y: quantity("mean", "mean distance"),
    color: series("set", SETS),
    marks: [level(quantity("threshold", "mean distance"), "θ"), means(), seeds()],
  });
}

const KINDS: Readonly<Record<DistanceRow["kind"], string>> = {
  regions: "exemplars of the dictionary",
  coreset: "random activations (coreset)",
};

/** AUROC of one activation by layer, exemplars beside the coreset; a column a percentile, a row a set. */
export function aurocChart(measured: readonly DistanceRow[]): ChartSpec {
  const rows = measured.filter(({ set }) => set !== "held-out").map((row) => ({ ...row, exemplars: KINDS[row.kind] }));
  return chart(rows, {
    panels: grid(by("set", { order: PROMPT_SETS }), byPercentile()),
    x: layerAxis(),
    y: quantity("auroc", "AUROC", { zero: false, ticks: 4 }),
    color: series("exemplars", {
      [KINDS.regions]: COLOR.blue,
      [KINDS.coreset]: { color: COLOR.vermilion, dash: DASH.dashed },
    }),
    marks: [rule({ y: 0.5 }), means(), seeds()],
    width: 130,
    height: 130,
  });
}

/** Distances of the activations of every set of prompts, of one layer and percentile; seeds are pooled. */
export function distributionChart(measured: readonly DistanceRow[]): ChartSpec {
  const last = measured.reduce((max, { histogram }) => Math.max(max, histogram.findLastIndex((n) => n > 0)), 0);
  const bins = PROMPT_SETS.flatMap((set) => {
    const rows = measured.filter((row) => row.set === set);
    const total = rows.reduce((sum, { activations }) => sum + activations, 0);
    return Array.from({ length: last + 1 }, (_, bin) => ({
      set,
      distance: (bin + 0.5) * BIN,
      share: rows.reduce((sum, { histogram }) => sum + histogram[bin], 0) / total,
    }));
  });
  const threshold = measured.reduce((sum, row) => sum + row.threshold, 0) / measured.length;
  return chart(bins, {
    x: quantity("distance", "distance to the nearest exemplar"),
    y: share("share", `share of activations, each ${BIN}`),
    color: series("set", SETS),
    marks: [line({ isStepped: true }), rule({ x: threshold })],
  });
}
