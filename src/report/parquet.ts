/** Writes Parquet. hyparquet-writer is named here and nowhere else, and loaded only when a table is asked for. */
import { fitsInt32 } from "../files/whole_numbers.ts";
import type { StoredColumn } from "./stored_columns.ts";

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
    columnData: columns.map((column) => ({ name: column.name, nullable: column.isNullable, ...packed(column) })),
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  return new Uint8Array(bytes);
}

/** How the writer takes a column's values. */
function packed({ type, values }: StoredColumn) {
  switch (type) {
    case "integer":
      return values.every((value) => value === null || fitsInt32(value as number))
        ? { type: "INT32" as const, data: [...values] }
        : { type: "INT64" as const, data: values.map((value) => value === null ? null : BigInt(value as number)) };
    case "float64":
      // A dictionary of numbers would take -0 for 0.
      return { type: "DOUBLE" as const, data: [...values], encoding: "PLAIN" as const };
    case "utf8":
      return { type: "STRING" as const, data: [...values] };
    case "bool":
      return { type: "BOOLEAN" as const, data: [...values] };
    default:
      return type satisfies never;
  }
}
