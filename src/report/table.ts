/** Result tables: one Arrow file each, with what its declaration says of every column in it. */
import { join } from "node:path";
import { arrowTable, type Column, writeArrow } from "../files/arrow.ts";
import { type Fields, type ResultTable, storedColumns } from "./row.ts";

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
