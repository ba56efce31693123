/** What the regions of three domains, grown at equal budgets, say. */
import { spearman } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  type Figure,
  figure,
  headed,
  orNull,
  rangeOf,
  rangeText,
  recordTable,
  resultTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { failedText } from "../failed_settings.ts";
import { comparableModel, publishedSaturation } from "../published.ts";
import { curvesChart, depthChart } from "./charts.ts";
import { CURVE, curveRows, DOMAINS, REGIONS, type Stream, type StreamCurve, STREAMS } from "./rows.ts";

type Curves = Sweep<StreamCurve, "percentile" | "layer">;
type CurveSetting = Setting<StreamCurve, "percentile" | "layer">;

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

/** Tables, charts, findings and the answer. */
export function saturationOutcome(flags: CommonFlags, result: SaturationResult): Outcome {
  const { curves, failed, windows, context } = result;
  const sweep = new Sweep(curves, ["percentile", "layer"]);
  const { percentile } = sweep.middle.key;
  const shown = sweep.where({ percentile });
  return {
    title: `Saturation of ${flags.model} by domain`,
    answer: answer(sweep, shown),
    findings: { ...findings(sweep, shown), tokens: windows * context, failed_settings: failed.length },
    tables: { curves: resultTable(CURVE, curveRows(curves)), regions: resultTable(REGIONS, curves) },
    sections: [{
      heading: "Regions by domain and layer",
      blocks: [
        textBlock(publishedSaturation(comparableModel(flags))),
        chartBlock(
          "depth",
          depthChart(curves),
          `Regions after ${
            figure(windows * (context - 1))
          } activations of each stream: lines are means over stream orders, ` +
            "bands their range. Mix: as many activations, a third from each domain.",
        ),
        chartBlock(
          "curves",
          curvesChart(curves, percentile),
          `Regions against activations seen, p ${percentile}; lines are means over orders, bands their range.`,
        ),
        tableBlock(
          regionTable(sweep),
          "Regions at the end, means over orders; the range over orders of the domain with the widest; chat over code; " +
            "and how many of 1,000 activations still founded a region in the last quarter of the stream.",
          { printed: true },
        ),
        textBlock(failedText(failed)),
      ],
    }],
  };
}

/** A figure of a stream, the mean over orders. */
const meanAt = (setting: CurveSetting, stream: Stream, of: Figure<StreamCurve> = "regions") =>
  setting.where({ stream }).mean(of)!;

/** Figures by setting: by layer, where the percentile is one. */
const means = (sweep: Curves, stream: Stream, of?: Figure<StreamCurve>) =>
  sweep.settings.map((setting) => meanAt(setting, stream, of));

/** The fewest and the most regions over orders; `null` of one order. */
const range = (setting: CurveSetting, stream: Stream) => setting.where({ stream }).spread("regions");

/** Chat's regions over code's. */
const ratio = (setting: CurveSetting) => meanAt(setting, "chat") / meanAt(setting, "code");

/** A value of each percentile's settings. */
const byPercentile = <T>(sweep: Curves, value: (own: Curves) => T) =>
  sweep.each("percentile").map((percentile) => value(sweep.where({ percentile })));

/** Dictionaries that had two empty batches in a row. */
const saturated = (sweep: Curves) => sweep.values("saturatedAt").length;

function peakOf(shown: Curves, stream: Stream): number {
  const sizes = means(shown, stream);
  return shown.settings[sizes.indexOf(Math.max(...sizes))].key.layer;
}

function answer(sweep: Curves, shown: Curves): string {
  const layers = shown.each("layer");
  const { percentile } = shown.middle.key;
  const shape = (stream: Stream) => {
    const sizes = means(shown, stream);
    if (layers.length === 1) return `${stream} ${Math.round(sizes[0])}`;
    const order = layers.length > 2 ? `, rank correlation with depth ${figure(spearman(layers, sizes))}` : "";
    return `${stream} ${Math.round(sizes[0])} at layer ${layers[0]} and ${Math.round(sizes.at(-1)!)} at layer ` +
      `${layers.at(-1)} (most at layer ${peakOf(shown, stream)}${order})`;
  };
  const multiples = DOMAINS.map((stream) => {
    const sizes = means(shown, stream);
    return `${stream} ${figure(Math.max(...sizes) / Math.min(...sizes))}`;
  });
  const areApart = (setting: CurveSetting) => {
    const [chat, code] = [range(setting, "chat"), range(setting, "code")];
    if (chat === null || code === null) return false;
    return chat[0] > code[1] || chat[1] < code[0];
  };
  const isRepeated = sweep.each("seed").length > 1;
  const ends = byPercentile(sweep, (own) => {
    const share = Math.max(...DOMAINS.flatMap((stream) => means(own, stream, "foundingShare")));
    return `${saturated(own)} of ${own.rows.length} at p ${own.middle.key.percentile} ` +
      `(at most ${figure(share * 1000)} of 1,000 activations still founded one)`;
  });
  const complete = byPercentile(sweep, (own) => {
    if (own.middle.key.percentile === percentile || saturated(own) < own.rows.length) return [];
    const shapes = DOMAINS.map((stream) => {
      const sizes = means(own, stream);
      return `${stream} ${Math.round(sizes[0])} and ${Math.round(sizes.at(-1)!)}`;
    });
    return `At p ${own.middle.key.percentile}, where all met it, the first and the last layer have: ${
      shapes.join(", ")
    }.`;
  });
  return [
    `At p ${percentile}${layers.length === 1 ? `, layer ${layers[0]}` : ""} and equal budgets the domains have these ` +
    `regions: ${DOMAINS.map(shape).join("; ")}.`,
    ...(layers.length === 1 ? [] : [`The most over the least across layers is ${multiples.join(", ")}.`]),
    `Chat has ${rangeText(shown.settings.map(ratio))} times the regions of code at p ${percentile}, and more than code`,
    `${sweep.tally((setting) => ratio(setting) > 1)}${
      isRepeated ? `; their ranges over stream orders do not touch ${sweep.tally(areApart)}` : ""
    }.`,
    `Dictionaries that met the rule of saturation (two empty batches in a row): ${ends.join(", ")};`,
    "the regions of the others are lower bounds.",
    ...complete.flat(),
  ].join(" ");
}

/** The range over orders of the stream with the widest; `null` of one order. */
function widestRange(setting: CurveSetting): number | null {
  return rangeOf(STREAMS.map((stream) => range(setting, stream)).map((ends) => ends && ends[1] - ends[0]))?.[1] ?? null;
}

function regionTable(sweep: Curves) {
  return recordTable(sweep.settings.map((setting) => ({
    ...headed(CURVE, {
      percentile: setting.key.percentile,
      layer: setting.key.layer,
      threshold: setting.where({ stream: "mix" }).rows[0].threshold,
    }),
    ...Object.fromEntries(STREAMS.map((stream) => [stream, Math.round(meanAt(setting, stream))])),
    "widest range": widestRange(setting),
    "chat / code": ratio(setting),
    ...Object.fromEntries(
      STREAMS.map((stream) => [`founding, ${stream}`, meanAt(setting, stream, "foundingShare") * 1000]),
    ),
  })));
}

/** Arrays are by layer; `_by_percentile` by percentile, then layer; plain ones are of the percentile that is shown. */
function findings(sweep: Curves, shown: Curves): Outcome["findings"] {
  const byDomain = DOMAINS.map((stream) => ({
    [`regions_${stream}`]: means(shown, stream),
    [`regions_${stream}_range`]: shown.settings.map((setting) => range(setting, stream)),
    [`regions_${stream}_by_percentile`]: sweep.by((setting) => meanAt(setting, stream)),
    [`peak_layer_${stream}`]: peakOf(shown, stream),
    [`depth_correlation_${stream}`]: shown.each("layer").length > 2
      ? orNull(spearman(shown.each("layer"), means(shown, stream)))
      : null,
    [`founding_share_${stream}`]: means(shown, stream, "foundingShare"),
  }));
  return {
    percentile: shown.middle.key.percentile,
    percentiles: sweep.each("percentile"),
    layers: shown.each("layer"),
    ...Object.assign({}, ...byDomain),
    regions_mix: means(shown, "mix"),
    ratio_chat_code: shown.settings.map(ratio),
    saturated: byPercentile(sweep, saturated),
    dictionaries: byPercentile(sweep, (own) => own.rows.length),
  };
}
