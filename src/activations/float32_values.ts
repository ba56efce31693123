/**
 * Numbers as both backends take them: float32, in memory of their own that stays as large as it is. Such an array is given
 * as it is; numbers of other kinds and in other memory, which JavaScript can pass, are copied.
 *
 * @param data What a caller gave as the values of a batch.
 * @param dim Length of a row, for arrays of rows.
 * @throws {TypeError} if they are no numbers.
 * @throws {RangeError} if a row is of another length.
 */
export function float32Values(data: unknown, dim: number): Float32Array<ArrayBuffer> {
  if (data instanceof Float32Array && data.buffer instanceof ArrayBuffer && !data.buffer.resizable) {
    return data as Float32Array<ArrayBuffer>;
  }
  const numbers = Array.isArray(data) ? data.flatMap((value, row) => numbersOf(value, row, dim)) : typed(data);
  // A typed array of big integers is one of no numbers.
  if (numbers && Array.prototype.every.call(numbers, (value) => typeof value === "number")) {
    return Float32Array.from(numbers as ArrayLike<number>);
  }
  throw new TypeError(
    "Expected a batch with its values, a Float32Array of rows x dim numbers, as data but found " +
      (numbers ? "an array of something else than numbers" : typeof data),
  );
}

function typed(value: unknown): ArrayLike<unknown> | undefined {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? value as unknown as ArrayLike<unknown> : undefined;
}

/** One number of a list, or the numbers of a row of a list of rows. */
function numbersOf(value: unknown, row: number, dim: number): unknown[] {
  const values = Array.isArray(value) ? value : typed(value);
  if (!values) return [value];
  if (values.length === dim) return Array.from(values);
  throw new RangeError(`Expected rows of ${dim} numbers but row ${row} has ${values.length}`);
}
