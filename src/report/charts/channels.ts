/**
 * What a chart's channels show: a field of the rows with its title and scale, said once. Positions are quantities or
 * categories; colours and dashes are series, ordered values or gradients.
 */
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";

/** A field of the rows that a channel shows. */
export interface Channel<F extends string> {
  /** The field. */
  readonly field: F;
  /** Title of its axis or legend; null for none. */
  readonly title: string | null;
}

/** A number on a continuous axis. */
export interface Quantity<F extends string> extends Channel<F>, QuantityOptions {
  /** Its tag. */
  readonly kind: "quantity";
}

/** How a number's axis or size is scaled and labelled. */
export interface QuantityOptions {
  /** Labels in d3's format, such as `"%"` or `"~s"`. */
  readonly format?: string;
  /** The least and the most that is shown; default: what occurs. */
  readonly domain?: readonly [low: number, high: number];
  /** Whether the axis begins at 0; default: marks decide, and it does not on a logarithmic axis. */
  readonly zero?: boolean;
  /** A logarithmic axis, or one that is linear around 0 (`"symmetric"`). */
  readonly log?: boolean | "symmetric";
  /** Base of the logarithm, whose powers are labelled; default: 10, with a third between decades. */
  readonly base?: number;
  /** Whether the ends are rounded outwards; default true. */
  readonly nice?: boolean;
  /** The labelled values, or about how many. */
  readonly ticks?: number | readonly number[];
  /** Whether the axis is drawn; default true. */
  readonly hasAxis?: boolean;
  /** Whether the axis grows downwards or to the left; default false. */
  readonly isReversed?: boolean;
  /** Names in place of the numbers 0, 1, 2, ... along the top. */
  readonly names?: readonly string[];
  /** Pixels of area of the least and the most, if the number is shown as a size. */
  readonly area?: readonly [least: number, most: number];
}

const QUANTITY_OPTIONS: OptionKinds<QuantityOptions> = {
  format: "string",
  domain: "numbers",
  zero: "boolean",
  log: ["boolean", "string"],
  base: "number",
  nice: "boolean",
  ticks: ["number", "numbers"],
  hasAxis: "boolean",
  isReversed: "boolean",
  names: "strings",
  area: "numbers",
};

/**
 * A number on a continuous axis, or shown as a size: its field and title.
 *
 * @param field The field.
 * @param title Title of the axis or legend; null for none.
 * @param options Scale, labels and range.
 *
 * @example
 * ```ts
 * import { chart, dots, quantity } from "./mod.ts";
 *
 * const x = quantity("members", "members", { log: true, format: "~s" });
 * const figure = chart([{ members: 20 }, { members: 3000 }], { x, marks: [dots()] });
 * if (!JSON.stringify(figure).includes('"type":"log"')) throw new Error("a logarithmic axis");
 * ```
 */
export function quantity<F extends string>(
  field: F,
  title: string | null,
  options: QuantityOptions = {},
): Quantity<F> {
  assertOptions("a quantity", options, QUANTITY_OPTIONS);
  return { ...options, kind: "quantity", field, title };
}

/**
 * A share (0..1), labelled in percent: {@linkcode quantity} with the format `"%"`.
 *
 * @example
 * ```ts
 * const accuracy = share("accuracy", "balanced accuracy", { domain: [0.5, 1] });
 * if (accuracy.format !== "%" || accuracy.kind !== "quantity") throw new Error(accuracy.kind);
 * ```
 */
export function share<F extends string>(field: F, title: string | null, options: QuantityOptions = {}): Quantity<F> {
  return quantity(field, title, { format: "%", ...options });
}

/** One of a few values, each with a place of its own on the axis. */
export interface Category<F extends string> extends Channel<F>, CategoryOptions {
  /** Its tag. */
  readonly kind: "category";
}

/** How the values of a category stand on their axis. */
export interface CategoryOptions {
  /** Their order; default ascending. */
  readonly order?: readonly string[] | "descending";
  /** Labels of numbers in d3's format. */
  readonly format?: string;
  /** Whether each value has a line across the panel; default false. */
  readonly hasGrid?: boolean;
  /** Whether the values are written; default true. */
  readonly hasLabels?: boolean;
}

const CATEGORY_OPTIONS: OptionKinds<CategoryOptions> = {
  order: ["strings", "string"],
  format: "string",
  hasGrid: "boolean",
  hasLabels: "boolean",
};

/**
 * One of a few values, each with a place of its own on the axis: its field and title.
 *
 * @param field The field.
 * @param title Title of the axis; default none.
 * @param options Order, labels and lines of its values.
 *
 * @example Percentages of the tokens, a row of the chart each
 * ```ts
 * import { bars, category, chart, share } from "./mod.ts";
 *
 * const rows = [{ token: "cat", members: 0.7 }, { token: "mat", members: 0.3 }];
 * const y = category("token", null, { order: "descending" });
 * const figure = chart(rows, { x: share("members", "members"), y, marks: [bars()] });
 * if (!JSON.stringify(figure).includes('"sort":"descending"')) throw new Error("mat above cat");
 * ```
 */
export function category<F extends string>(
  field: F,
  title: string | null = null,
  options: CategoryOptions = {},
): Category<F> {
  assertOptions("a category", options, CATEGORY_OPTIONS);
  return { ...options, kind: "category", field, title };
}

/**
 * Percentiles p of the distances between activations, which set the size of regions, by the field `percentile`: a
 * {@linkcode category}, so that 1, 2, 4, 8 stand in equal steps.
 *
 * @example
 * ```ts
 * const axis = percentileAxis();
 * if (axis.field !== "percentile" || axis.kind !== "category") throw new Error(axis.field);
 * ```
 */
export function percentileAxis(title = "percentile p", options: CategoryOptions = {}): Category<"percentile"> {
  return category("percentile", title, options);
}

/**
 * Layers of the model, by the field `layer`: a {@linkcode category}.
 *
 * @example
 * ```ts
 * const { field, title } = layerAxis("layer of the base model");
 * if (field !== "layer" || title !== "layer of the base model") throw new Error(field);
 * ```
 */
export function layerAxis(title = "layer"): Category<"layer"> {
  return category("layer", title);
}

/** What shows a position. */
export type Position<F extends string> = Quantity<F> | Category<F>;

/** How one name of a series is drawn: a colour, or a colour and the dashes of its lines. */
export type SeriesStyle = string | { readonly color?: string; readonly dash?: readonly number[] };

/** Kinds of things, told apart by colour, dash or both, with one legend. */
export interface Series<F extends string> extends Channel<F>, Omit<LegendOptions, "title"> {
  /** Its tag. */
  readonly kind: "series";
  /** The names in the legend's order, and how each is drawn. */
  readonly styles?: Readonly<Record<string, SeriesStyle>>;
}

/** How a legend is written. */
export interface LegendOptions {
  /** Its title; default none. */
  readonly title?: string | null;
  /** Names side by side; default: all, or 3 if they are more than 4. */
  readonly columns?: number;
  /** Whether names that no row has stand in it: if charts that share it have different ones. Default false. */
  readonly hasAllNames?: boolean;
  /** Whether there is one; default true. */
  readonly hasLegend?: boolean;
}

const LEGEND_OPTIONS: OptionKinds<Omit<LegendOptions, "title">> = {
  columns: "number",
  hasAllNames: "boolean",
  hasLegend: "boolean",
};

/**
 * Kinds of things, told apart by colour, dash or both, with one legend. Names that no row has are left out of the
 * legend, so that all charts of one comparison can have the same styles.
 *
 * @param field The field that holds the name.
 * @param styles The names in the legend's order, and how each is drawn; default: names in order of their first rows, in
 * the palette's colours.
 *
 * @example A control that is dashed, in grey
 * ```ts
 * import { COLOR, DASH } from "../mod.ts";
 *
 * const model = series("model", { instruct: COLOR.blue, shuffled: { color: COLOR.chance, dash: DASH.dotted } });
 * if (Object.keys(model.styles ?? {}).join() !== "instruct,shuffled") throw new Error("in this order");
 * ```
 */
export function series<F extends string>(
  field: F,
  styles?: Readonly<Record<string, SeriesStyle>>,
  options: LegendOptions = {},
): Series<F> {
  assertOptions("series", options, { ...LEGEND_OPTIONS, title: ["string", "null"] });
  return { title: null, ...options, kind: "series", field, styles };
}

/** A few values in order, as colours from dark to light. */
export interface Ordered<F extends string> extends Channel<F>, Omit<LegendOptions, "title"> {
  /** Its tag. */
  readonly kind: "ordered";
}

/**
 * A few values in order, such as percentiles, as colours from dark to light.
 *
 * @param field The field.
 * @param title Title of the legend; null for none.
 * @param options How the legend is written.
 *
 * @example Growth, a line a percentile
 * ```ts
 * import { chart, line, ordered, quantity } from "./mod.ts";
 *
 * const rows = [[100, 4, 31], [200, 4, 42], [100, 8, 12], [200, 8, 13]]
 *   .map(([activations, percentile, regions]) => ({ activations, percentile, regions }));
 * const growth = chart(rows, {
 *   x: quantity("activations", "activations"),
 *   y: quantity("regions", "regions"),
 *   color: ordered("percentile", "percentile p"),
 *   marks: [line()],
 * });
 * if (!JSON.stringify(growth).includes('"type":"ordinal"')) throw new Error("colours from dark to light");
 * ```
 */
export function ordered<F extends string>(
  field: F,
  title: string | null,
  options: Omit<LegendOptions, "title"> = {},
): Ordered<F> {
  assertOptions("ordered values", options, LEGEND_OPTIONS);
  return { ...options, kind: "ordered", field, title };
}

/** A number as a colour between others. */
export interface Gradient<F extends string> extends Channel<F> {
  /** Its tag. */
  readonly kind: "gradient";
  /** Numbers and their colours; numbers between them are mixed. */
  readonly stops: readonly (readonly [value: number, color: string])[];
  /** Labels in d3's format. */
  readonly format?: string;
}

/**
 * A number as a colour between others.
 *
 * @param field The field that holds the number.
 * @param title Title of the legend.
 * @param stops Numbers and their colours; numbers between them are mixed.
 * @param format Labels of the legend in d3's format.
 *
 * @example Grey at chance, blue where it is perfect
 * ```ts
 * import { COLOR } from "../mod.ts";
 *
 * const auroc = gradient("auroc", "AUROC", [[0.5, COLOR.faint], [1, COLOR.blue]], ".1f");
 * if (auroc.stops.length !== 2) throw new Error("two colours");
 * ```
 */
export function gradient<F extends string>(
  field: F,
  title: string | null,
  stops: Gradient<F>["stops"],
  format?: string,
): Gradient<F> {
  return { kind: "gradient", field, title, stops, format };
}

/** What colours a mark by its row. */
export type Paint<F extends string> = Series<F> | Ordered<F> | Gradient<F>;
