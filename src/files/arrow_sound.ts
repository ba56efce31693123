import { type Data, DataType } from "./apache_arrow.ts";

/**
 * Throws unless a column's buffers hold what its lengths and offsets say. The library takes them as they come: values beyond
 * a buffer's end would be `undefined`, and offsets of 2^31 rows where there are none.
 */
export function assertSound(data: Data, expectedLength = data.length): void {
  const { type, length, nullCount, nullBitmap, children } = data;
  const need = (there: number, needed: number, what: string) => {
    if (!(there >= needed)) throw new Error(`${type} of length ${length} has ${there} ${what}, not ${needed}`);
  };
  if (!Number.isSafeInteger(length) || length < 0 || length !== expectedLength) {
    throw new Error(`${type} has length ${length}, not ${expectedLength}`);
  }
  // A column of nulls alone has no marks.
  if (nullCount > 0 && !DataType.isNull(type)) {
    need(nullBitmap?.byteLength ?? 0, Math.ceil(length / 8), "bytes of marks of nulls");
  }
  if (DataType.isFixedSizeList(type)) need(children[0].length, length * type.listSize, "items");
  else if (DataType.isStruct(type)) children.forEach((child) => need(child.length, length, "values of a field"));
  else if (DataType.isBool(type)) need(data.values.byteLength, Math.ceil(length / 8), "bytes");
  else if (DataType.isInt(type) || DataType.isFloat(type)) need(data.values.length, length, "values");
  else if (DataType.isDictionary(type)) {
    const size = data.dictionary?.length ?? 0;
    need(data.values.length, length, "values");
    for (let i = 0; i < length; i++) {
      if (data.values[i] < 0 || data.values[i] >= size) {
        throw new Error(`${type} names value ${data.values[i]} of ${size}`);
      }
    }
  } else if (data.valueOffsets && !DataType.isUnion(type)) {
    if (length > 0) need(data.valueOffsets.length, length + 1, "offsets");
    assertOffsets(data.valueOffsets, length, children?.[0]?.length ?? data.values.byteLength);
  }
  for (const child of children ?? []) assertSound(child);
}

function assertOffsets(offsets: ArrayLike<number | bigint>, length: number, end: number): void {
  if (length === 0) return;
  let before = 0;
  for (let i = 0; i <= length; i++) {
    const offset = Number(offsets[i]);
    if (offset < before || offset > end) throw new Error(`offset ${i} is ${offset}, not from ${before} to ${end}`);
    before = offset;
  }
}
