/** Marks of rows: each is drawn where it stands. */
import { assertOptions } from "../../compute/known_options.ts";
import { COLOR } from "../theme.ts";
import { CHANNELS, dashes, type Mark, type MarkChannels, type Marks } from "./mark.ts";
import type { MarkDef } from "./spec.ts";

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

/**
 * An interval with its middle: a bar between two fields, a point at the chart's own.
 *
 * @param low The field of its lower end.
 * @param high The field of its upper end.
 *
 * @example Methods as rows, each with its interval
 * ```ts
 * import { category, chart, quantity, rule } from "./mod.ts";
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
