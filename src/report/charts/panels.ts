/** Panels: rows told apart by one field or two, a small chart each, with the same axes. */
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";

/** How rows are told apart as panels. */
export interface Panels<F extends string> {
  /** The field. */
  readonly field: F;
  /** Their order; default ascending. */
  readonly order?: readonly string[];
  /** Written before the value, such as `"layer "`. */
  readonly label?: string;
  /** Panels side by side before the next row begins; default all. */
  readonly columns?: number;
  /** Whether each is headed by its value; default true. */
  readonly hasHeader?: boolean;
}

/** Rows of panels by one field, columns by another. */
export interface PanelGrid<F extends string> {
  /** Panels below each other. */
  readonly row: Panels<F>;
  /** Panels beside each other; default one. */
  readonly column?: Panels<F>;
}

/** How panels are ordered, headed and wrapped. */
export type PanelOptions = Omit<Panels<string>, "field">;

const PANEL_OPTIONS: OptionKinds<PanelOptions> = {
  order: "strings",
  label: "string",
  columns: "number",
  hasHeader: "boolean",
};

/**
 * A panel for each value of a field.
 *
 * @param field The field.
 * @param options How they are ordered, headed and wrapped; default ascending, in one row.
 *
 * @example
 * ```ts
 * const panels = by("model", { order: ["base", "instruct"], columns: 1 });
 * if (panels.field !== "model" || panels.order?.[0] !== "base") throw new Error("base above instruct");
 * ```
 */
export function by<F extends string>(field: F, options: PanelOptions = {}): Panels<F> {
  assertOptions("panels", options, PANEL_OPTIONS);
  return { ...options, field };
}

/**
 * A panel for each layer of the model, by the field `layer`, headed `layer 3`.
 *
 * @example
 * ```ts
 * import { chart, dots, percentileAxis, quantity } from "./mod.ts";
 *
 * const rows = [{ layer: 3, percentile: 4, regions: 310 }, { layer: 5, percentile: 4, regions: 290 }];
 * const figure = chart(rows, {
 *   panels: byLayer(),
 *   x: percentileAxis(),
 *   y: quantity("regions", "regions"),
 *   marks: [dots()],
 * });
 * if (!("facet" in figure)) throw new Error("two panels");
 * ```
 */
export function byLayer(options: PanelOptions = {}): Panels<"layer"> {
  return by("layer", { label: "layer ", ...options });
}

/**
 * A panel for each percentile, by the field `percentile`, headed `p 8`.
 *
 * @example
 * ```ts
 * const { field, label } = byPercentile();
 * if (field !== "percentile" || label !== "p ") throw new Error(field);
 * ```
 */
export function byPercentile(options: PanelOptions = {}): Panels<"percentile"> {
  return by("percentile", { label: "p ", ...options });
}

/**
 * A row of panels for each value of one field, a column for each of another; without columns, panels below each other.
 *
 * @param row What tells panels below each other apart.
 * @param column What tells panels beside each other apart; default nothing.
 *
 * @example
 * ```ts
 * const { row, column } = grid(by("model"), byLayer());
 * if (row.field !== "model" || column?.field !== "layer") throw new Error("models below each other, layers beside");
 * ```
 */
export function grid<R extends string, C extends string = R>(row: Panels<R>, column?: Panels<C>): PanelGrid<R | C> {
  return { row, column };
}
