/** Charts of steering with regions. */
import {
  bars,
  below,
  by,
  byLayer,
  byPercentile,
  category,
  chart,
  type ChartSpec,
  COLOR,
  grid,
  means,
  percentileAxis,
  quantity,
  seeds,
  series,
  share,
} from "../../../src/report/mod.ts";
import type { SummaryRow } from "./rows.ts";

const DIRECTION = series("direction", { region: COLOR.vermilion, "matched null": COLOR.blue }, {
  title: "direction of",
});

/** Divergence, shift of the top token and sufficiency against strength, a row each, a column a percentile, of one layer. */
export function curvesChart(summaries: readonly SummaryRow[], layer: number): ChartSpec {
  const rows = summaries.filter((row) => row.layer === layer && row.alpha !== null);
  const measures = [
    quantity("divergence", "KL from unsteered (nats)", { log: true, format: "~g" }),
    share("shift", "top token changed", { domain: [0, 1] }),
    quantity("closed", "sufficiency"),
  ];
  return below(measures.map((y, i) =>
    chart(rows, {
      panels: byPercentile({ hasHeader: i === 0 }),
      x: category("alpha", "strength α"),
      y,
      color: DIRECTION,
      marks: [means(), seeds()],
      width: 150,
      height: 130,
    })
  ));
}

/** Necessity beside the largest sufficiency, by percentile, a column a layer. */
export function necessityChart(summaries: readonly SummaryRow[], best: (row: SummaryRow) => boolean): ChartSpec {
  const rows = summaries.filter((row) => row.alpha === null || best(row)).map((row) => ({
    ...row,
    what: row.alpha !== null ? "sufficiency: added at best α, elsewhere" : "necessity: ablated, at members",
  }));
  return chart(rows, {
    panels: grid(byLayer(), by("what")),
    x: percentileAxis(),
    y: quantity("closed", "share of the gap"),
    color: DIRECTION,
    isDodged: true,
    marks: [bars(), seeds({ size: 36 })],
    width: 270,
    height: 220,
  });
}
