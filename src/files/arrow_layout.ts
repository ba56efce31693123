import { DataType, type Schema } from "./apache_arrow.ts";

/** For each column of a schema, how many buffers a record batch has of it, and whether it is one of `columns`. */
export function bufferCounts(schema: Schema, columns: readonly string[]): { count: number; isRead: boolean }[] {
  return schema.fields.map(({ name, type }) => ({ count: buffersOf(type), isRead: columns.includes(name) }));
}

/** Buffers of a type (Arrow columnar format, "Buffer listing for each layout"): validity first, then offsets, then values. */
function buffersOf(type: DataType): number {
  if (DataType.isNull(type)) return 0;
  const children = (type.children ?? []).reduce(
    (sum: number, field: { type: DataType }) => sum + buffersOf(field.type),
    0,
  );
  if (DataType.isStruct(type) || DataType.isFixedSizeList(type)) return 1 + children;
  if (DataType.isUtf8(type) || DataType.isBinary(type) || DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    return 3;
  }
  return 2 + children;
}
