/** Values of a Parquet file as they are: whole numbers, decimals and times with every digit, bytes as bytes. */
import { decimalOf, decimalText } from "./decimals.ts";
import { exactTime } from "./exact_time.ts";
import { parseExactJson } from "./exact_json.ts";
import { utf8Of } from "./exact_text.ts";
import {
  type FileMetaData,
  isListLike,
  isMapLike,
  type ParquetParsers,
  parquetSchema,
  type SchemaElement,
  type SchemaTree,
} from "./hyparquet.ts";

/** What hyparquet makes values of. Bytes of a text column that are not UTF-8 stay bytes. */
export const PARSERS: Partial<ParquetParsers> = {
  stringFromBytes: (bytes) => bytes && (utf8Of(bytes) ?? bytes),
  jsonFromBytes: (bytes) => {
    const text = bytes && utf8Of(bytes);
    return text === undefined ? bytes : parseExactJson(text);
  },
  timestampFromMilliseconds: (time) => exactTime(BigInt(time), 1_000n),
  timestampFromMicroseconds: (time) => exactTime(BigInt(time), 1_000_000n),
  timestampFromNanoseconds: (time) => exactTime(BigInt(time), 1_000_000_000n),
};

/** Makes a value of what hyparquet gives. */
type Exact = (value: unknown) => unknown;

/**
 * Prepares a file's rows to be read exactly.
 *
 * @param metadata What hyparquet reads the file by. Types that it would round, or cannot read, are taken out of it.
 * @returns Puts a row of hyparquet's into its exact values.
 */
export function exactRows(metadata: FileMetaData): (row: Record<string, unknown>) => Record<string, unknown> {
  const columns = parquetSchema(metadata).children.map((column) => {
    const { name } = column.element;
    // An id has its digits, also those that a number would not show.
    return [name, exactOf(column, name === "id")] as const;
  });
  return (row) => {
    for (const [name, exact] of columns) row[name] = exact(row[name] ?? null);
    return row;
  };
}

function exactOf(node: SchemaTree, isId = false): Exact {
  const { element, children } = node;
  // What is in a variant, its own bytes say.
  if (element.logical_type?.type === "VARIANT") return (value) => value ?? null;
  const isRepeated = element.repetition_type === "REPEATED";
  const one = isListLike(node)
    ? listOf(exactOf(itemOf(node)))
    : isMapLike(node)
    ? mapOf(exactOf(children[0].children[1]))
    : children.length > 0
    ? structOf(children.map((child) => [child.element.name, exactOf(child)]))
    : leafOf(element, isId);
  return isRepeated && !isListLike(node) ? listOf(one) : one;
}

/** The items of a list: a group around each, or not, as old writers have it. */
function itemOf({ children: [repeated] }: SchemaTree): SchemaTree {
  const item = repeated.children.length === 1 ? repeated.children[0] : repeated;
  // The list is one already.
  return item === repeated ? { ...item, element: { ...item.element, repetition_type: "REQUIRED" } } : item;
}

const present = (exact: (value: NonNullable<unknown>) => unknown): Exact => (value) =>
  value === null || value === undefined ? null : exact(value);

const listOf = (item: Exact) => present((list) => Array.isArray(list) ? list.map(item) : list);

const mapOf = (item: Exact) =>
  present((map) => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, item(value)])));

const structOf = (fields: readonly (readonly [string, Exact])[]) =>
  present((struct) =>
    Object.fromEntries(fields.map(([name, exact]) => [name, exact((struct as Record<string, unknown>)[name])]))
  );

/** Takes out of `element` what hyparquet would round, or cannot read, and does it here instead. */
function leafOf(element: SchemaElement, isId: boolean): Exact {
  const { converted_type: converted, logical_type: logical } = element;
  if (converted === "DECIMAL" || logical?.type === "DECIMAL") {
    asStored(element);
    const { precision = Infinity, scale = 0 } = logical?.type === "DECIMAL" ? logical : element;
    const decimal = isId ? decimalText : decimalOf(precision);
    return present((value) => decimal(unscaledOf(value as number | bigint | Uint8Array), scale));
  }
  // Those are bytes, of which nobody here knows more.
  if (converted === "BSON" || converted === "INTERVAL") asStored(element);
  if (converted === "ENUM" || logical?.type === "ENUM") {
    return present((value) => value instanceof Uint8Array ? utf8Of(value) ?? value : value);
  }
  return present((value) => typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value);
}

function asStored(element: SchemaElement): void {
  delete element.converted_type;
  delete element.logical_type;
}

/** The whole number of a decimal; in bytes, the highest comes first, in two's complement. */
function unscaledOf(value: number | bigint | Uint8Array): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value);
  return value.length === 0 ? 0n : BigInt.asIntN(8 * value.length, BigInt(`0x${value.toHex()}`));
}
