/** Marks of many rows of one place: their mean, their span, how they lie, or their sum. */
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { CHANNELS, type Mark, type MarkChannels } from "./mark.ts";
import { line } from "./row_marks.ts";
import type { MarkDef } from "./spec.ts";

/**
 * A line through the means of the rows of each place.
 *
 * @param options As those of {@linkcode line}, but for steps.
 *
 * @example A line through the seeds' means, the seeds as dots
 * ```ts
 * import { chart, percentileAxis, seeds, share } from "./mod.ts";
 *
 * const rows = [0.71, 0.69].map((accuracy) => ({ percentile: 4, accuracy }));
 * const figure = chart(rows, { x: percentileAxis(), y: share("accuracy", "accuracy"), marks: [means(), seeds()] });
 * if (!JSON.stringify(figure).includes('"aggregate":"mean"')) throw new Error("one point at p 4");
 * ```
 */
export function means<F extends string = never>(
  options: MarkChannels<F> & { dash?: readonly number[]; hasPoints?: boolean } = {},
): Mark<F> {
  assertOptions("means", options, { ...CHANNELS, dash: "numbers", hasPoints: "boolean" });
  return { ...line(options), summary: "mean" };
}

/**
 * A short stroke at each mean, across the axis of the quantity.
 *
 * @example Two models beside each other at each percentile
 * ```ts
 * import { chart, percentileAxis, seeds, series, share } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, model: "base", auroc: 0.6 }, { percentile: 4, model: "instruct", auroc: 0.9 }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: share("auroc", "AUROC"),
 *   color: series("model"),
 *   isDodged: true,
 *   marks: [ticks(), seeds()],
 * });
 * if (!JSON.stringify(figure).includes('"xOffset":{"field":"model"')) throw new Error("beside each other");
 * ```
 */
export function ticks<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("ticks", options, CHANNELS);
  return { size: 14, ...options, kind: "mark", shape: { type: "tick", thickness: 2.5 }, summary: "mean" };
}

/** What a band is drawn with. */
export interface BandOptions<F extends string> extends MarkChannels<F> {
  /** The fields of its lower and upper side; default the least and the most of each place. */
  readonly ends?: readonly [low: F, high: F];
  /** The field that tells bands of one colour apart. */
  readonly detail?: F;
  /** 0..1; default 0.15. */
  readonly opacity?: number;
}

const BAND_OPTIONS: OptionKinds<BandOptions<string>> = {
  ...CHANNELS,
  ends: "strings",
  detail: "string",
  opacity: "number",
};

/**
 * A band over the range of the rows of one place, or between two fields.
 *
 * @example From the least seed to the most, behind their mean
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const rows = [0.6, 0.8].flatMap((auroc) => [4, 8].map((percentile) => ({ percentile, auroc })));
 * const figure = chart(rows, {
 *   x: quantity("percentile", "percentile p"),
 *   y: quantity("auroc", "AUROC"),
 *   marks: [band(), means()],
 * });
 * if (!JSON.stringify(figure).includes('"aggregate":"max"')) throw new Error("up to the most");
 * ```
 */
export function band<F extends string = never>(options: BandOptions<F> = {}): Mark<F> {
  assertOptions<BandOptions<string>>("band", options, BAND_OPTIONS);
  const { opacity = 0.15, ...channels } = options;
  const extent = options.ends ? {} : { summary: "span" as const };
  return { ...channels, ...extent, kind: "mark", shape: { type: "area", opacity, fillOpacity: 1 } };
}

/**
 * A bar from 0 to each mean.
 *
 * @example
 * ```ts
 * import { category, chart, share } from "./mod.ts";
 *
 * const rows = [{ method: "regions", accuracy: 0.9 }, { method: "probe", accuracy: 0.8 }];
 * const figure = chart(rows, { x: share("accuracy", "accuracy"), y: category("method"), marks: [bars()] });
 * if (!JSON.stringify(figure).includes('"type":"bar"')) throw new Error("two bars");
 * ```
 */
export function bars<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("bars", options, CHANNELS);
  return { ...options, kind: "mark", shape: { type: "bar", opacity: 0.55, size: 16 }, summary: "mean" };
}

/**
 * Means of one place as bars that stand on each other, in the legend's order. The chart's colour is a series.
 *
 * @example Kinds of answers
 * ```ts
 * import { chart, percentileAxis, series, share } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, kind: "refuses", part: 0.3 }, { percentile: 4, kind: "answers", part: 0.7 }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: share("part", "answers"),
 *   color: series("kind", { answers: "#0072B2", refuses: "#D55E00" }),
 *   marks: [stacks()],
 * });
 * if (!JSON.stringify(figure).includes("[\\\"answers\\\",\\\"refuses\\\"]")) throw new Error("answers first");
 * ```
 */
export function stacks<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("stacks", options, CHANNELS);
  return { ...options, kind: "mark", shape: { type: "bar", width: { band: 0.88 } }, isStacked: true };
}

/**
 * The rows of one place as a box: the median, the quartiles, and what lies further off than 1.5 times between them as
 * dots.
 *
 * @example
 * ```ts
 * import { chart, percentileAxis, quantity } from "./mod.ts";
 *
 * const regions = [0.7, 0.8, 0.85, 0.2].map((coherence) => ({ percentile: 8, coherence }));
 * const figure = chart(regions, { x: percentileAxis(), y: quantity("coherence", "coherence"), marks: [boxes()] });
 * if (!JSON.stringify(figure).includes('"type":"boxplot"')) throw new Error("one box");
 * ```
 */
export function boxes<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("boxes", options, CHANNELS);
  const shape: MarkDef = {
    type: "boxplot",
    size: 20,
    outliers: { size: 8, opacity: 0.4 },
    median: { color: "white" },
  };
  return { ...options, kind: "mark", shape };
}
