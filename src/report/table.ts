/** Result tables: one Arrow file each, with what its declaration says of every column in it. */
import { join } from "node:path";
import {
  arrowTable,
  booleanColumn,
  type Column,
  nullableColumn,
  numberColumn,
  stringColumn,
  writeArrow,
} from "../files/arrow.ts";
import { columnName, type Fields, type FieldType, type ResultTable } from "./row.ts";

/** Kind and version of the file, in its schema's metadata. */
const FORMAT = "exemplar table 2";

/** What is written with a table. */
export interface SaveTableOptions {
  /** Metadata of the whole table. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes `<folder>/<name>.arrow`. Missing values are nulls; description, unit and what is missing stand in the metadata
 * of each field.
 *
 * @param folder Where to; made if it is not there.
 * @param name File name without ending.
 * @param table Rows with their declaration.
 * @param options Metadata of the whole table; default none.
 * @returns The file's path.
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
  const path = join(folder, `${name}.arrow`);
  const data: Record<string, Column> = {};
  const fieldMetadata: Record<string, Readonly<Record<string, string>>> = {};
  for (const { name: column, values, metadata } of storedColumns(table)) {
    if (Object.hasOwn(data, column)) throw new Error(`Table ${name} has two columns named ${column}.`);
    data[column] = values;
    fieldMetadata[column] = metadata;
  }
  await writeArrow(path, arrowTable(data, { metadata: { format: FORMAT, ...options.metadata }, fieldMetadata }));
  return path;
}

/** A table's column in Arrow, and what the file says of it. */
interface StoredColumn {
  readonly name: string;
  readonly values: Column;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The columns of rows, to be written.
 *
 * @throws {TypeError} if a row has a value that its declaration does not allow; names row and column.
 */
function storedColumns<F extends Fields>({ fields, rows }: ResultTable<F>): StoredColumn[] {
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
      values: missing === undefined && field.type !== "float64"
        ? arrowColumn(field.type, values)
        : nullableOf(field.type, values.map((value) => Number.isNaN(value) ? null : value)),
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
