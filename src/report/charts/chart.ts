/** Charts: rows, channels and marks become one Vega-Lite description with its data inlined. */
import { assertOptions } from "../../compute/known_options.ts";
import type { BelowSpec, BesideSpec, FacetSpec, LayerSpec, UnitSpec } from "./spec.ts";
import type { Position } from "./channels.ts";
import { CHART_NAMES, type ChartDescription } from "./description.ts";
import { panelsOf, type PlainRow, ruleOf, type Shared, unitOf } from "./encode.ts";
import type { ChartSpec } from "../chart.ts";
import type { Mark, Marks, Rule } from "./mark.ts";
import { withoutOnePointLines } from "./one_place.ts";

/** A chart, or charts side by side: Vega-Lite's description, which `saveChart` draws. */
export type ComposableChart = LayerSpec | FacetSpec | BesideSpec | BelowSpec;

/**
 * A chart of rows. Every channel is said once; scales, legends and panels follow. Values that are missing (null,
 * undefined, NaN, infinite) are left out of the marks that read them. Only plain values of the rows are saved.
 *
 * @param rows What is shown.
 * @param description How.
 * @throws {Error} If rows lack a field that a mark reads, or have a name that their series does not know.
 *
 * @example Accuracy by percentile, a panel a layer: seeds as dots, lines through their means
 * ```ts
 * import { assert } from "@std/assert";
 * import { byLayer, chart, means, percentileAxis, renderChart, rule, seeds, series, share } from "../mod.ts";
 *
 * const rows = [
 *   { layer: 3, percentile: 4, seed: 0, model: "base", accuracy: 0.71 },
 *   { layer: 3, percentile: 4, seed: 1, model: "base", accuracy: 0.68 },
 *   { layer: 3, percentile: 8, seed: 0, model: "base", accuracy: null },
 * ];
 * const figure = chart(rows, {
 *   panels: byLayer(),
 *   x: percentileAxis(),
 *   y: share("accuracy", "balanced accuracy", { zero: false }),
 *   color: series("model", { base: "#0072B2", instruct: "#D55E00" }),
 *   marks: [rule({ y: 0.5 }), means(), seeds()],
 * });
 * const { svg } = await renderChart(figure);
 * assert(svg.includes("layer 3"));
 * ```
 */
export function chart<R extends object>(
  rows: readonly R[],
  description: ChartDescription<NoInfer<keyof R & string>>,
): LayerSpec | FacetSpec {
  assertOptions<ChartDescription<string>>("a chart", description, CHART_NAMES);
  const { panels } = description;
  const [row, column] = !panels ? [] : "row" in panels ? [panels.row, panels.column] : [undefined, panels];
  const panelFields = [row, column].flatMap((panel) => panel ? [panel.field] : []);
  // A row without a panel is not shown.
  const shown = rows.map(plain).filter((row) => panelFields.every((field) => (row[field] ?? null) !== null));
  const { description: described, rows: own } = withoutOnePointLines(description, shown, panelFields);
  const { x, y, color, dash, isDodged, width, height, independent, title, marks } = described;
  const drawn = flat(marks, own);
  const shared: Shared = {
    ...{ x, y, color, dash, isDodged, panelFields },
    hasLines: drawn.some(({ mark }) =>
      mark.kind === "mark" && mark.shape.type === "line" && typeof mark.color !== "string"
    ),
    namesOf: (field) => namesOf(field, drawn),
  };
  const units = drawn.flatMap(({ mark, rows }): UnitSpec[] => {
    if (mark.kind === "rule") return [ruleOf(mark, shared)];
    const unit = unitOf(mark, rows, shared);
    if (unit === undefined) return [];
    return [rows === own ? unit : { data: { values: [...rows] }, ...unit }];
  });
  // Lines at given values alone show nothing of the rows.
  const layer = units.length > drawn.filter(({ mark }) => mark.kind === "rule").length ? units : [];
  const data = { values: [...own] };
  const size = {
    width: stepOf(width ?? (panels ? 190 : 440), isDodged),
    height: stepOf(height ?? (panels ? 200 : 260), isDodged),
  };
  if (!panels) return { title, data, ...size, layer };

  const facet = row
    ? { row: panelsOf(row, true), ...(column && { column: panelsOf(column) }) }
    : column?.columns
    ? panelsOf(column)
    : { column: panelsOf(column!) };
  return {
    title,
    data,
    facet,
    columns: column?.columns,
    spec: { ...size, layer },
    ...(independent && { resolve: { scale: { [independent]: "independent" } } }),
    ...spacingOf(independent, x),
  };
}

/**
 * Whether a chart shows nothing: no row has the values that its marks read.
 *
 * @example
 * ```ts
 * import { dots, quantity } from "./mod.ts";
 *
 * const figure = chart([{ coherence: null }], { x: quantity("coherence", "coherence"), marks: [dots()] });
 * if (!isBlank(figure)) throw new Error("there is no coherence to show");
 * ```
 */
export function isBlank(spec: ChartSpec): boolean {
  if ("hconcat" in spec) return spec.hconcat.every((part) => isBlank(part as ChartSpec));
  if ("vconcat" in spec) return spec.vconcat.every((part) => isBlank(part as ChartSpec));
  if ("spec" in spec) return isBlank(spec.spec as ChartSpec);
  return "layer" in spec && spec.layer.length === 0;
}

/** Room between panels: for axes of their own, whose sides stay in line, and for numbers at the ends of an axis. */
function spacingOf(independent?: "x" | "y", x?: Position<string>): Pick<FacetSpec, "bounds" | "spacing"> {
  if (independent === "y") return { bounds: "flush", spacing: { column: 70, row: 60 } };
  return x?.kind === "quantity" ? { spacing: { column: 36, row: 20 } } : {};
}

/** A step is for a category with all its colours, not for each of them. */
function stepOf(size: number | { readonly step: number }, isDodged?: boolean) {
  return typeof size === "object" && isDodged ? { ...size, for: "position" as const } : size;
}

interface Drawn {
  readonly mark: Mark<string> | Rule;
  readonly rows: readonly PlainRow[];
}

/** Marks one after another, each with its rows. */
function flat(marks: Marks<string>, rows: readonly PlainRow[]): Drawn[] {
  return marks.flatMap((mark) => {
    if (!("kind" in mark)) return flat(mark, rows);
    return mark.kind === "own rows" ? flat(mark.marks, mark.rows.map(plain)) : [{ mark, rows }];
  });
}

/** A row's plain values: what is missing is null, lists and objects are left out. */
function plain(row: object): PlainRow {
  const values = Object.entries(row).flatMap(([field, value]): [string, PlainRow[string]][] => {
    if (value === null || value === undefined) return [[field, null]];
    if (typeof value === "number") return [[field, Number.isFinite(value) ? value : null]];
    return typeof value === "string" || typeof value === "boolean" ? [[field, value]] : [];
  });
  return Object.fromEntries(values);
}

/** Names that a field has, in order of their first rows. */
function namesOf(field: string, drawn: readonly Drawn[]): string[] {
  const values = drawn.flatMap(({ rows }) => rows.map((row) => row[field]));
  return [...new Set(values.filter((value) => typeof value === "string"))];
}

/**
 * Charts beside each other, with one legend where they colour one field.
 *
 * @param options `spacing`: pixels between them; default Vega-Lite's, 20.
 *
 * @example
 * ```ts
 * import { dots, quantity } from "./mod.ts";
 *
 * const regions = [{ members: 12, coherence: 0.8, distance: 0.2 }, { members: 3, coherence: 0.9, distance: 0.1 }];
 * const x = quantity("members", "members", { log: true });
 * const charts = [quantity("coherence", "coherence"), quantity("distance", "mean distance")]
 *   .map((y) => chart(regions, { x, y, marks: [dots()] }));
 * if (beside(charts).hconcat.length !== 2) throw new Error("two");
 * ```
 */
export function beside(charts: readonly ComposableChart[], options: { spacing?: number } = {}): BesideSpec {
  assertOptions("beside", options, { spacing: "number" });
  return { hconcat: charts.filter((one) => !isBlank(one)), ...options };
}

/**
 * Charts below each other, their left sides in line, with one legend where they colour one field.
 *
 * @param options `spacing`: pixels between them; default Vega-Lite's, 20.
 *
 * @example A curve above the sizes that it comes from
 * ```ts
 * import { below, chart, line, quantity, strokes } from "./mod.ts";
 *
 * const rows = [{ members: 3, coherence: 0.9 }, { members: 30, coherence: 0.7 }];
 * const x = quantity("members", "members", { log: true });
 * const charts = [
 *   chart(rows, { x, y: quantity("coherence", "coherence"), marks: [line()] }),
 *   chart(rows, { x, marks: [strokes()], height: 20 }),
 * ];
 * if (below(charts, { spacing: 4 }).vconcat.length !== 2) throw new Error("two");
 * ```
 */
export function below(charts: readonly ComposableChart[], options: { spacing?: number } = {}): BelowSpec {
  assertOptions("below", options, { spacing: "number" });
  // Labels of three digits and of one take the same room.
  return { vconcat: charts.filter((one) => !isBlank(one)), ...options, config: { axisY: { minExtent: 36 } } };
}
