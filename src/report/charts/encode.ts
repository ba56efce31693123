/** Turns channels and marks into Vega-Lite's description: the one place where its words are used. */
import { COLOR, DASH, PALETTE } from "../theme.ts";
import type { Encoding, FacetDef, MarkDef, Transform, UnitSpec } from "./spec.ts";
import type { Category, LegendOptions, Paint, Position, Quantity, Series, SeriesStyle } from "./channels.ts";
import type { Mark, Rule } from "./mark.ts";
import type { Panels } from "./panels.ts";

/** A row as it is saved: plain values, null for what is missing. */
export type PlainRow = Readonly<Record<string, string | number | boolean | null>>;

/** What a chart's marks share. */
export interface Shared {
  readonly x?: Position<string>;
  readonly y?: Position<string>;
  readonly color?: Paint<string>;
  readonly dash?: Series<string>;
  readonly isDodged?: boolean;
  /** Whether legends show strokes. */
  readonly hasLines: boolean;
  /** Fields of the panels: a summary is of one panel. */
  readonly panelFields: readonly string[];
  /** Values of a field in order of their first rows, the chart's own and those of its marks. */
  namesOf(field: string): readonly string[];
}

type PositionDef = NonNullable<Encoding["x"]>;
type Aggregate = "mean" | "min" | "max" | { argmax: string };

/** A mark's channels: its own, or the chart's. */
interface Channels {
  readonly x?: Position<string>;
  readonly y?: Position<string>;
  /** By row, or one for all. */
  readonly color?: Paint<string> | string;
  /** Of lines that are coloured by row. */
  readonly dash?: Series<string>;
  /** The axis of the quantity, on which marks begin and end and means are taken, and the other. */
  readonly along?: Position<string>;
  readonly across?: Position<string>;
}

function channelsOf(mark: Mark<string>, shared: Shared): Channels {
  const x = mark.x === null ? undefined : mark.x ?? shared.x;
  const y = mark.y === null ? undefined : mark.y ?? shared.y;
  const [along, across] = y?.kind === "quantity" ? [y, x] : [x, y];
  const color = mark.color ?? shared.color;
  const isByRow = mark.shape.type === "line" && typeof color !== "string";
  return { x, y, color, dash: isByRow ? shared.dash ?? dashedSeries(color) : undefined, along, across };
}

/** A mark with its channels, over rows; `undefined` if no row has what it reads. */
export function unitOf(mark: Mark<string>, rows: readonly PlainRow[], shared: Shared): UnitSpec | undefined {
  const channels = channelsOf(mark, shared);
  const { color } = channels;
  const fields = fieldsOf(mark, channels);
  refuseUnknown(fields, mark, rows);
  if (!rows.some((row) => isDrawn(row, mark, fields))) return undefined;
  const transform = [...presentOnly(mark, rows, fields), ...(mark.isStacked ? stacked(channels, shared) : [])];
  const looks: MarkDef = {
    ...shapeOf(mark, rows, channels, shared),
    ...(typeof color === "string" && { color }),
    ...(typeof mark.size === "number" && { size: mark.size }),
  };
  return { ...(transform.length && { transform }), mark: looks, encoding: encodingOf(mark, channels, shared) };
}

function encodingOf(mark: Mark<string>, { x, y, color, dash, along }: Channels, shared: Shared): Encoding {
  const encoding: Encoding = {};
  if (x) encoding.x = x === along ? startOf(x, mark) : positionOf(x, mark.isLast ? "max" : undefined);
  if (y) encoding.y = y === along ? startOf(y, mark, mark.isLast ? x : undefined) : positionOf(y);
  if (along) encoding[along === y ? "y2" : "x2"] = endOf(along, mark);
  if (mark.to) {
    encoding.x2 = { field: mark.to.x };
    encoding.y2 = { field: mark.to.y };
  }
  if (typeof color === "object") {
    encoding.color = colorOf(color, shared);
    if (shared.isDodged && color.kind === "series") {
      const offset = { field: color.field, sort: namesIn(color, shared) };
      if (x?.kind === "category") encoding.xOffset = offset;
      else if (y?.kind === "category") encoding.yOffset = offset;
    }
  }
  if (dash) encoding.strokeDash = seriesDef(dash, shared, (style) => [...styleOf(style).dash ?? DASH.solid]);
  if (typeof mark.size === "object") encoding.size = sizeOf(mark.size);
  if (mark.text) encoding.text = { field: mark.text };
  if (mark.detail) encoding.detail = { field: mark.detail };
  if (mark.isStacked) encoding.order = { field: "order", type: "quantitative" };
  return encoding;
}

/** Means of one place, series and panel, numbered in the legend's order, in which bars stand on each other. */
function stacked({ color, along, across }: Channels, shared: Shared): Transform[] {
  if (typeof color !== "object" || color.kind !== "series" || !along) {
    throw new Error("Expected a series as the colour of stacked bars, and a quantity for their length. Name both.");
  }
  const groupby = [...(across ? [across.field] : []), color.field, ...shared.panelFields];
  const names = JSON.stringify(namesIn(color, shared));
  return [
    { aggregate: [{ op: "mean", field: along.field, as: along.field }], groupby },
    { calculate: `indexof(${names}, datum[${JSON.stringify(color.field)}])`, as: "order" },
  ];
}

/** A dashed line at given values, over no rows. */
export function ruleOf({ x, y }: Rule, shared: Shared): UnitSpec {
  const encoding: Encoding = {};
  // With the axis's scale, so that a rule neither widens it nor adds to its title.
  if (x !== undefined) encoding.x = { datum: x, type: "quantitative", ...scaleAndTitle(shared.x) };
  if (y !== undefined) encoding.y = { datum: y, type: "quantitative", ...scaleAndTitle(shared.y) };
  const mark: MarkDef = { type: "rule", strokeDash: [...DASH.dashed], strokeWidth: 1, color: COLOR.soft };
  return { data: { values: [{}] }, mark, encoding };
}

function scaleAndTitle(channel?: Position<string>) {
  return channel?.kind === "quantity" ? { title: channel.title, scale: scaleOf(channel) } : {};
}

/** Panels by a field, as rows, columns or wrapped. */
export function panelsOf({ field, order, label, hasHeader = true }: Panels<string>, isRow = false): FacetDef {
  const labelExpr = label && `${JSON.stringify(label)} + datum.value`;
  const beside = isRow ? { labelAngle: 0, labelAlign: "left" } as const : {};
  return {
    field,
    type: "ordinal",
    title: null,
    ...(order && { sort: [...order] }),
    header: { ...beside, ...(labelExpr && { labelExpr }), ...(!hasHeader && { labels: false }) },
  };
}

/** The names of a series that rows have, in the legend's order. */
function namesIn({ field, styles }: Series<string>, { namesOf }: Shared): string[] {
  const names = namesOf(field);
  if (!styles) return [...names];
  const unknown = names.find((name) => !(name in styles));
  if (unknown !== undefined) {
    const known = Object.keys(styles).join(", ");
    throw new Error(`Expected one of the series ${known} as ${field} but a row has ${unknown}. Give it a style.`);
  }
  return Object.keys(styles).filter((name) => names.includes(name));
}

/** The fields that a mark reads. */
function fieldsOf(mark: Mark<string>, { x, y, color, dash, along }: Channels): string[] {
  const { size, text, detail, only, ends = [], to } = mark;
  // Between two ends the field of the axis itself is not read.
  const positions = [x, y].filter((channel) => !(mark.ends && channel === along));
  const read = [...positions, color, dash, size].flatMap((channel) =>
    typeof channel === "object" ? [channel.field] : []
  );
  const named = [text, detail, only?.field, ...ends, to?.x, to?.y].filter((field) => field !== undefined);
  return [...new Set([...read, ...named])];
}

/** Rows of a mark's own may lack a field that the chart's channels read, which types do not tell. */
function refuseUnknown(fields: readonly string[], { shape }: Mark<string>, rows: readonly PlainRow[]): void {
  const unknown = fields.find((field) => rows.length > 0 && !rows.some((row) => field in row));
  if (unknown === undefined) return;
  const known = Object.keys(rows[0]).join(", ");
  throw new Error(
    `Expected rows with the field ${unknown} for a mark of type ${shape.type} but they have ${known}. ` +
      "Add it, or give the mark a channel of its own.",
  );
}

/** A mark's looks, a box's whiskers with them. */
function shapeOf(mark: Mark<string>, rows: readonly PlainRow[], channels: Channels, shared: Shared): MarkDef {
  const { shape } = mark;
  return shape.type === "boxplot" && !hasOutliers(mark, rows, channels, shared)
    ? { ...shape, extent: "min-max" }
    : shape;
}

/** Whether a box has values beyond its whiskers; Vega finds it odd to draw the dots of none. */
function hasOutliers({ ends }: Mark<string>, rows: readonly PlainRow[], channels: Channels, shared: Shared): boolean {
  const { along, across, color } = channels;
  if (!along || ends) return false;
  const keys = [...shared.panelFields, ...[across, color].flatMap((one) => typeof one === "object" ? [one.field] : [])];
  const boxes = Map.groupBy(rows, (row) => JSON.stringify(keys.map((key) => row[key])));
  return [...boxes.values()].some((own) => {
    const values = own.map((row) => row[along.field]).filter((value) => typeof value === "number").sort((a, b) =>
      a - b
    );
    const [low, high] = [quartile(values, 0.25), quartile(values, 0.75)];
    const reach = 1.5 * (high - low);
    return values.some((value) => value < low - reach || value > high + reach);
  });
}

/** By linear interpolation between ranks. */
function quartile(sorted: readonly number[], part: number): number {
  const rank = part * (sorted.length - 1);
  const below = Math.floor(rank);
  return sorted[below] + (rank - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}

/** Whether a mark is for a row, and the row has all that it reads. */
function isDrawn(row: PlainRow, { only }: Mark<string>, fields: readonly string[]): boolean {
  if (only && row[only.field] !== only.value) return false;
  return fields.every((field) => row[field] !== null && row[field] !== undefined);
}

/** Leaves out rows that the mark is not for, and those that lack a value of it. */
function presentOnly(mark: Mark<string>, rows: readonly PlainRow[], fields: readonly string[]): Transform[] {
  const transform: Transform[] = [];
  if (mark.only) transform.push({ filter: { field: mark.only.field, equal: mark.only.value } });
  for (const field of fields) {
    if (rows.some((row) => row[field] === null || row[field] === undefined)) {
      transform.push({ filter: `isValid(datum[${JSON.stringify(field)}])` });
    }
  }
  return transform;
}

/** Where a mark begins on the axis of its quantity: a field, its summary, its last by x, or the first of two ends. */
function startOf(channel: Position<string>, mark: Mark<string>, lastBy?: Position<string>): PositionDef {
  if (mark.ends) return positionOf({ ...channel, field: mark.ends[0] });
  if (lastBy) return positionOf(channel, { argmax: lastBy.field });
  return positionOf(channel, mark.summary === "span" ? "min" : mark.summary);
}

/** Where it ends, if it has a length. */
function endOf({ field }: Position<string>, { ends, summary }: Mark<string>): Encoding["y2"] {
  if (ends) return { field: ends[1] };
  return summary === "span" ? { field, aggregate: "max" } : undefined;
}

function positionOf(channel: Position<string>, aggregate?: Aggregate): PositionDef {
  const { field, title } = channel;
  switch (channel.kind) {
    case "quantity":
      return { field, type: "quantitative", title, aggregate, scale: scaleOf(channel), axis: axisOf(channel) };
    case "category":
      return { field, type: "ordinal", title, aggregate, sort: orderOf(channel), axis: categoryAxisOf(channel) };
    default:
      return channel satisfies never;
  }
}

/** Decades with a third between them: the grid of a logarithmic axis without its crowd of lines. */
const DECADES = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7];

function scaleOf({ log, base, domain, zero, nice, isReversed }: Quantity<string>) {
  const type = log === "symmetric" ? "symlog" as const : log ? "log" as const : undefined;
  return { type, base, domain: domain && [...domain], zero, nice, reverse: isReversed };
}

function axisOf({ format, ticks, log, base, hasAxis = true, names }: Quantity<string>) {
  if (!hasAxis) return null;
  if (names) {
    const labelExpr = `${JSON.stringify(names)}[datum.value]`;
    const bare = { domain: false, ticks: false, orient: "top", labelAlign: "left" } as const;
    return { values: [...names.keys()], labelExpr, ...bare };
  }
  const values = typeof ticks === "object" ? [...ticks] : log && !base && ticks === undefined ? DECADES : undefined;
  return {
    format: format ?? (log ? "~s" : undefined),
    values,
    tickCount: typeof ticks === "number" ? ticks : undefined,
  };
}

const orderOf = ({ order }: Category<string>) =>
  order === undefined ? undefined : order === "descending" ? order : [...order];

function categoryAxisOf({ format, hasGrid, hasLabels }: Category<string>) {
  // Names on an axis are read in full.
  return { format, grid: hasGrid, labels: hasLabels, labelLimit: 320 };
}

function colorOf(paint: Paint<string>, shared: Shared): Encoding["color"] {
  switch (paint.kind) {
    case "series":
      return seriesDef(paint, shared, (style, i) => styleOf(style).color ?? PALETTE[i % PALETTE.length]);
    case "ordered":
      return {
        field: paint.field,
        type: "ordinal",
        title: paint.title,
        scale: { scheme: "viridis" },
        legend: legendOf(paint, undefined, shared),
      };
    case "gradient": {
      const values = paint.stops.map(([value]) => value);
      return {
        field: paint.field,
        type: "quantitative",
        title: paint.title,
        scale: { domain: values, range: paint.stops.map(([, color]) => color) },
        legend: { format: paint.format, values, gradientLength: 160 },
      };
    }
    default:
      return paint satisfies never;
  }
}

/** Colours and dashes of one series have all but the range in common: then their legends are drawn as one. */
function seriesDef<V>(paint: Series<string>, shared: Shared, valueOf: (style: SeriesStyle, i: number) => V) {
  const shown = namesIn(paint, shared);
  // All names have their colours, so that charts beside each other agree on them.
  const names = paint.styles ? Object.keys(paint.styles) : shown;
  return {
    field: paint.field,
    type: "nominal" as const,
    title: paint.title,
    scale: { domain: names, range: names.map((name, i) => valueOf(paint.styles?.[name] ?? {}, i)) },
    legend: legendOf(paint, paint.hasAllNames ? names : shown, shared),
  };
}

function legendOf(
  { columns, hasLegend = true }: Omit<LegendOptions, "title">,
  values: string[] | undefined,
  { hasLines }: Shared,
) {
  if (!hasLegend) return null;
  const stroke = { symbolType: "stroke", symbolSize: 300 } as const;
  return {
    orient: "top" as const,
    columns: columns ?? (values && values.length > 4 ? 3 : undefined),
    values,
    symbolOpacity: 1,
    ...(hasLines && stroke),
  };
}

const styleOf = (style: SeriesStyle) => typeof style === "string" ? { color: style } : style;

/** The colours' series, if it has dashes too. */
function dashedSeries(paint?: Paint<string>): Series<string> | undefined {
  if (paint?.kind !== "series") return undefined;
  return Object.values(paint.styles ?? {}).some((style) => styleOf(style).dash) ? paint : undefined;
}

function sizeOf({ field, title, log, area, ticks }: Quantity<string>): Encoding["size"] {
  return {
    field,
    type: "quantitative",
    title,
    scale: { type: log ? "log" : undefined, range: area && [...area] },
    legend: {
      values: typeof ticks === "object" ? [...ticks] : undefined,
      symbolFillColor: COLOR.chance,
      symbolOpacity: 1,
    },
  };
}
