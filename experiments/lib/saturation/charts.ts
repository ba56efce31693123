/** Charts of `saturation`. */
import {
  band,
  byLayer,
  byPercentile,
  chart,
  type ChartSpec,
  COLOR,
  layerAxis,
  means,
  quantity,
  series,
} from "../../../src/report/mod.ts";
import type { StreamCurve } from "./rows.ts";

const STREAM = series("stream", { math: COLOR.blue, code: COLOR.green, chat: COLOR.vermilion, mix: COLOR.black });

/** Regions against activations seen at one percentile, a panel a layer. */
export function curvesChart(curves: readonly StreamCurve[], percentile: number): ChartSpec {
  // All windows are of one length, so the orders' points lie at the same numbers of activations.
  const points = curves.filter((curve) => curve.percentile === percentile).flatMap((
    { layer, stream, seed, snapshots },
  ) => snapshots.map(({ activations, regions: size }) => ({ layer, stream, seed, activations, regions: size })));
  return chart(points, {
    panels: byLayer({ columns: 4 }),
    x: quantity("activations", "activations seen", { format: "~s", ticks: 4 }),
    y: quantity("regions", "regions K"),
    color: STREAM,
    marks: [band(), means()],
    // The layers differ much: the other chart compares them.
    independent: "y",
    width: 155,
    height: 140,
  });
}

/** Regions at the end against the layer, a panel a percentile. */
export function depthChart(curves: readonly StreamCurve[]): ChartSpec {
  return chart(curves, {
    panels: byPercentile({ columns: 3 }),
    x: layerAxis(),
    y: quantity("regions", "regions at equal budgets"),
    color: STREAM,
    marks: [band(), means()],
    independent: "y",
  });
}
