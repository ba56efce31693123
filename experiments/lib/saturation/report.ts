/** What `saturation` leaves to look at: tables, charts, report, findings. */
import { spearman } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { formatNumber } from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { comparableModel, publishedSaturation } from "../published.ts";
import { curvesChart, depthChart } from "./charts.ts";
import { type Stream, type StreamCurve, STREAMS } from "./curves.ts";
import { distinct, Grid } from "./grid.ts";
import { curveColumns, regionColumns } from "./tables.ts";

const QUESTION = "How many regions do math, code and chat need at each layer, at equal budgets of tokens?";
const DOMAINS = ["math", "code", "chat"] as const;

/** Everything that was measured. */
export interface SaturationResult {
  readonly curves: readonly StreamCurve[];
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
  /** Windows of each stream. */
  readonly windows: number;
  /** Tokens of a window. */
  readonly context: number;
}

/** Writes everything below `run.out`, prints the figures of every setting, and says where the report is. */
export async function reportSaturation<F extends Flags>(
  run: Run<F>,
  { curves, failed, windows, context }: SaturationResult,
): Promise<void> {
  if (curves.length === 0) throw new Error(`Expected a dictionary but none could be made: ${failed[0].reason}`);
  const { save, manifest, flags } = run;
  const percentiles = distinct(curves.map(({ percentile }) => percentile));
  const grids = percentiles.map((percentile) => new Grid(curves, percentile));
  // The percentile of the plain figures is the middle of the sweep, whatever came out.
  const shown = grids[percentiles.length >> 1];

  await save.table("curves", curveColumns(curves));
  await save.table("regions", regionColumns(curves));
  Object.assign(manifest.findings, findings(grids, shown, windows * context, failed.length));

  const text = answer(grids, shown);
  const published = publishedSaturation(comparableModel(flags));
  const failures = failed.map(({ layer, percentile }) => `block ${layer}, p ${percentile}`).join("; ");
  const rows = grids.flatMap(tableRows);
  const path = await save.report({
    title: `Saturation of ${flags.model} by domain`,
    question: QUESTION,
    answer: text,
    sections: [{
      heading: "Regions by domain and layer",
      blocks: [
        ...(published ? [{ text: published }] : []),
        await save.chart(
          "depth",
          depthChart(curves),
          `Regions after ${windows * (context - 1)} activations of each stream: lines are means over stream orders, ` +
            "bands their range. Mix: as many activations, a third from each domain.",
        ),
        await save.chart(
          "curves",
          curvesChart(curves, shown.percentile),
          `Regions against activations seen, p ${shown.percentile}; lines are means over orders, bands their range.`,
        ),
        {
          table: reportTable(rows),
          caption:
            "Regions at the end, means over orders; the range over orders of the domain with the widest; chat over code; " +
            "and how many of 1,000 activations still founded a region in the last quarter of the stream.",
        },
        ...(failures ? [{ text: `No dictionary could be made at: ${failures} (threshold 0).` }] : []),
      ],
    }],
  });
  printTable(rows);
  console.log(`\n${text}\n\nReport: ${path}`);
}

function answer(grids: readonly Grid[], shown: Grid): string {
  const { layers, percentile } = shown;
  const span = (values: readonly number[]) => `${figure(Math.min(...values))} to ${figure(Math.max(...values))}`;
  const shape = (stream: Stream) => {
    const means = shown.means(stream);
    const order = layers.length > 2 ? `, rank correlation with depth ${figure(spearman(layers, means))}` : "";
    return `${stream} ${Math.round(means[0])} at block ${layers[0]} and ${Math.round(means.at(-1)!)} at block ` +
      `${layers.at(-1)} (most at block ${peakOf(shown, stream)}${order})`;
  };
  const ends = grids.map((grid) => {
    const share = Math.max(...DOMAINS.flatMap((stream) => grid.means(stream, ({ founding }) => founding)));
    return `${grid.saturated} of ${grid.curves.length} at p ${grid.percentile} ` +
      `(at most ${figure(share * 1000)} of 1,000 activations still found a region)`;
  });
  const above = grids.flatMap(({ ratios }) => ratios).filter((ratio) => ratio > 1).length;
  const settings = grids.reduce((sum, { ratios }) => sum + ratios.length, 0);
  const disjoint = grids.flatMap((grid) => {
    const code = grid.ranges("code");
    return grid.ranges("chat").map(([low, high], i) => low > code[i][1] || high < code[i][0]);
  });
  const complete = grids.filter((grid) => grid !== shown && grid.saturated === grid.curves.length);
  const ofEnds = (means: readonly number[]) => `${Math.round(means[0])} and ${Math.round(means.at(-1)!)}`;
  const multiples = DOMAINS.map((stream) => `${stream} ${figure(spread(shown.means(stream)))}`).join(", ");
  return [
    `At p ${percentile} and equal budgets the domains have these regions: ${DOMAINS.map(shape).join("; ")}.`,
    `The most over the least across layers is ${multiples}.`,
    `Chat has ${span(shown.ratios)} times the regions of code at p ${percentile}, and more than code in ${above} of`,
    `${settings} settings of layer and p; their ranges over stream orders do not touch in`,
    `${disjoint.filter(Boolean).length} of them.`,
    `Dictionaries that met the rule of saturation (two empty batches in a row): ${ends.join(", ")};`,
    "the regions of the others are lower bounds.",
    ...complete.map((grid) => {
      const shapes = DOMAINS.map((stream) => `${stream} ${ofEnds(grid.means(stream))}`).join(", ");
      return `At p ${grid.percentile}, where all met it, the first and the last block have: ${shapes}.`;
    }),
  ].join(" ");
}

function peakOf(grid: Grid, stream: Stream): number {
  const means = grid.means(stream);
  return grid.layers[means.indexOf(Math.max(...means))];
}

const spread = (values: readonly number[]) => Math.max(...values) / Math.min(...values);
const figure = (value: number) => formatNumber(value, 3);
const rounded = (value: number) => Math.round(value * 100) / 100;

function tableRows(grid: Grid) {
  const means = STREAMS.map((stream) => grid.means(stream));
  const founding = STREAMS.map((stream) => grid.means(stream, ({ founding }) => founding));
  return grid.layers.map((layer, i) => ({
    p: grid.percentile,
    block: layer,
    "θ": Math.round(grid.at("mix", layer)[0].threshold * 1e4) / 1e4,
    ...Object.fromEntries(STREAMS.map((stream, s) => [stream, Math.round(means[s][i])])),
    "widest range": Math.max(...STREAMS.map((stream) => grid.ranges(stream)[i]).map(([low, high]) => high - low)),
    "chat / code": rounded(grid.ratios[i]),
    ...Object.fromEntries(STREAMS.map((stream, s) => [`founding, ${stream}`, rounded(founding[s][i] * 1000)])),
  }));
}

/** Arrays are by layer; `_by_percentile` by percentile, then layer; plain ones are of the percentile that is shown. */
function findings(grids: readonly Grid[], shown: Grid, tokens: number, failed: number) {
  const byDomain = DOMAINS.map((stream) => ({
    [`regions_${stream}`]: shown.means(stream),
    [`regions_${stream}_range`]: shown.ranges(stream),
    [`regions_${stream}_by_percentile`]: grids.map((grid) => grid.means(stream)),
    [`peak_layer_${stream}`]: peakOf(shown, stream),
    [`depth_correlation_${stream}`]: spearman(shown.layers, shown.means(stream)),
    [`founding_share_${stream}`]: shown.means(stream, ({ founding }) => founding),
  }));
  return {
    percentile: shown.percentile,
    percentiles: grids.map(({ percentile }) => percentile),
    layers: shown.layers,
    tokens,
    ...Object.assign({}, ...byDomain),
    regions_mix: shown.means("mix"),
    ratio_chat_code: shown.ratios,
    saturated: grids.map(({ saturated }) => saturated),
    dictionaries: grids.map(({ curves }) => curves.length),
    failed_settings: failed,
  };
}
