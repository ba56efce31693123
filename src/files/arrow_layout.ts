import { type BufferRegion, DataType, type MessageBatch, type Schema, UnionMode } from "./apache_arrow.ts";

/** A column's buffers in a record batch, those without bytes left out. */
export interface ColumnBuffers {
  /** Whether it is one of those asked for. */
  readonly isRead: boolean;
  readonly buffers: readonly BufferRegion[];
}

/** The buffers of each column of a schema in turn. */
export function columnBuffers(
  schema: Schema,
  { buffers, variadicBufferCounts }: Pick<MessageBatch, "buffers" | "variadicBufferCounts">,
  columns?: readonly string[],
): ColumnBuffers[] {
  // Buffers lie depth first in the schema's order, so that each type takes its own off the front.
  const [left, variadic] = [[...buffers], [...variadicBufferCounts]];
  return schema.fields.map(({ name, type }) => ({
    isRead: columns?.includes(name) ?? true,
    buffers: left.splice(0, buffersOf(type, variadic)).filter(({ length }) => length > 0),
  }));
}

/**
 * Buffers of a type (Arrow columnar format, "Buffer listing for each layout"): validity first, then offsets, then values.
 *
 * @param variadic How many buffers of text each column of views has; those of this type are taken off.
 */
export function buffersOf(type: DataType, variadic: number[] = []): number {
  if (DataType.isNull(type)) return 0;
  const own = ownBuffers(type, variadic);
  return (type.children ?? []).reduce(
    (sum: number, field: { type: DataType }) => sum + buffersOf(field.type, variadic),
    own,
  );
}

function ownBuffers(type: DataType, variadic: number[]): number {
  if (DataType.isStruct(type) || DataType.isFixedSizeList(type)) return 1;
  // Type ids, and offsets if it is dense; unions have no validity.
  if (DataType.isUnion(type)) return type.mode === UnionMode.Sparse ? 1 : 2;
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return 2 + (variadic.shift() ?? 0);
  const hasOffsetsAndValues = DataType.isUtf8(type) || DataType.isBinary(type) || DataType.isLargeUtf8(type) ||
    DataType.isLargeBinary(type);
  return hasOffsetsAndValues ? 3 : 2;
}
