/**
 * Rows of results, each column declared once: its type, what it means and in which unit, how it is headed in reports,
 * and what it means that it is missing. The TypeScript type follows, and so do the Arrow file ({@link "./table.ts"}) and
 * the report's tables ({@link "./row_table.ts"}).
 *
 * @module
 */
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";

/** What a column is stored as. */
export type FieldType = "integer" | "float64" | "utf8" | "bool";

/** What may be said of a column besides what it means. */
export interface FieldOptions {
  /** Heading in reports; default the name in words. */
  readonly heading?: string;
  /** Its unit, where the description alone would leave it open: `"cosine distance"`, `"seconds"`. */
  readonly unit?: string;
  /** Where there is no value, such as `"held-out text itself"`: the column may then hold `null`. */
  readonly missing?: string;
}

const FIELD_OPTIONS: OptionKinds<FieldOptions> = { heading: "string", unit: "string", missing: "string" };

/** A column of a row. */
export interface Field<T> extends FieldOptions {
  /** What it is stored as. */
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
  /** The columns. */
  readonly fields: F;
  /** A value of every column in each. */
  readonly rows: readonly RowOf<F>[];
}

/** What a column of values `T` may hold: `null` too if its options say what a missing value means. */
export type FieldValue<T, O> = O extends { readonly missing: string } ? T | null : T;

/**
 * A column of whole numbers up to 2^53, stored as int32, or as int64 if one of them has no room in 32 bits.
 *
 * @param description What it means.
 *
 * @example
 * ```ts
 * const members = whole("activations of the region", { unit: "activations" });
 * if (!members.accepts(12) || members.accepts(0.5)) throw new Error("12 is a whole number, 0.5 is not");
 * ```
 */
export function whole<const O extends FieldOptions>(description: string, options?: O): Field<FieldValue<number, O>> {
  return field("integer", description, options, (value) => Number.isSafeInteger(value));
}

/**
 * A column of numbers, stored as float64. What has no value is `null`, of a column that says why; NaN, which nobody foresaw,
 * is missing in the file too: a run of hours must not end at its last step because one figure could not be had.
 *
 * @param description What it means.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const auroc = number("AUROC of a prompt's mean distance", { missing: "held-out text itself" });
 * assertEquals([0.9, null, "0.9"].map((value) => auroc.accepts(value)), [true, true, false]);
 * ```
 */
export function number<const O extends FieldOptions>(description: string, options?: O): Field<FieldValue<number, O>> {
  return field("float64", description, options, (value) => typeof value === "number");
}

/**
 * A column of texts, stored as UTF-8.
 *
 * @param description What it means.
 *
 * @example
 * ```ts
 * const token = words("commonest token of the region");
 * if (!token.accepts("cat") || token.accepts(null)) throw new Error("null needs a reason: `missing`");
 * ```
 */
export function words<const O extends FieldOptions>(description: string, options?: O): Field<FieldValue<string, O>> {
  return field("utf8", description, options, (value) => typeof value === "string");
}

/**
 * A column of one of some names, stored as UTF-8; its type is the names'.
 *
 * @param names What may stand in it.
 * @param description What it means.
 *
 * @example
 * ```ts
 * const model = oneOf(["base", "instruct"], "model whose activations are read");
 * const names: ("base" | "instruct")[] = ["base", "chat"].filter((name) => model.accepts(name));
 * if (names.join() !== "base") throw new Error(names.join());
 * ```
 */
export function oneOf<const V extends string, const O extends FieldOptions>(
  names: readonly V[],
  description: string,
  options?: O,
): Field<FieldValue<V, O>> {
  return field("utf8", description, options, (value) => names.includes(value as V));
}

/**
 * A column of truth values.
 *
 * @param description What it means.
 *
 * @example
 * ```ts
 * const saturated = truth("whether growth stopped before the stream did");
 * if (!saturated.accepts(false) || saturated.accepts(0)) throw new Error("0 is no truth value");
 * ```
 */
export function truth<const O extends FieldOptions>(description: string, options?: O): Field<FieldValue<boolean, O>> {
  return field("bool", description, options, (value) => typeof value === "boolean");
}

/**
 * One kind of column for each of some names, as one line of a declaration.
 *
 * @param names The properties.
 * @param describe The column of a name, which stands at `index` among them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const COUNTS = row({ layer: LAYER, ...each(["kept", "dropped"], (name) => whole(`regions that were ${name}`)) });
 * type Counts = RowOf<typeof COUNTS>;
 *
 * const counts: Counts = { layer: 3, kept: 7, dropped: 2 };
 * assertEquals(Object.keys(COUNTS), Object.keys(counts));
 * assertEquals(COUNTS.dropped.description, "regions that were dropped");
 * ```
 */
export function each<const N extends string, T>(
  names: readonly N[],
  describe: (name: N, index: number) => Field<T>,
): { readonly [K in N]: Field<T> } {
  return Object.fromEntries(names.map((name, i) => [name, describe(name, i)])) as { [K in N]: Field<T> };
}

/**
 * A figure for a column that may hold `null`: `null` in place of NaN, which stands for a figure that was not to be had.
 *
 * @example
 * ```ts
 * if (orNull(0 / 0) !== null || orNull(0.5) !== 0.5) throw new Error("only NaN is null");
 * ```
 */
export function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/**
 * The columns of a figure with its interval, `name`, `nameLow` and `nameHigh`; {@linkcode intervalOf} gives their
 * values.
 *
 * @param of What the interval holds: `"95 % of resampled documents"`.
 * @param options Heading of the figure in reports; default its name in words.
 *
 * @example
 * ```ts
 * const METHOD = row({ ...withInterval("auroc", "mean AUROC over concepts", "95 % of resampled concepts") });
 * const rows: RowOf<typeof METHOD>[] = [intervalOf("auroc", { mean: 0.7, low: 0.6, high: 0.8 })];
 * if (rows[0].aurocHigh !== 0.8) throw new Error(`${rows[0].aurocHigh}`);
 * ```
 */
export function withInterval<const N extends string>(
  name: N,
  description: string,
  of: string,
  options: { readonly heading?: string } = {},
): { readonly [K in N | `${N}Low` | `${N}High`]: Field<number> } {
  assertOptions("withInterval", options, { heading: "string" });
  const ends = {
    [name]: number(description, options),
    [`${name}Low`]: number(`lower end of its interval, ${of}`),
    [`${name}High`]: number(`upper end of its interval, ${of}`),
  };
  return ends as { [K in N | `${N}Low` | `${N}High`]: Field<number> };
}

/**
 * The values of a figure with its interval, for the columns that {@linkcode withInterval} declares.
 *
 * @param name The figure's property.
 * @param interval The figure and the ends of its interval.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const values = intervalOf("auroc", { mean: 0.7, low: 0.6, high: 0.8 });
 * assertEquals(values, { auroc: 0.7, aurocLow: 0.6, aurocHigh: 0.8 });
 * ```
 */
export function intervalOf<const N extends string>(
  name: N,
  { mean, low, high }: { readonly mean: number; readonly low: number; readonly high: number },
): { readonly [K in N | `${N}Low` | `${N}High`]: number } {
  const values = { [name]: mean, [`${name}Low`]: low, [`${name}High`]: high };
  return values as { [K in N | `${N}Low` | `${N}High`]: number };
}

/**
 * Columns or values, each under its name behind a word: `cosine` is `baseCosine`, its column `base_cosine`.
 *
 * @example
 * ```ts
 * import { rowTable } from "./row_table.ts";
 *
 * const NEAREST = row({ ...prefixed("base", { cosine: number("cosine with the base model's nearest region") }) });
 * const rows: RowOf<typeof NEAREST>[] = [{ ...prefixed("base", { cosine: 0.4 }) }];
 * if (rowTable(NEAREST, rows).columns.join() !== "base cosine") throw new Error(columnName("baseCosine"));
 * ```
 */
export function prefixed<const P extends string, const F extends object>(prefix: P, fields: F): Prefixed<P, F> {
  const behind = (key: string) => `${prefix}${key[0].toUpperCase()}${key.slice(1)}`;
  const named = Object.entries(fields).map(([key, field]) => [behind(key), field]);
  return Object.fromEntries(named) as Prefixed<P, F>;
}

/** The type of {@linkcode prefixed} columns or values. */
export type Prefixed<P extends string, F extends object> = {
  readonly [K in keyof F & string as `${P}${Capitalize<K>}`]: F[K];
};

/** The layer that a row is of. */
export const LAYER: Field<number> = whole("layer that is read, at the hook of the run");
/** The percentile of a row's dictionaries. */
export const PERCENTILE: Field<number> = number("p, 0..100", { heading: "p" });
/** The threshold of a row's dictionaries. */
export const THRESHOLD: Field<number> = number("θ, cosine distance, 0..2", { heading: "θ" });

/**
 * Declares the columns of a row.
 *
 * Its type is inferred, which is the point: nothing is written twice. Documentation asks for written types of what is
 * exported, so exported declarations are marked `@internal`; the type of their rows is documented.
 *
 * @param fields A column for each property of a row.
 * @returns The declaration, from which {@linkcode RowOf} makes the row's type.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { rowTable } from "./row_table.ts";
 *
 * const DISTANCE = row({
 *   layer: LAYER,
 *   median: number("median cosine distance of activations to the nearest exemplar"),
 *   aurocPrompt: number("AUROC of a prompt's mean distance", { missing: "held-out text itself" }),
 * });
 * type DistanceRow = RowOf<typeof DISTANCE>;
 *
 * const rows: DistanceRow[] = [{ layer: 3, median: 0.41, aurocPrompt: null }];
 * assertEquals(rowTable(DISTANCE, rows, ["layer", "aurocPrompt"]).columns, ["layer", "auroc prompt"]);
 * ```
 */
export function row<const F extends Fields>(fields: F): F {
  return fields;
}

/**
 * Rows with their declaration, to be saved; rows may have further properties, which are not.
 *
 * @param fields As {@linkcode row} declares them.
 * @param rows A value for each field in each.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const REGION = row({ region: whole("number of the region"), count: whole("members") });
 * const regions = [{ region: 0, count: 3, exemplar: new Float32Array(2) }];
 * const { fields, rows } = resultTable(REGION, regions);
 * assertEquals(Object.keys(fields), ["region", "count"]); // what is saved: no exemplars
 * assertEquals(rows.length, 1);
 * ```
 */
export function resultTable<F extends Fields>(fields: F, rows: readonly RowOf<F>[]): ResultTable<F> {
  return { fields, rows };
}

/**
 * The name of a property's column in files: `aurocPrompt` is `auroc_prompt`, as is `auroc prompt`.
 *
 * @example
 * ```ts
 * if (columnName("aurocPrompt") !== "auroc_prompt") throw new Error(columnName("aurocPrompt"));
 * ```
 */
export function columnName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll(" ", "_");
}

function field<T>(
  type: FieldType,
  description: string,
  options: FieldOptions = {},
  isValue: (value: unknown) => boolean,
): Field<T> {
  assertOptions("a column", options, FIELD_OPTIONS);
  const accepts = (value: unknown): value is T => isValue(value) || (value === null && options.missing !== undefined);
  return { type, description, ...options, accepts };
}
