/** Panels: rows told apart by one field or two, a small chart each, with the same axes. */

/** How rows are told apart as panels. */
export interface Panels<F extends string> {
  /** The field. */
  readonly field: F;
  /** Their order; default ascending. */
  readonly order?: readonly string[];
  /** Written before the value, such as `"block "`. */
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

/** A panel for each value of a field. */
export function by<F extends string>(field: F, options: PanelOptions = {}): Panels<F> {
  return { ...options, field };
}

/** A panel for each block of the model, by the field `layer`. */
export function byBlock(options: PanelOptions = {}): Panels<"layer"> {
  return by("layer", { label: "block ", ...options });
}

/** A panel for each percentile. */
export function byPercentile(options: PanelOptions = {}): Panels<"percentile"> {
  return by("percentile", { label: "p ", ...options });
}

/** A row of panels for each value of one field, a column for each of another; without columns, panels below each other. */
export function grid<R extends string, C extends string = R>(row: Panels<R>, column?: Panels<C>): PanelGrid<R | C> {
  return { row, column };
}
