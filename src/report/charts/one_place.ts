/**
 * Charts of one place along their axis: of one percentile, one layer, one strength. A line through one point shows
 * nothing, so that its series stand below each other instead, each with its figure written beside it.
 */
import { formatNumber, formatShare } from "../text.ts";
import { COLOR } from "../theme.ts";
import type { Category, Channel, Quantity, Series } from "./channels.ts";
import { category } from "./channels.ts";
import type { ChartDescription } from "./description.ts";
import type { PlainRow } from "./encode.ts";
import type { Mark, Marks } from "./mark.ts";
import type { MarkDef } from "./spec.ts";

/** Pixels of a series. */
const STEP = 26;
/** Pixels of a panel at least. */
const WIDTH = 200;

/** A chart, and what it shows. */
export interface Described {
  /** How. */
  readonly description: ChartDescription<string>;
  /** Of what. */
  readonly rows: readonly PlainRow[];
}

/**
 * A chart as it stands, or, if its lines would be of one point each, one of its series below each other, with rows of
 * their figures beside the others.
 */
export function withoutOnePointLines(
  description: ChartDescription<string>,
  rows: readonly PlainRow[],
  panelFields: readonly string[],
): Described {
  const { x, y, color, marks } = description;
  if (!x || !hasLines(marks) || placesOf(x, rows).length !== 1) return { description, rows };
  if (x.kind === "category" && y?.kind === "quantity" && color?.kind === "series") {
    return seriesBelow({ ...description, x, y, color }, rows, panelFields);
  }
  return { description: { ...description, marks: withPoints(marks) }, rows };
}

/** The different values of a channel, of rows that have one. */
function placesOf({ field }: Channel<string>, rows: readonly PlainRow[]): (string | number | boolean)[] {
  return [...new Set(rows.map((row) => row[field] ?? null).filter((value) => value !== null))];
}

const isLine = (mark: Mark<string>) => mark.shape.type === "line";

/** Whether there is a line through rows by the chart's own x. */
function hasLines(marks: Marks<string>): boolean {
  return marks.some((mark) =>
    "kind" in mark ? mark.kind === "mark" && isLine(mark) && mark.x === undefined : hasLines(mark)
  );
}

/** Lines with their points, where these are all that there is of them. */
function withPoints(marks: Marks<string>): Marks<string> {
  return marks.map((mark) => {
    if (!("kind" in mark)) return withPoints(mark);
    return mark.kind === "mark" && isLine(mark) ? { ...mark, shape: { ...mark.shape, point: true } } : mark;
  });
}

interface OnePlace extends ChartDescription<string> {
  readonly x: Category<string>;
  readonly y: Quantity<string>;
  readonly color: Series<string>;
}

function seriesBelow(
  { x, y, color, ...description }: OnePlace,
  rows: readonly PlainRow[],
  panelFields: readonly string[],
): Described {
  const [place] = placesOf(x, rows);
  const names = placesOf(color, rows).map(String);
  const order = color.styles ? Object.keys(color.styles).filter((name) => names.includes(name)) : names;
  const { title, independent, marks } = description;
  return {
    description: {
      ...description,
      // What is said of the axis' direction is of no one place.
      title: title ?? [x.title?.replace(/ \(.*|,.*/, ""), place].filter(Boolean).join(" "),
      x: y,
      y: category(color.field, null, { order, hasGrid: true }),
      color: { ...color, hasLegend: false },
      dash: undefined,
      isDodged: false,
      marks: [...marks.flatMap(lying), figures(y)],
      // Names along the bottom take more room than a place did.
      ...(typeof description.width === "number" && { width: Math.max(description.width, WIDTH) }),
      height: { step: STEP },
      ...(independent && { independent: independent === "x" ? "y" : "x" }),
    },
    rows: [...rows, ...figureRows(rows, y, [...panelFields, color.field])],
  };
}

/** The figure above each series' mark. */
function figures(y: Quantity<string>): Mark<string> {
  const x = { ...y, field: "figureAt" };
  return { kind: "mark", shape: { type: "text", dy: -12, fontSize: 10 }, text: "figure", color: COLOR.ink, x };
}

/** The mean of each series in each panel, and how it is written. */
function figureRows(
  rows: readonly PlainRow[],
  { field, format }: Quantity<string>,
  keys: readonly string[],
): PlainRow[] {
  const there = rows.filter((row) => typeof row[field] === "number");
  const groups = Map.groupBy(there, (row) => JSON.stringify(keys.map((key) => row[key])));
  return Array.from(groups.values(), (own) => {
    const mean = own.reduce((sum, row) => sum + (row[field] as number), 0) / own.length;
    const figure = format?.endsWith("%") ? formatShare(mean) : formatNumber(mean, 3);
    return { ...Object.fromEntries(keys.map((key) => [key, own[0][key]])), figureAt: mean, figure };
  });
}

/** A mark of the chart with its axes exchanged. */
function lying(mark: Marks<string>[number]): Marks<string>[number][] {
  if (!("kind" in mark)) return mark.flatMap(lying);
  switch (mark.kind) {
    case "rule":
      return [{ kind: "rule", x: mark.y, y: mark.x }];
    case "own rows":
      return [{ ...mark, marks: mark.marks.flatMap(lying) }];
    case "mark": {
      // A name at a line's end has no place where the line goes across all series.
      if (mark.isLast) return [];
      const { x, y, ...rest } = mark;
      const shape = shapeOf(mark);
      // A level that goes with the place is one for all series.
      const isLevel = isLine(mark) && typeof mark.color === "string";
      return [{
        ...rest,
        shape,
        ...(y !== undefined && { x: y }),
        ...(isLevel ? { y: null } : x !== undefined && { y: x }),
      }];
    }
    default:
      return mark satisfies never;
  }
}

/** What stands for a line or an area at one point. */
function shapeOf({ shape, color }: Mark<string>): MarkDef {
  switch (shape.type) {
    case "line":
      return typeof color === "string"
        ? { type: "rule", strokeDash: shape.strokeDash, strokeWidth: 1.4 }
        : { type: "tick", thickness: 2.5, size: 14 };
    case "area":
      return { type: "rule", strokeWidth: 2, opacity: 0.5 };
    default:
      return shape;
  }
}
