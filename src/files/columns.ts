/**
 * Columns of an Arrow table, built from flat arrays without a copy. All are plain standard types (Utf8,
 * FixedSizeList, List, Struct, numbers, booleans), which pyarrow, polars and Arquero read alike; only those made by
 * {@linkcode nullableColumn} have nulls.
 */
import { assertOptions } from "../compute/known_options.ts";
import {
  Bool,
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from "./apache_arrow.ts";

/** A column's values: one of the results of the functions below, or a child of a nested column. */
export type Column = Data;

/** Arrays that become columns of numbers, each of its own width. */
export type NumberArray =
  | Float16Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

const NUMBER_TYPES = new Map<unknown, new () => DataType>([
  [Float16Array, Float16],
  [Float32Array, Float32],
  [Float64Array, Float64],
  [Int8Array, Int8],
  [Int16Array, Int16],
  [Int32Array, Int32],
  [BigInt64Array, Int64],
  [Uint8Array, Uint8],
  [Uint16Array, Uint16],
  [Uint32Array, Uint32],
  [BigUint64Array, Uint64],
]);

/** The offsets of Utf8 and List are 32-bit. */
const LARGEST_OFFSET = 2 ** 31 - 1;
/** UTF-16 units of a text that is written a unit at a time, which is sooner done than a call for it. */
const SHORT_TEXT = 256;

/**
 * A column of numbers, of the array's own type. The array is not copied.
 *
 * @throws {Error} If it is no array of one of these types.
 *
 * @example
 * ```ts
 * const counts = numberColumn(Uint16Array.of(203, 83));
 * if (String(counts.type) !== "Uint16" || counts.length !== 2) throw new Error(`${counts.type}`);
 * ```
 */
export function numberColumn(values: NumberArray): Column {
  const type = NUMBER_TYPES.get(values.constructor);
  if (!type) throw new Error(`Expected a typed array of numbers but got ${values?.constructor?.name ?? values}.`);
  // The library has 16-bit floats as their bits.
  const { buffer, byteOffset, length } = values;
  const data = values instanceof Float16Array ? new Uint16Array(buffer, byteOffset, length) : values;
  return makeData({ type: new type(), data, length, nullCount: 0 } as never);
}

/**
 * A column in which some values are missing: nulls, in the marks that Arrow has for them.
 *
 * @param values A value for every row; what stands where it is missing does not count.
 * @param isPresent Whether each row has its value.
 * @throws {Error} If the marks are not one a row.
 */
export function nullableColumn(values: Column, isPresent: readonly boolean[]): Column {
  const { length } = values;
  if (isPresent.length !== length) throw new Error(`Expected ${length} marks, one a row, but got ${isPresent.length}.`);
  const nullBitmap = new Uint8Array(Math.ceil(length / 8));
  isPresent.forEach((present, i) => nullBitmap[i >> 3] |= Number(present) << (i & 7));
  return values.clone(values.type, 0, length, isPresent.filter((present) => !present).length, [
    values.valueOffsets,
    values.values,
    nullBitmap,
    undefined,
  ]);
}

/**
 * A column of booleans.
 *
 * @example
 * ```ts
 * import { arrowTable, booleanColumn, booleansOf, columnOf } from "./mod.ts";
 *
 * const table = arrowTable({ saturated: booleanColumn([true, false]) });
 * const [first, second] = booleansOf(columnOf(table, "saturated"));
 * if (!first || second) throw new Error(`${first} ${second}`);
 * ```
 */
export function booleanColumn(values: readonly boolean[]): Column {
  const bits = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, i) => bits[i >> 3] |= Number(value) << (i & 7));
  return makeData({ type: new Bool(), data: bits, length: values.length, nullCount: 0 });
}

/**
 * A column of strings (Utf8). A surrogate without its other half, which UTF-8 cannot hold, becomes U+FFFD.
 *
 * @throws {Error} If the strings are longer than 2 GiB together.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, stringColumn, stringsOf } from "./mod.ts";
 *
 * const table = arrowTable({ token: stringColumn(["река", "half \ud83d"]) });
 * assertEquals(stringsOf(columnOf(table, "token")), ["река", "half \ufffd"]);
 * ```
 */
export function stringColumn(values: readonly string[]): Column {
  const offsets = new Int32Array(values.length + 1);
  const encoder = new TextEncoder();
  // As if all were ASCII; other text makes it grow.
  let bytes = new Uint8Array(Math.min(LARGEST_OFFSET, values.reduce((sum, value) => sum + value.length, 0)));
  let end = 0;
  for (const [i, value] of values.entries()) {
    // A UTF-16 unit is at most 3 bytes of UTF-8.
    if (end + 3 * value.length > bytes.length) bytes = grown(bytes, end, end + 3 * value.length);
    end += value.length <= SHORT_TEXT && isWrittenAsAscii(value, bytes, end)
      ? value.length
      : encoder.encodeInto(value, bytes.subarray(end)).written;
    offsets[i + 1] = end;
  }
  const data = bytes.subarray(0, end);
  return makeData({ type: new Utf8(), data, valueOffsets: offsets, length: values.length, nullCount: 0 });
}

/** Writes a text of ASCII; of another, its beginning. */
function isWrittenAsAscii(value: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit > 127) return false;
    bytes[at + i] = unit;
  }
  return true;
}

function grown(bytes: Uint8Array<ArrayBuffer>, used: number, needed: number): Uint8Array<ArrayBuffer> {
  if (needed > LARGEST_OFFSET) {
    throw new Error("A column of strings holds at most 2 GiB. Split it over several tables.");
  }
  const larger = new Uint8Array(Math.min(LARGEST_OFFSET, Math.max(needed, 2 * bytes.length)));
  larger.set(bytes.subarray(0, used));
  return larger;
}

/**
 * A column of vectors, `FixedSizeList<Float32>[dim]`, or of 16-bit floats. The array is not copied.
 *
 * @param values `rows x dim`, row-major.
 * @param dim Length of a vector.
 * @throws {Error} If `values` is not a whole number of vectors.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const exemplars = fixedSizeListColumn(Float32Array.of(1, 0, 0, 1, 0.6, 0.8), 2);
 * assertEquals([String(exemplars.type), exemplars.length], ["FixedSizeList[2]<Float32>", 3]);
 * ```
 */
export function fixedSizeListColumn(values: Float32Array | Float16Array, dim: number): Column {
  if (!Number.isInteger(dim) || dim < 1) throw new Error(`Expected a vector length of at least 1 but got ${dim}.`);
  if (values.length % dim !== 0) {
    throw new Error(`Expected a whole number of vectors of length ${dim} but got ${values.length} values.`);
  }
  const child = numberColumn(values) as Data<Float32 | Float16>;
  const type = new FixedSizeList(dim, new Field("item", child.type, false));
  return makeData({ type, child, length: values.length / dim, nullCount: 0 });
}

/**
 * A column of lists: row `i` holds `child[offsets[i]] .. child[offsets[i + 1] - 1]`.
 *
 * @param offsets Not descending, one longer than there are rows.
 * @param child Any column, also a struct or vectors.
 * @throws {Error} If the offsets do not fit the child, or there are none.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * const prompts = numberColumn(Int32Array.of(7, 8, 9));
 * const members = listColumn(Int32Array.of(0, 2, 2, 3), prompts);
 * if (members.length !== 3) throw new Error("Expected the rows [7, 8], [] and [9]");
 * assertThrows(() => listColumn(Int32Array.of(0, 4), prompts), Error, "between 0 and 3 but offsets[1] is 4");
 * ```
 */
export function listColumn(offsets: Int32Array, child: Column): Column {
  for (let i = 0; i < offsets.length; i++) {
    if (offsets[i] < (i ? offsets[i - 1] : 0) || offsets[i] > child.length) {
      throw new Error(
        `Expected ascending list offsets between 0 and ${child.length} but offsets[${i}] is ${offsets[i]}.`,
      );
    }
  }
  if (offsets.length === 0) throw new Error("Expected list offsets one longer than the rows but got none.");
  const type = new List(new Field("item", child.type, false));
  return makeData({ type, child, valueOffsets: offsets, length: offsets.length - 1, nullCount: 0 });
}

/**
 * A column of structs of equally long columns.
 *
 * @throws {Error} If their lengths differ.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, fieldOf, numberColumn, stringColumn, stringsOf, structColumn } from "./mod.ts";
 *
 * const prompt = numberColumn(Int32Array.of(4, 9));
 * const table = arrowTable({ founder: structColumn({ prompt, token: stringColumn(["cat", "река"]) }) });
 * assertEquals(stringsOf(fieldOf(columnOf(table, "founder"), "token")), ["cat", "река"]);
 * ```
 */
export function structColumn(children: Readonly<Record<string, Column>>): Column {
  const length = commonLength(children);
  const type = new Struct(Object.entries(children).map(([name, child]) => new Field(name, child.type, false)));
  return makeData({ type, children: Object.values(children), length, nullCount: 0 });
}

/** What is written beside the columns. */
export interface TableOptions {
  /** The schema's metadata. */
  metadata?: Readonly<Record<string, string>>;
  /** Metadata of single columns, by column. */
  fieldMetadata?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * A table of equally long columns; one without columns has no rows.
 *
 * @throws {Error} If their lengths differ.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const table = arrowTable({
 *   exemplar: fixedSizeListColumn(Float32Array.of(1, 0, 0, 1), 2),
 *   count: numberColumn(Int32Array.of(203, 83)),
 *   token: stringColumn(["the", "река"]),
 * }, { metadata: { theta: "0.8744" } });
 * assertEquals(table.numRows, 2);
 * ```
 */
export function arrowTable(columns: Readonly<Record<string, Column>>, options: TableOptions = {}): Table {
  assertOptions("arrowTable", options, { metadata: "object", fieldMetadata: "object" });
  const length = commonLength(columns);
  const fields = Object.entries(columns).map(([name, column]) => {
    const isNullable = column.nullBitmap.length > 0;
    return new Field(name, column.type, isNullable, new Map(Object.entries(options.fieldMetadata?.[name] ?? {})));
  });
  const schema = new Schema(fields, new Map(Object.entries(options.metadata ?? {})));
  const rows = makeData({ type: new Struct(fields), children: Object.values(columns), length, nullCount: 0 });
  return new Table([new RecordBatch(schema, rows)]);
}

function commonLength(columns: Readonly<Record<string, Column>>): number {
  const [first, ...others] = Object.entries(columns);
  for (const [name, { length }] of others) {
    if (length !== first[1].length) {
      throw new Error(
        `Expected columns of one length but ${first[0]} has ${first[1].length} rows and ${name} has ${length}.`,
      );
    }
  }
  return first?.[1].length ?? 0;
}
