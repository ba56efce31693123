/**
 * Values of an Arrow table's columns as flat arrays. One record batch is read in place; several are joined.
 */
import { Data, DataType, type Table, Vector } from "./apache_arrow.ts";
import { visibleText } from "./visible_text.ts";
import type { NumberArray } from "./columns.ts";

/** A column of a table as it was read, or a child of a nested one. */
export type StoredColumn = Vector;

/**
 * A column by name.
 *
 * @throws {Error} If the table has no such column; names those that it has.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { arrowTable, columnOf, numberColumn } from "./mod.ts";
 *
 * const table = arrowTable({ layer: numberColumn(Int32Array.of(1, 3)) });
 * if (columnOf(table, "layer").length !== 2) throw new Error("two rows were written");
 * assertThrows(() => columnOf(table, "theta"), Error, "Expected a column named theta but the table has layer.");
 * ```
 */
export function columnOf(table: Table, name: string): StoredColumn {
  const column = table.getChild(name);
  if (column) return column;
  const names = visibleText(table.schema.fields.map((field) => field.name).join(", "));
  throw new Error(`Expected a column named ${name} but the table has ${names || "none"}.`);
}

/**
 * The schema's metadata, without the checksums that a file carries in it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, metadataOf, numberColumn } from "./mod.ts";
 *
 * const table = arrowTable({ layer: numberColumn(Int32Array.of(1, 3)) }, { metadata: { theta: "0.8744" } });
 * assertEquals(metadataOf(table), { theta: "0.8744" });
 * ```
 */
export function metadataOf(table: Table): Record<string, string> {
  return Object.fromEntries(table.schema.metadata);
}

/**
 * One field of a column of structs.
 *
 * @throws {Error} If the column holds no structs, or its structs have no such field.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, fieldOf, int32Of, numberColumn, structColumn } from "./mod.ts";
 *
 * const founder = structColumn({ prompt: numberColumn(Int32Array.of(4, 9)) });
 * const column = columnOf(arrowTable({ founder }), "founder");
 * assertEquals(int32Of(fieldOf(column, "prompt")), Int32Array.of(4, 9));
 * ```
 */
export function fieldOf(column: StoredColumn, name: string): StoredColumn {
  const child = DataType.isStruct(column.type) ? column.getChild(name) : null;
  return child ?? mismatch(column, `structs with a field ${name}`);
}

/**
 * The numbers of a column, in its own width.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, numberColumn, numbersOf } from "./mod.ts";
 *
 * const table = arrowTable({ position: numberColumn(Uint16Array.of(3, 500)) });
 * assertEquals(numbersOf(columnOf(table, "position")), Uint16Array.of(3, 500));
 * ```
 */
export function numbersOf(column: StoredColumn): NumberArray {
  if (!DataType.isInt(column.type) && !DataType.isFloat(column.type)) return mismatch(column, "numbers");
  return joined(chunks(column, "numbers").map(flatValues), column.type.ArrayType);
}

/**
 * The numbers of a column of 32-bit floats.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example The column's own memory
 * ```ts
 * import { arrowTable, columnOf, float32Of, numberColumn } from "./mod.ts";
 *
 * const distances = Float32Array.of(0.25, 0.5);
 * const read = float32Of(columnOf(arrowTable({ distance: numberColumn(distances) }), "distance"));
 * if (read[1] !== 0.5 || read.buffer !== distances.buffer) throw new Error("Expected no copy");
 * ```
 */
export function float32Of(column: StoredColumn): Float32Array<ArrayBuffer> {
  const values = numbersOf(column);
  return values instanceof Float32Array ? values as Float32Array<ArrayBuffer> : mismatch(column, "32-bit floats");
}

/**
 * The numbers of a column of 32-bit signed integers.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { arrowTable, columnOf, int32Of, numberColumn } from "./mod.ts";
 *
 * const table = arrowTable({
 *   count: numberColumn(Int32Array.of(203, 83)),
 *   index: numberColumn(BigInt64Array.of(0n, 1n)),
 * });
 * assertEquals(int32Of(columnOf(table, "count")), Int32Array.of(203, 83));
 * assertThrows(() => int32Of(columnOf(table, "index")), Error, "32-bit integers but got Int64");
 * ```
 */
export function int32Of(column: StoredColumn): Int32Array<ArrayBuffer> {
  const values = numbersOf(column);
  return values instanceof Int32Array ? values as Int32Array<ArrayBuffer> : mismatch(column, "32-bit integers");
}

/**
 * The numbers of a column of 64-bit floats.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { arrowTable, columnOf, float64Of, numberColumn } from "./mod.ts";
 *
 * const table = arrowTable({ auroc: numberColumn(Float64Array.of(0.9, 1 / 3)) });
 * const [, second] = float64Of(columnOf(table, "auroc"));
 * if (second !== 1 / 3) throw new Error(`Expected every bit of a third but read ${second}`);
 * ```
 */
export function float64Of(column: StoredColumn): Float64Array<ArrayBuffer> {
  const values = numbersOf(column);
  return values instanceof Float64Array ? values as Float64Array<ArrayBuffer> : mismatch(column, "64-bit floats");
}

/**
 * The strings of a column, dictionary-encoded or not.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, stringColumn, stringsOf } from "./mod.ts";
 *
 * const table = arrowTable({ token: stringColumn(["the", "река"]) });
 * assertEquals(stringsOf(columnOf(table, "token")), ["the", "река"]);
 * ```
 */
export function stringsOf(column: StoredColumn): string[] {
  textsOf(column);
  return Array.from(column as Iterable<string>);
}

/**
 * The strings of a column one by one, dictionary-encoded or not, each decoded when it is asked for: for long columns of
 * which few rows are read.
 *
 * @returns Takes a row of the column and gives its string.
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { arrowTable, columnOf, stringColumn, textsOf } from "./mod.ts";
 *
 * const textOf = textsOf(columnOf(arrowTable({ token: stringColumn(["the", "река"]) }), "token"));
 * if (textOf(1) !== "река") throw new Error(textOf(1));
 * ```
 */
export function textsOf(column: StoredColumn): (row: number) => string {
  const type = DataType.isDictionary(column.type) ? column.type.dictionary : column.type;
  if (!DataType.isUtf8(type) && !DataType.isLargeUtf8(type)) return mismatch(column, "strings");
  chunks(column, "strings");
  return (row) => column.get(row);
}

/**
 * The booleans of a column.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, booleanColumn, booleansOf, columnOf } from "./mod.ts";
 *
 * const table = arrowTable({ saturated: booleanColumn([true, false, true]) });
 * assertEquals(booleansOf(columnOf(table, "saturated")), [true, false, true]);
 * ```
 */
export function booleansOf(column: StoredColumn): boolean[] {
  if (!DataType.isBool(column.type)) return mismatch(column, "booleans");
  chunks(column, "booleans");
  return Array.from(column as Iterable<boolean>);
}

/** Vectors of one length. */
export interface FixedSizeLists {
  /** `rows x dim`, row-major. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Length of a vector. */
  readonly dim: number;
}

/**
 * The vectors of a `FixedSizeList<Float32>` column as one array.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, fixedSizeListColumn, fixedSizeListsOf } from "./mod.ts";
 *
 * const table = arrowTable({ exemplar: fixedSizeListColumn(Float32Array.of(1, 0, 0.6, 0.8), 2) });
 * const { values, dim } = fixedSizeListsOf(columnOf(table, "exemplar"));
 * assertEquals(values.slice(dim, 2 * dim), Float32Array.of(0.6, 0.8));
 * ```
 */
export function fixedSizeListsOf(column: StoredColumn): FixedSizeLists {
  const { parts, dim } = vectorParts(column, 1, "32-bit floats");
  return { values: joined(parts, Float32Array) as Float32Array<ArrayBuffer>, dim };
}

/**
 * The vectors of a `FixedSizeList<Float16>` column as one array, `rows x dim`, row-major.
 *
 * @throws {Error} If it holds something else, or nulls.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, fixedSizeListColumn, halfListsOf } from "./mod.ts";
 *
 * const table = arrowTable({ member: fixedSizeListColumn(Float16Array.of(0.6, 0.8), 2) });
 * const { values, dim } = halfListsOf(columnOf(table, "member"));
 * assertEquals([values, dim], [Float16Array.of(0.6, 0.8), 2]);
 * ```
 */
export function halfListsOf(column: StoredColumn): { values: Float16Array<ArrayBuffer>; dim: number } {
  const { parts, dim } = vectorParts(column, 0, "16-bit floats");
  const { buffer, byteOffset, length } = joined(parts, Uint16Array) as Uint16Array<ArrayBuffer>;
  return { values: new Float16Array(buffer, byteOffset, length), dim };
}

/** @param precision Arrow's number for the width of the floats. */
function vectorParts(column: StoredColumn, precision: number, kind: string) {
  const { type } = column;
  if (
    !DataType.isFixedSizeList(type) || !(DataType.isFloat(type.valueType) && type.valueType.precision === precision)
  ) {
    return mismatch(column, `fixed-size lists of ${kind}`);
  }
  const dim = type.listSize;
  const parts = chunks(column, "vectors").map((data) => {
    const [child] = chunks(new Vector([data.children[0]]), "vectors");
    const values = flatValues(child);
    if (values.length < data.length * dim) mismatch(column, `${data.length} vectors of length ${dim}`);
    return values.subarray(0, data.length * dim);
  });
  return { parts, dim };
}

/** Offsets are 32-bit. */
const LARGEST_OFFSET = 2 ** 31 - 1;

/** Lists over one flat column. */
export interface Lists {
  /** Row `i` is `child[offsets[i]] .. child[offsets[i + 1] - 1]`; starts at 0, one longer than there are rows. */
  readonly offsets: Int32Array<ArrayBuffer>;
  /** The elements of all rows. */
  readonly child: StoredColumn;
}

/**
 * The lists of a column: offsets and the column of their elements, which the other functions read.
 *
 * @throws {Error} If it holds something else, nulls, or 2^31 elements or more.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrowTable, columnOf, int32Of, listColumn, listsOf, numberColumn } from "./mod.ts";
 *
 * const prompts = listColumn(Int32Array.of(0, 2, 2, 3), numberColumn(Int32Array.of(7, 8, 9)));
 * const { offsets, child } = listsOf(columnOf(arrowTable({ prompts }), "prompts"));
 * const values = int32Of(child);
 * const rows = [0, 1, 2].map((row) => [...values.subarray(offsets[row], offsets[row + 1])]);
 * assertEquals(rows, [[7, 8], [], [9]]);
 * ```
 */
export function listsOf(column: StoredColumn): Lists {
  if (!DataType.isList(column.type)) return mismatch(column, "lists");
  const parts = chunks(column, "lists");
  const offsets = new Int32Array(column.length + 1);
  const children: Data[] = [];
  let row = 0;
  for (const data of parts) {
    const own = data.valueOffsets as Int32Array;
    const [begin, end] = [own[0], own[data.length]];
    // A batch's offsets count from its own child, and in a slice need not begin at 0.
    const base = offsets[row] - begin;
    if (end + base > LARGEST_OFFSET) {
      throw new Error("Expected lists of fewer than 2^31 elements together: read the file batch by batch.");
    }
    for (let i = 1; i <= data.length; i++) offsets[row + i] = own[i] + base;
    if (end > data.children[0].length) mismatch(column, `lists of ${end} elements`);
    children.push(data.children[0].slice(begin, end - begin));
    row += data.length;
  }
  return { offsets, child: new Vector(children.length ? children : [emptyData(column.type.children[0].type)]) };
}

function emptyData(type: DataType): Data {
  return new Data(type, 0, 0, 0, undefined, type.children?.map((field) => emptyData(field.type)));
}

/** A column's chunks that have rows, one a record batch, once it is sure that none of them holds a null. */
function chunks(column: StoredColumn, expected: string): readonly Data[] {
  const nulls = column.data.reduce((sum, data) => sum + data.nullCount, 0);
  if (nulls > 0) throw new Error(`Expected ${expected} without nulls but got ${nulls} nulls.`);
  return column.data.filter((data) => data.length > 0);
}

function flatValues(data: Data): Float32Array {
  if (data.values.length < data.length) {
    throw new Error(`Expected ${data.length} values but the file holds ${data.values.length}. It is damaged.`);
  }
  return data.values.subarray(0, data.length);
}

// deno-lint-ignore no-explicit-any
function joined(parts: readonly any[], ArrayType: new (length: number) => any): any {
  if (parts.length === 1) return parts[0];
  const values = new ArrayType(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    values.set(part, offset);
    offset += part.length;
  }
  return values;
}

function mismatch(column: StoredColumn, expected: string): never {
  throw new Error(`Expected a column of ${expected} but got ${column.type}.`);
}
