/**
 * Marks: what a chart draws of its rows. A mark takes the chart's channels (`x`, `y`, `color`, ...) unless it names its
 * own. Means are over all rows of one place, series and panel: seeds, as a rule.
 */
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { COLOR, DASH } from "../theme.ts";
import type { MarkDef } from "./spec.ts";
import type { Paint, Position, Quantity } from "./channels.ts";

/** Channels of a mark that differ from the chart's; null leaves one out. */
export interface MarkChannels<F extends string> {
  /** Along. */
  readonly x?: Position<F> | null;
  /** Up. */
  readonly y?: Position<F> | null;
  /** By row, or one colour for all. */
  readonly color?: Paint<F> | string;
  /** By row, or pixels of area for all. */
  readonly size?: Quantity<F> | number;
}

const CHANNELS: OptionKinds<MarkChannels<string>> = {
  x: ["object", "null"],
  y: ["object", "null"],
  color: ["object", "string"],
  size: ["object", "number"],
};

/** One kind of mark over some rows. */
export interface Mark<F extends string> extends MarkChannels<F> {
  /** Its tag. */
  readonly kind: "mark";
  /** Vega-Lite's mark with its looks. */
  readonly shape: MarkDef;
  /** What stands for the rows of one place: each itself, their mean, or the span from the least to the most. */
  readonly summary?: "mean" | "span";
  /** Fields of the ends, on the axis of the quantity, of marks that have a length. */
  readonly ends?: readonly [from: F, to: F];
  /** Fields of the place where it ends, of marks from one place to another. */
  readonly to?: { readonly x: F; readonly y: F };
  /** Tells lines and bands of one colour apart. */
  readonly detail?: F;
  /** Whether bars of one place stand on each other, in the legend's order. */
  readonly isStacked?: boolean;
  /** The field that is written. */
  readonly text?: F;
  /** Whether it stands at the greatest x only. */
  readonly isLast?: boolean;
  /** Draws only rows of which this field has this value. */
  readonly only?: { readonly field: F; readonly value: string | boolean };
}

/** A mark at given values, of no row. */
export interface Rule {
  /** Its tag. */
  readonly kind: "rule";
  /** Where it stands upright. */
  readonly x?: number;
  /** Where it lies. */
  readonly y?: number;
}

/** Marks of other rows than the chart's. */
export interface OwnRows {
  /** Its tag. */
  readonly kind: "own rows";
  /** The rows. */
  readonly rows: readonly object[];
  /** What is drawn of them. */
  readonly marks: Marks<string>;
}

/** Marks in the order they are drawn, the last on top. */
export type Marks<F extends string> = readonly (Mark<F> | Rule | OwnRows | Marks<F>)[];

/**
 * A line through every row, by x.
 *
 * @param options `dash`: pixels drawn and left out; `hasPoints`: whether rows are dots, default false; `isStepped`:
 * whether it runs level to the next row and then jumps, default false.
 *
 * @example Regions found so far
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const growth = [{ activations: 100, regions: 31 }, { activations: 200, regions: 42 }];
 * const figure = chart(growth, {
 *   x: quantity("activations", "activations seen"),
 *   y: quantity("regions", "regions"),
 *   marks: [line({ hasPoints: true })],
 * });
 * if (!JSON.stringify(figure).includes('"point":true')) throw new Error("a dot a row");
 * ```
 */
export function line<F extends string = never>(
  options: MarkChannels<F> & { dash?: readonly number[]; hasPoints?: boolean; isStepped?: boolean } = {},
): Mark<F> {
  assertOptions("line", options, { ...CHANNELS, dash: "numbers", hasPoints: "boolean", isStepped: "boolean" });
  const { dash, hasPoints, isStepped, ...channels } = options;
  const looks = { ...(hasPoints && { point: true }), ...(isStepped && { interpolate: "step" as const }) };
  return { ...channels, kind: "mark", shape: { type: "line", ...dashes(dash), ...looks } };
}

/**
 * A line through the means of the rows of each place.
 *
 * @param options As those of {@linkcode line}, but for steps.
 *
 * @example A line through the seeds' means, the seeds as dots
 * ```ts
 * import { chart, percentileAxis, share } from "./mod.ts";
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
 * Each row as a small dot, such as a seed beside the mean over seeds.
 *
 * @example
 * ```ts
 * import { chart, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [310, 298].map((regions) => ({ percentile: 4, regions }));
 * const figure = chart(rows, { x: percentileAxis(), y: quantity("regions", "regions"), marks: [seeds()] });
 * if (JSON.stringify(figure).includes("aggregate")) throw new Error("both are drawn");
 * ```
 */
export function seeds<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("seeds", options, CHANNELS);
  return { size: 22, ...options, kind: "mark", shape: { type: "point", opacity: 0.7 } };
}

/**
 * A short stroke at each mean, across the axis of the quantity.
 *
 * @example Two models beside each other at each percentile
 * ```ts
 * import { chart, percentileAxis, series, share } from "./mod.ts";
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

/**
 * Each row as a thin stroke across the axis: many values that stand close.
 *
 * @example Where regions lie, in one row of the chart
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const regions = [0.71, 0.72, 0.9].map((coherence) => ({ coherence }));
 * const figure = chart(regions, { x: quantity("coherence", "coherence"), marks: [strokes()], height: 20 });
 * if (!JSON.stringify(figure).includes('"type":"tick"')) throw new Error("three strokes");
 * ```
 */
export function strokes<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("strokes", options, CHANNELS);
  return {
    size: 14,
    color: COLOR.soft,
    ...options,
    kind: "mark",
    shape: { type: "tick", thickness: 1, opacity: 0.45 },
  };
}

/**
 * Each row as a dot, of many.
 *
 * @param options `opacity`, 0..1; default 0.6.
 *
 * @example
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const regions = [{ members: 12, coherence: 0.8 }, { members: 3, coherence: 0.9 }];
 * const figure = chart(regions, {
 *   x: quantity("members", "members", { log: true }),
 *   y: quantity("coherence", "coherence"),
 *   marks: [dots({ size: 30, opacity: 0.3 })],
 * });
 * if (!JSON.stringify(figure).includes('"opacity":0.3')) throw new Error("where many lie it is darker");
 * ```
 */
export function dots<F extends string = never>(options: MarkChannels<F> & { opacity?: number } = {}): Mark<F> {
  assertOptions("dots", options, { ...CHANNELS, opacity: "number" });
  const { opacity = 0.6, ...channels } = options;
  return { size: 16, ...channels, kind: "mark", shape: { type: "circle", opacity } };
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
 * An interval with its middle: a bar between two fields, a point at the chart's own.
 *
 * @param low The field of its lower end.
 * @param high The field of its upper end.
 *
 * @example Methods as rows, each with its interval
 * ```ts
 * import { category, chart, quantity } from "./mod.ts";
 *
 * const rows = [
 *   { method: "regions", mean: 0.9, low: 0.8, high: 0.95 },
 *   { method: "probe", mean: 0.8, low: 0.7, high: 0.9 },
 * ];
 * const methods = chart(rows, {
 *   x: quantity("mean", "AUROC", { zero: false }),
 *   y: category("method"),
 *   marks: [rule({ x: 0.5 }), interval("low", "high")],
 *   height: { step: 26 },
 * });
 * if (!("layer" in methods) || methods.layer.length !== 3) throw new Error("a rule, a bar and a point");
 * ```
 */
export function interval<F extends string>(
  low: F,
  high: F,
  options: MarkChannels<F> & { width?: number } = {},
): Marks<F> {
  assertOptions("interval", options, { ...CHANNELS, width: "number" });
  const { width = 3, ...channels } = options;
  const bar: MarkDef = { type: "rule", strokeWidth: width };
  return [
    { ...channels, kind: "mark", shape: bar, size: undefined, ends: [low, high] },
    { size: 22 * width, ...channels, kind: "mark", shape: { type: "point", opacity: 1 } },
  ];
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
 * Each row as a bar between two fields.
 *
 * @param from The field of one end.
 * @param to The field of the other.
 *
 * @example Tokens of a prompt, in the region that each falls into
 * ```ts
 * import { category, chart, quantity } from "./mod.ts";
 *
 * const rows = [{ region: "4", first: 0, last: 3 }, { region: "7", first: 3, last: 5 }];
 * const figure = chart(rows, {
 *   x: quantity("first", "position"),
 *   y: category("region", "region"),
 *   marks: [segments("first", "last")],
 * });
 * if (!JSON.stringify(figure).includes('"x2":{"field":"last"}')) throw new Error("from first to last");
 * ```
 */
export function segments<F extends string>(from: F, to: F, options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("segments", options, CHANNELS);
  const shape: MarkDef = { type: "bar", stroke: "white", strokeWidth: 0.5, height: { band: 0.8 } };
  return { ...options, kind: "mark", shape, ends: [from, to] };
}

/**
 * A straight line from each row's place to another.
 *
 * @param to The fields of the other place.
 * @param options `dash`: pixels drawn and left out.
 *
 * @example Where exemplars moved
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const rows = [{ before: 0.1, after: 0.3, beforeUp: 0.2, afterUp: 0.2 }];
 * const figure = chart(rows, {
 *   x: quantity("before", "first component"),
 *   y: quantity("beforeUp", "second component"),
 *   marks: [links({ x: "after", y: "afterUp" }), dots()],
 * });
 * if (!JSON.stringify(figure).includes('"x2":{"field":"after"}')) throw new Error("to its later place");
 * ```
 */
export function links<F extends string>(
  to: { readonly x: F; readonly y: F },
  options: MarkChannels<F> & { dash?: readonly number[] } = {},
): Mark<F> {
  assertOptions("links", options, { ...CHANNELS, dash: "numbers" });
  const { dash, ...channels } = options;
  return { ...channels, kind: "mark", shape: { type: "rule", strokeWidth: 1.2, ...dashes(dash) }, to };
}

/**
 * A filled rectangle from each row's place to the corner across.
 *
 * @param to The fields of that corner.
 *
 * @example
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const rows = [{ left: 0, right: 2, top: 0, bottom: 1 }];
 * const figure = chart(rows, {
 *   x: quantity("left", "token"),
 *   y: quantity("top", "member", { isReversed: true }),
 *   marks: [rectangles({ x: "right", y: "bottom" })],
 * });
 * if (!JSON.stringify(figure).includes('"y2":{"field":"bottom"}')) throw new Error("a rectangle");
 * ```
 */
export function rectangles<F extends string>(
  to: { readonly x: F; readonly y: F },
  options: MarkChannels<F> = {},
): Mark<F> {
  assertOptions("rectangles", options, CHANNELS);
  return { ...options, kind: "mark", shape: { type: "rect" }, to };
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

/**
 * A dashed line across the panel at given values: chance, a level that was chosen, a cut. It does not widen the axis.
 *
 * @param place Where it stands upright (`x`) or lies (`y`).
 *
 * @example Chance behind the seeds
 * ```ts
 * import { chart, percentileAxis, share } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, auroc: 0.8 }];
 * const figure = chart(rows, { x: percentileAxis(), y: share("auroc", "AUROC"), marks: [rule({ y: 0.5 }), seeds()] });
 * if (!JSON.stringify(figure).includes('"datum":0.5')) throw new Error("at one half");
 * ```
 */
export function rule(place: { readonly x?: number; readonly y?: number }): Rule {
  assertOptions("rule", place, { x: "number", y: "number" });
  return { kind: "rule", ...place };
}

/**
 * A dashed line across the panel at the mean of each series. Where it stands is its own channel, the other one is left
 * out.
 *
 * @example A control that has no percentile
 * ```ts
 * import { chart, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, auroc: 0.8, control: 0.62 }, { percentile: 8, auroc: 0.7, control: 0.58 }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: quantity("auroc", "AUROC"),
 *   marks: [means(), rules({ x: null, y: quantity("control", null) })],
 * });
 * if (!JSON.stringify(figure).includes('"field":"control"')) throw new Error("at 0.6");
 * ```
 */
export function rules<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  assertOptions("rules", options, CHANNELS);
  const shape: MarkDef = { type: "rule", strokeDash: [...DASH.dashed], strokeWidth: 1.4 };
  return { ...options, kind: "mark", shape, summary: "mean" };
}

/**
 * A dashed grey line through the means of a level that goes with x, such as a threshold, named at its end.
 *
 * @param height The level.
 * @param name A letter or a word, such as θ.
 *
 * @example The threshold that goes with each percentile
 * ```ts
 * import { chart, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, distance: 0.3, threshold: 0.4 }, { percentile: 8, distance: 0.4, threshold: 0.5 }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: quantity("distance", "cosine distance"),
 *   marks: [level(quantity("threshold", null), "θ"), means()],
 * });
 * if (!JSON.stringify(figure).includes('"text":"θ"')) throw new Error("named at p 8");
 * ```
 */
export function level<F extends string>(height: Quantity<F>, name: string): Marks<F> {
  const end: MarkDef = { type: "text", text: name, align: "left", dx: 6 };
  const channels = { y: height, color: COLOR.soft };
  return [means({ ...channels, dash: DASH.dashed }), { ...channels, kind: "mark", shape: end, isLast: true }];
}

/** How text stands beside its place. */
export interface TextOptions {
  /** Which part of it stands there; default its middle. */
  readonly align?: "left" | "center" | "right";
  /** Pixels to the right. */
  readonly dx?: number;
  /** Pixels down. */
  readonly dy?: number;
  /** Pixels; default 12. */
  readonly fontSize?: number;
  /** Default normal. */
  readonly fontWeight?: "bold" | "normal";
  /** Pixels after which it is cut short. */
  readonly limit?: number;
  /** What breaks it into lines; default nothing. */
  readonly lineBreak?: string;
  /** Pixels from line to line. */
  readonly lineHeight?: number;
  /** Pixels of white around the letters, so that they stay readable on marks; default 0. */
  readonly halo?: number;
}

const TEXT_OPTIONS: OptionKinds<TextOptions> = {
  align: "string",
  dx: "number",
  dy: "number",
  fontSize: "number",
  fontWeight: "string",
  limit: "number",
  lineBreak: "string",
  lineHeight: "number",
  halo: "number",
};

/**
 * A field, written at each row's place.
 *
 * @param field What is written.
 * @param options How it stands beside the place; default in its middle, 12 pixels high.
 *
 * @example
 * ```ts
 * import { chart, quantity } from "./mod.ts";
 *
 * const regions = [{ members: 12, coherence: 0.8, token: "cat" }, { members: 3, coherence: 0.9, token: "mat" }];
 * const figure = chart(regions, {
 *   x: quantity("members", "members"),
 *   y: quantity("coherence", "coherence"),
 *   marks: [dots(), text("token", { align: "left", dx: 5 })],
 * });
 * if (!JSON.stringify(figure).includes('"text":{"field":"token"}')) throw new Error("a name a dot");
 * ```
 */
export function text<F extends string, G extends string = F>(
  field: F,
  options: MarkChannels<G> & TextOptions = {},
): Marks<F | G> {
  assertOptions("text", options, { ...CHANNELS, ...TEXT_OPTIONS });
  const { x, y, color, size, halo = 0, ...looks } = options;
  const written = {
    ...(x && { x }),
    ...(y && { y }),
    ...(color && { color }),
    size,
    kind: "mark",
    text: field,
  } as const;
  const letters: Mark<F | G> = { ...written, shape: { type: "text", ...looks } };
  if (halo === 0) return [letters];
  const around: MarkDef = { type: "text", ...looks, stroke: "white", strokeWidth: halo, strokeJoin: "round" };
  return [{ ...written, shape: around }, letters];
}

/**
 * Marks of the rows of which a field has a value.
 *
 * @param field The field.
 * @param value What it has to be.
 * @param marks What is drawn of them.
 *
 * @example Dots of one order over the means of all
 * ```ts
 * import { chart, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [{ percentile: 4, regions: 310, order: "shuffled" }, { percentile: 4, regions: 322, order: "as is" }];
 * const figure = chart(rows, {
 *   x: percentileAxis(),
 *   y: quantity("regions", "regions"),
 *   marks: [means(), only("order", "as is", seeds())],
 * });
 * if (!JSON.stringify(figure).includes('"equal":"as is"')) throw new Error("one dot, the mean of both");
 * ```
 */
export function only<F extends string, G extends string = F>(
  field: F,
  value: string | boolean,
  ...marks: readonly Mark<G>[]
): Marks<F | G> {
  return marks.map((mark) => ({ ...mark, only: { field, value } }));
}

/**
 * Marks of other rows than the chart's; in a chart of panels they stand in every panel. The rows have the fields of the
 * chart's channels, or the marks name their own.
 *
 * @param rows Of any fields.
 * @param marks What is drawn of them.
 *
 * @example Seeds over what was published
 * ```ts
 * import { chart, percentileAxis, quantity } from "./mod.ts";
 *
 * const ours = [{ percentile: 4, regions: 310 }, { percentile: 8, regions: 120 }];
 * const published = [{ percentile: 4, regions: 305 }];
 * const both = chart(ours, {
 *   x: percentileAxis(),
 *   y: quantity("regions", "regions", { log: true }),
 *   marks: [on(published, strokes({ size: 30 })), seeds()],
 * });
 * if (!("layer" in both) || both.layer.length !== 2) throw new Error("strokes and seeds");
 * ```
 */
export function on<R extends object>(rows: readonly R[], ...marks: Marks<NoInfer<keyof R & string>>): OwnRows {
  return { kind: "own rows", rows, marks };
}

/** A reference is thinner than what is measured, its dashes cut square: round ends would close the gaps. */
const dashes = (dash?: readonly number[]) =>
  dash && { strokeDash: [...dash], strokeWidth: 1.2, strokeCap: "butt" as const };
