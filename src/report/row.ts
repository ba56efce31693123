/**
 * Rows of results, each column declared once: its type, what it means and in which unit, how it is headed in reports, and
 * what it means that it is missing. The TypeScript type, the Arrow file and the report's tables follow.
 *
 * @module
 */
import { booleanColumn, type Column, nullableColumn, numberColumn, stringColumn } from "../files/arrow.ts";
import type { ReportTable } from "./html.ts";
import type { Cell } from "./html_table.ts";

/** What a column is stored as. */
export type FieldType = "int32" | "float64" | "utf8" | "bool";

/** What may be said of a column besides what it means. */
export interface FieldOptions {
  /** Heading in reports; default the name in words. */
  readonly heading?: string;
  /** Its unit, where the description alone would leave it open: `"cosine distance"`, `"seconds"`. */
  readonly unit?: string;
  /** Where there is no value, such as `"held-out text itself"`: the column may then hold `null`. */
  readonly missing?: string;
}

/** A column of a row. */
export interface Field<T> extends FieldOptions {
  readonly type: FieldType;
  /** What it means. */
  readonly description: string;
  /** Whether a value may stand in it. */
  accepts(value: unknown): value is T;
}

/** The columns of a row, by the names of its properties. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The type of a row. */
export type RowOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** The rows that a declaration describes, and the declaration. */
export interface ResultTable<F extends Fields = Fields> {
  readonly fields: F;
  readonly rows: readonly RowOf<F>[];
}

type Value<T, O> = O extends { readonly missing: string } ? T | null : T;

/** A column of whole numbers from -2^31 to 2^31 - 1. */
export function whole<const O extends FieldOptions>(description: string, options?: O): Field<Value<number, O>> {
  return field("int32", description, options, (value) => typeof value === "number" && (value | 0) === value);
}

/** A column of numbers. NaN is refused: what has no value is `null`, of a column that says why. */
export function number<const O extends FieldOptions>(description: string, options?: O): Field<Value<number, O>> {
  return field("float64", description, options, (value) => typeof value === "number" && !Number.isNaN(value));
}

/** A column of texts. */
export function words<const O extends FieldOptions>(description: string, options?: O): Field<Value<string, O>> {
  return field("utf8", description, options, (value) => typeof value === "string");
}

/** A column of one of some names. */
export function oneOf<const V extends string, const O extends FieldOptions>(
  names: readonly V[],
  description: string,
  options?: O,
): Field<Value<V, O>> {
  return field("utf8", description, options, (value) => names.includes(value as V));
}

/** A column of truth values. */
export function truth<const O extends FieldOptions>(description: string, options?: O): Field<Value<boolean, O>> {
  return field("bool", description, options, (value) => typeof value === "boolean");
}

/** The same kind of column for each of some names, as one line of a declaration. */
export function each<const N extends string, T>(
  names: readonly N[],
  describe: (name: N, index: number) => Field<T>,
): { readonly [K in N]: Field<T> } {
  return Object.fromEntries(names.map((name, i) => [name, describe(name, i)])) as { [K in N]: Field<T> };
}

/** What a column that may hold `null` has of a figure: `null` where there was none to be had, NaN. */
export function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** A figure with its interval. */
export interface IntervalValues {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The columns of a figure with its interval, `name`, `nameLow` and `nameHigh`; {@linkcode intervalOf} gives their values.
 *
 * @param of What the interval holds: `"95 % of resampled documents"`.
 */
export function withInterval<const N extends string>(
  name: N,
  description: string,
  of: string,
): { readonly [K in N | `${N}Low` | `${N}High`]: Field<number> } {
  const ends = {
    [name]: number(description),
    [`${name}Low`]: number(`lower end of its interval, ${of}`),
    [`${name}High`]: number(`upper end of its interval, ${of}`),
  };
  return ends as { [K in N | `${N}Low` | `${N}High`]: Field<number> };
}

/** The values of columns that {@linkcode withInterval} declares. */
export function intervalOf<const N extends string>(
  name: N,
  { mean, low, high }: IntervalValues,
): { readonly [K in N | `${N}Low` | `${N}High`]: number } {
  const values = { [name]: mean, [`${name}Low`]: low, [`${name}High`]: high };
  return values as { [K in N | `${N}Low` | `${N}High`]: number };
}

/** Columns or values, each under its name behind a word: `cosine` is `baseCosine`, its column `base_cosine`. */
export function prefixed<const P extends string, const F extends object>(prefix: P, fields: F): Prefixed<P, F> {
  const behind = (key: string) => `${prefix}${key[0].toUpperCase()}${key.slice(1)}`;
  const named = Object.entries(fields).map(([key, field]) => [behind(key), field]);
  return Object.fromEntries(named) as Prefixed<P, F>;
}

/** The type of {@linkcode prefixed} columns or values. */
export type Prefixed<P extends string, F extends object> = {
  readonly [K in keyof F & string as `${P}${Capitalize<K>}`]: F[K];
};

/** The block that a row is of. */
export const LAYER = whole("block that is read, at the hook of the run", { heading: "block" });
/** The percentile of a row's dictionaries. */
export const PERCENTILE = number("p, 0..100", { heading: "p" });
/** The threshold of a row's dictionaries. */
export const THRESHOLD = number("θ, cosine distance, 0..2", { heading: "θ" });

/**
 * Declares the columns of a row.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const DISTANCE = row({
 *   layer: LAYER,
 *   median: number("median cosine distance of activations to the nearest exemplar"),
 *   aurocPrompt: number("AUROC of a prompt's mean distance", { missing: "held-out text itself" }),
 * });
 * type DistanceRow = RowOf<typeof DISTANCE>;
 *
 * const rows: DistanceRow[] = [{ layer: 3, median: 0.41, aurocPrompt: null }];
 * assertEquals(rowTable(DISTANCE, rows, ["layer", "aurocPrompt"]).columns, ["block", "auroc prompt"]);
 * ```
 */
export function row<const F extends Fields>(fields: F): F {
  return fields;
}

/** Rows with their declaration, to be saved; rows may have further properties, which are not. */
export function resultTable<F extends Fields>(fields: F, rows: readonly RowOf<F>[]): ResultTable<F> {
  return { fields, rows };
}

/** The name of a property's column in files: `aurocPrompt` is `auroc_prompt`, as is `auroc prompt`. */
export function columnName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll(" ", "_");
}

/** A property's heading in reports. */
export function headingOf(fields: Fields, key: string): string {
  return fields[key].heading ?? columnName(key).replaceAll("_", " ");
}

/**
 * Some columns of rows as a table of a report; {@linkcode Cell}s are rounded where they are shown.
 *
 * @param keys Which, in which order; default all.
 */
export function rowTable<F extends Fields>(
  fields: F,
  rows: readonly RowOf<F>[],
  keys: readonly (keyof F & string)[] = Object.keys(fields),
): ReportTable {
  return {
    columns: keys.map((key) => headingOf(fields, key)),
    rows: rows.map((row) => keys.map((key): Cell => row[key] as Cell)),
  };
}

/** Records as a table of a report; the keys of the first are the headings. */
export function recordTable(records: readonly Readonly<Record<string, Cell>>[]): ReportTable {
  return { columns: Object.keys(records[0] ?? {}), rows: records.map((record) => Object.values(record)) };
}

/** A table's column in Arrow, and what the file says of it. */
export interface StoredColumn {
  readonly name: string;
  readonly values: Column;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The columns of rows, to be written.
 *
 * @throws {TypeError} if a row has a value that its declaration does not allow; names row and column.
 */
export function storedColumns<F extends Fields>({ fields, rows }: ResultTable<F>): StoredColumn[] {
  return Object.entries(fields).map(([key, field]) => {
    const values = rows.map((row) => (row as Readonly<Record<string, unknown>>)[key]);
    const wrong = values.findIndex((value) => !field.accepts(value));
    if (wrong >= 0) {
      throw new TypeError(
        `Expected column ${columnName(key)} to hold ${field.type}${
          field.missing ? " or null" : ""
        } but row ${wrong} is ` +
          `${JSON.stringify(values[wrong]) ?? values[wrong]}: see its declaration.`,
      );
    }
    const { description, unit, missing } = field;
    return {
      name: columnName(key),
      values: missing === undefined ? arrowColumn(field.type, values) : nullableOf(field.type, values),
      metadata: { description, ...(unit !== undefined && { unit }), ...(missing !== undefined && { missing }) },
    };
  });
}

/** A value that stands where there is none; the column's marks say so. */
const STAND_IN: Readonly<Record<FieldType, unknown>> = { int32: 0, float64: 0, utf8: "", bool: false };

function nullableOf(type: FieldType, values: readonly unknown[]): Column {
  const present = values.map((value) => value !== null);
  return nullableColumn(arrowColumn(type, values.map((value) => value ?? STAND_IN[type])), present);
}

function arrowColumn(type: FieldType, values: readonly unknown[]): Column {
  switch (type) {
    case "int32":
      return numberColumn(Int32Array.from(values as number[]));
    case "float64":
      return numberColumn(Float64Array.from(values as number[]));
    case "utf8":
      return stringColumn(values as string[]);
    case "bool":
      return booleanColumn(values as boolean[]);
    default:
      return type satisfies never;
  }
}

function field<T>(
  type: FieldType,
  description: string,
  options: FieldOptions = {},
  isValue: (value: unknown) => boolean,
): Field<T> {
  const accepts = (value: unknown): value is T => isValue(value) || (value === null && options.missing !== undefined);
  return { type, description, ...options, accepts };
}
