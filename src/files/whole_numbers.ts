/**
 * Whole numbers that count along a stream, which may be longer than 2^31 activations: in memory, as columns of Arrow files
 * and as tensors.
 */
import { type Column, numberColumn } from "./columns.ts";
import type { Tensor } from "./tensor.ts";
import { numbersOf, type StoredColumn } from "./values.ts";

/**
 * Whole numbers of 32 bits as long as all of them fit, as most readers expect them; else 64-bit floats, which are exact up
 * to 2^53.
 */
export type WholeNumbers = (Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>) & {
  // Both have it, but TypeScript does not find it in their union.
  reduce(next: (before: number, value: number, index: number) => number, first: number): number;
};

/** Whether a number is whole and has room in 32 bits. */
export function fitsInt32(value: number): boolean {
  return (value | 0) === value;
}

/** The numbers themselves if a value has room among them, else a wider copy. */
export function wideEnough(numbers: WholeNumbers, value: number): WholeNumbers {
  return fitsInt32(value) || numbers instanceof Float64Array ? numbers : Float64Array.from(numbers);
}

/** Given numbers, no wider than they need. */
export function wholeNumbers(values: ArrayLike<number>): WholeNumbers {
  for (let i = 0; i < values.length; i++) if (!fitsInt32(values[i])) return Float64Array.from(values);
  return Int32Array.from(values);
}

/** A column of them: Int32, or Int64 if one of them has no room there. */
export function wholeNumberColumn(values: WholeNumbers): Column {
  return numberColumn(values instanceof Int32Array ? values : BigInt64Array.from(values, BigInt));
}

/**
 * The numbers of such a column.
 *
 * @throws {Error} If it holds something else, nulls, or a number beyond 2^53.
 */
export function wholeNumbersOf(column: StoredColumn): WholeNumbers {
  const values = numbersOf(column);
  if (values instanceof Int32Array) return values as Int32Array<ArrayBuffer>;
  if (values instanceof BigInt64Array) return exact(values);
  throw new Error(`Expected a column of 32-bit or 64-bit integers but got ${column.type}.`);
}

/** A tensor of them, one axis: int32, or int64 if one of them has no room there. */
export function wholeNumberTensor(values: WholeNumbers): Tensor {
  const shape = [values.length];
  if (values instanceof Int32Array) return { dtype: "int32", shape, data: values };
  return { dtype: "int64", shape, data: BigInt64Array.from(values, BigInt) };
}

/** The numbers of such a tensor, or one of float64; `undefined` if it is another. */
export function wholeNumbersOfTensor({ data }: Tensor): WholeNumbers | undefined {
  if (data instanceof Int32Array || data instanceof Float64Array) return data;
  return data instanceof BigInt64Array ? exact(data) : undefined;
}

function exact(values: BigInt64Array): WholeNumbers {
  return Float64Array.from(values, (value) => {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new Error(`Expected whole numbers up to 2^53 but found ${value}. The file is damaged.`);
  });
}
