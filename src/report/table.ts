/**
 * Result tables: one Arrow file each, with what its declaration says of every column in it, and one of Parquet for tools
 * that have no Arrow.
 */
import { assertOptions } from "../compute/known_options.ts";
import { join } from "node:path";
import { writeFileAtomic } from "../files/atomic.ts";
import {
  arrowTable,
  booleanColumn,
  type Column,
  nullableColumn,
  numberColumn,
  stringColumn,
  writeArrow,
} from "../files/arrow.ts";
import { wholeNumberColumn, wholeNumbers } from "../files/whole_numbers.ts";
import { parquetBytes } from "./parquet.ts";
import type { Fields, FieldType, ResultTable } from "./row.ts";
import { type StoredColumn, storedColumns } from "./stored_columns.ts";

/** Kind and version of the file, in its schema's metadata. */
const FORMAT = "exemplar table 2";

/** What is written with a table. */
export interface SaveTableOptions {
  /** Metadata of the whole table. */
  metadata?: Readonly<Record<string, string>>;
  /** Whether `<name>.parquet` is written, too, with the same columns and nulls; default false. */
  parquet?: boolean;
}

/**
 * Writes `<folder>/<name>.arrow`. Missing values are nulls; description, unit and what is missing stand in the metadata
 * of each field.
 *
 * @param folder Where to; made if it is not there.
 * @param name File name without ending.
 * @param table Rows with their declaration.
 * @param options Metadata of the whole table; default none. Whether it is to be had as Parquet, too; default not.
 * @returns The Arrow file's path.
 * @throws {TypeError} if a row has a value that its declaration does not allow; names row and column.
 * @throws {Error} if two columns have one name, or the file cannot be written.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { columnOf, readArrow, stringsOf } from "../files/mod.ts";
 * import { resultTable, row, saveTable, whole, words } from "./mod.ts";
 *
 * const REGION = row({ region: whole("number of the region"), topToken: words("its commonest token") });
 * const folder = await Deno.makeTempDir();
 * const path = await saveTable(folder, "regions", resultTable(REGION, [{ region: 0, topToken: "cat" }]));
 *
 * const column = columnOf(await readArrow(path), "top_token");
 * assertEquals(stringsOf(column), ["cat"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function saveTable<F extends Fields>(
  folder: string,
  name: string,
  table: ResultTable<F>,
  options: SaveTableOptions = {},
): Promise<string> {
  assertOptions("saveTable", options, { metadata: "object", parquet: "boolean" });
  const path = join(folder, `${name}.arrow`);
  const columns = storedColumns(table);
  const data: Record<string, Column> = {};
  const fieldMetadata: Record<string, Readonly<Record<string, string>>> = {};
  for (const column of columns) {
    if (Object.hasOwn(data, column.name)) throw new Error(`Table ${name} has two columns named ${column.name}.`);
    data[column.name] = arrowColumn(column);
    fieldMetadata[column.name] = column.metadata;
  }
  const metadata = { format: FORMAT, ...options.metadata };
  await writeArrow(path, arrowTable(data, { metadata, fieldMetadata }));
  if (options.parquet) {
    // Parquet has no metadata of columns.
    const bytes = await parquetBytes(columns, { ...metadata, columns: JSON.stringify(fieldMetadata) });
    await writeFileAtomic(join(folder, `${name}.parquet`), bytes);
  }
  return path;
}

/** A value that stands where there is none; the column's marks say so. */
const STAND_IN: Readonly<Record<FieldType, unknown>> = { integer: 0, float64: 0, utf8: "", bool: false };

function arrowColumn({ type, values, isNullable }: StoredColumn): Column {
  if (!isNullable) return valueColumn(type, values);
  const present = values.map((value) => value !== null);
  return nullableColumn(valueColumn(type, values.map((value) => value ?? STAND_IN[type])), present);
}

function valueColumn(type: FieldType, values: readonly unknown[]): Column {
  switch (type) {
    case "integer":
      return wholeNumberColumn(wholeNumbers(values as number[]));
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
