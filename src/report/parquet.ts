/** Writes Parquet. hyparquet-writer is named here and nowhere else, and loaded only when a table is asked for. */
import type { FieldType } from "./row.ts";
import type { StoredColumn } from "./stored_columns.ts";

/** What Parquet stores a column as. */
const TYPES = { int32: "INT32", float64: "DOUBLE", utf8: "STRING", bool: "BOOLEAN" } as const satisfies Readonly<
  Record<FieldType, string>
>;

/**
 * Columns as the bytes of a Parquet file, packed by Snappy, with nulls where values are missing.
 *
 * @param columns Equally long, each with a name of its own.
 * @param metadata The file's key-value metadata.
 */
export async function parquetBytes(
  columns: readonly StoredColumn[],
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { parquetWriteBuffer } = await import("npm:hyparquet-writer@0.17.0");
  const bytes = parquetWriteBuffer({
    columnData: columns.map(({ name, type, values, isNullable }) => ({
      name,
      data: [...values],
      type: TYPES[type],
      nullable: isNullable,
      // A dictionary of numbers would take -0 for 0.
      ...(type === "float64" && { encoding: "PLAIN" as const }),
    })),
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  return new Uint8Array(bytes);
}
