/** Result tables: one Arrow file each, with a description of every column in it. */
import { join } from "node:path";
import { type ResultTable, storedColumns } from "./row.ts";
import {
  arrowTable,
  booleanColumn,
  type Column,
  Data,
  fixedSizeListColumn,
  type NumberArray,
  numberColumn,
  stringColumn,
  writeArrow,
} from "../files/arrow.ts";

/** What plain arrays are stored as. */
export type ColumnType = "float64" | "float32" | "int32" | "utf8" | "bool";

/** Kind and version of the file, in its schema's metadata. */
const FORMAT = "exemplar table 2";

/** A column of a result table. */
export interface TableColumn {
  /** Its name in the file. */
  readonly name: string;
  /**
   * One value a row. Typed arrays keep their type; `null` among numbers becomes NaN; `{ values, dim }` is a column of
   * vectors; a `Column` of `files/columns.ts` is taken as it is.
   */
  readonly values:
    | NumberArray
    | readonly (number | null)[]
    | readonly string[]
    | readonly boolean[]
    | { readonly values: Float32Array; readonly dim: number }
    | Column;
  /** Type of a plain array; the default goes by its first value: `"utf8"`, `"bool"`, otherwise `"float64"`. */
  readonly type?: ColumnType;
  /** What the column means, with its unit; kept as the field's metadata `description`. */
  readonly description: string;
}

/** What is written with a table. */
export interface SaveTableOptions {
  /** Metadata of the whole table. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes `<folder>/<name>.arrow`.
 *
 * @param folder Where to; made if it is not there.
 * @param name File name without ending.
 * @param table Rows with their declaration, or columns.
 * @param options Metadata of the whole table; default none.
 * @returns The file's path.
 * @throws {Error} If columns differ in length, two have one name, a column mixes types, or the file cannot be written.
 * @throws {TypeError} If a row has a value that its declaration does not allow; names row and column.
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
export async function saveTable(
  folder: string,
  name: string,
  table: ResultTable | readonly TableColumn[],
  options: SaveTableOptions = {},
): Promise<string> {
  const path = join(folder, `${name}.arrow`);
  const data: Record<string, Column> = {};
  const fieldMetadata: Record<string, Readonly<Record<string, string>>> = {};
  const columns = "fields" in table ? storedColumns(table) : table.map((column) => {
    return { name: column.name, values: toColumn(column), metadata: { description: column.description } };
  });
  for (const { name: column, values, metadata } of columns) {
    if (Object.hasOwn(data, column)) throw new Error(`Table ${name} has two columns named ${column}.`);
    data[column] = values;
    fieldMetadata[column] = metadata;
  }
  await writeArrow(path, arrowTable(data, { metadata: { format: FORMAT, ...options.metadata }, fieldMetadata }));
  return path;
}

function toColumn({ name, values, type }: TableColumn): Column {
  if (values instanceof Data) return values;
  if (ArrayBuffer.isView(values)) return numberColumn(values as NumberArray);
  if ("dim" in values) return fixedSizeListColumn(values.values, values.dim);
  const kind = type ?? TYPE_OF[typeof values[0]] ?? "float64";
  const check = <T>(isRight: (value: unknown) => boolean): readonly T[] => {
    const wrong = values.findIndex((value) => !isRight(value));
    if (wrong < 0) return values as readonly T[];
    throw new Error(`Expected column ${name} to hold ${kind} but row ${wrong} is ${JSON.stringify(values[wrong])}.`);
  };
  if (kind === "utf8") return stringColumn(check<string>((value) => typeof value === "string"));
  if (kind === "bool") return booleanColumn(check<boolean>((value) => typeof value === "boolean"));
  if (kind === "int32") {
    return numberColumn(Int32Array.from(check<number>((value) => typeof value === "number" && (value | 0) === value)));
  }
  // A processor's 0 / 0 and JavaScript's NaN differ in their sign bit: the same table must have the same bytes.
  const numbers = check<number | null>((value) => typeof value === "number" || value === null)
    .map((value) => value === null || Number.isNaN(value) ? NaN : value);
  return numberColumn(kind === "float32" ? Float32Array.from(numbers) : Float64Array.from(numbers));
}

const TYPE_OF: Readonly<Record<string, ColumnType>> = { string: "utf8", boolean: "bool" };
