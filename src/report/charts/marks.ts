/**
 * Marks: what a chart draws of its rows. A mark takes the chart's channels (`x`, `y`, `color`, ...) unless it names its
 * own. Means are over all rows of one place, series and panel: seeds, as a rule.
 */
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

/** A line through every row, by x. */
export function line<F extends string = never>(
  options: MarkChannels<F> & { dash?: readonly number[]; hasPoints?: boolean; isStepped?: boolean } = {},
): Mark<F> {
  const { dash, hasPoints, isStepped, ...channels } = options;
  const looks = { ...(hasPoints && { point: true }), ...(isStepped && { interpolate: "step" as const }) };
  return { ...channels, kind: "mark", shape: { type: "line", ...dashes(dash), ...looks } };
}

/** A line through the means. */
export function means<F extends string = never>(
  options: MarkChannels<F> & { dash?: readonly number[]; hasPoints?: boolean } = {},
): Mark<F> {
  return { ...line(options), summary: "mean" };
}

/** Each row as a small dot: under or over its mean. */
export function seeds<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  return { size: 22, ...options, kind: "mark", shape: { type: "point", opacity: 0.7 } };
}

/** A short stroke at each mean. */
export function ticks<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  return { size: 14, ...options, kind: "mark", shape: { type: "tick", thickness: 2.5 }, summary: "mean" };
}

/** Each row as a thin stroke across the axis: many values that stand close. */
export function strokes<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  return {
    size: 14,
    color: COLOR.soft,
    ...options,
    kind: "mark",
    shape: { type: "tick", thickness: 1, opacity: 0.45 },
  };
}

/** Each row as a dot, of many. */
export function dots<F extends string = never>(options: MarkChannels<F> & { opacity?: number } = {}): Mark<F> {
  const { opacity = 0.6, ...channels } = options;
  return { size: 16, ...channels, kind: "mark", shape: { type: "circle", opacity } };
}

/** A band over the range of the rows of one place, or between two fields. */
export function band<F extends string = never>(
  options: MarkChannels<F> & { ends?: readonly [low: F, high: F]; detail?: F; opacity?: number } = {},
): Mark<F> {
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
 * const rows = [{ method: "regions", mean: 0.9, low: 0.8, high: 0.95 }, { method: "probe", mean: 0.8, low: 0.7, high: 0.9 }];
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
  const { width = 3, ...channels } = options;
  const bar: MarkDef = { type: "rule", strokeWidth: width };
  return [
    { ...channels, kind: "mark", shape: bar, size: undefined, ends: [low, high] },
    { size: 22 * width, ...channels, kind: "mark", shape: { type: "point", opacity: 1 } },
  ];
}

/** A bar from 0 to each mean. */
export function bars<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  return { ...options, kind: "mark", shape: { type: "bar", opacity: 0.55, size: 16 }, summary: "mean" };
}

/** Means of one place as bars that stand on each other, in the legend's order. */
export function stacks<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  return { ...options, kind: "mark", shape: { type: "bar", width: { band: 0.88 } }, isStacked: true };
}

/** Each row as a bar between two fields. */
export function segments<F extends string>(from: F, to: F, options: MarkChannels<F> = {}): Mark<F> {
  const shape: MarkDef = { type: "bar", stroke: "white", strokeWidth: 0.5, height: { band: 0.8 } };
  return { ...options, kind: "mark", shape, ends: [from, to] };
}

/** A straight line from each row's place to another. */
export function links<F extends string>(
  to: { readonly x: F; readonly y: F },
  options: MarkChannels<F> & { dash?: readonly number[] } = {},
): Mark<F> {
  const { dash, ...channels } = options;
  return { ...channels, kind: "mark", shape: { type: "rule", strokeWidth: 1.2, ...dashes(dash) }, to };
}

/** A filled rectangle from each row's place to the corner across. */
export function rectangles<F extends string>(
  to: { readonly x: F; readonly y: F },
  options: MarkChannels<F> = {},
): Mark<F> {
  return { ...options, kind: "mark", shape: { type: "rect" }, to };
}

/** The rows of one place as a box: the median, the quartiles, and what lies further off than 1.5 times between them. */
export function boxes<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  const shape: MarkDef = {
    type: "boxplot",
    size: 20,
    outliers: { size: 8, opacity: 0.4 },
    median: { color: "white" },
  };
  return { ...options, kind: "mark", shape };
}

/** A dashed line across the panel at given values: chance, a level that was chosen, a cut. */
export function rule(at: { readonly x?: number; readonly y?: number }): Rule {
  return { kind: "rule", ...at };
}

/** A dashed line across the panel at the mean of each series. */
export function rules<F extends string = never>(options: MarkChannels<F> = {}): Mark<F> {
  const shape: MarkDef = { type: "rule", strokeDash: [...DASH.dashed], strokeWidth: 1.4 };
  return { ...options, kind: "mark", shape, summary: "mean" };
}

/**
 * A dashed grey line through the means of a level that goes with x, such as a threshold, named at its end.
 *
 * @param at The level.
 * @param name A letter or a word, such as θ.
 */
export function level<F extends string>(at: Quantity<F>, name: string): Marks<F> {
  const end: MarkDef = { type: "text", text: name, align: "left", dx: 6 };
  const channels = { y: at, color: COLOR.soft };
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

/** A field, written at each row's place. */
export function text<F extends string, G extends string = F>(
  field: F,
  options: MarkChannels<G> & TextOptions = {},
): Marks<F | G> {
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

/** Marks of the rows of which a field has a value. */
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
