/** Rows of arrays that lie in a file in whatever order: C or Fortran order, turned, sliced or repeated views of a storage. */
import type { ByteFile } from "./byte_file.ts";
import { type Dtype, elementCount, itemBytes, numbersAt, swapBytes, type Tensor } from "./tensor.ts";

/** Where the numbers of an array lie in a file. */
export interface ArrayPlace {
  readonly dtype: Dtype;
  /** Lengths of the axes. */
  readonly shape: readonly number[];
  /** Numbers from one element of an axis to the next. */
  readonly strides: readonly number[];
  /** Byte of the first element. */
  readonly offset: number;
  /** Whether a big-endian machine wrote it. */
  readonly isBigEndian?: boolean;
}

/** Numbers read for one that is wanted, at most; else each is read by itself. */
const MOST_READ = 64;

/** Strides of an array whose last axis is the fastest. */
export function cStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
}

/** Strides of an array whose first axis is the fastest. */
export function fortranStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1));
}

/** Whether the numbers lie one after the other in C order; the stride of an axis of length 1 is never used. */
export function isInCOrder({ shape, strides }: Pick<ArrayPlace, "shape" | "strides">): boolean {
  const expected = cStrides(shape);
  return shape.includes(0) || shape.every((length, axis) => length === 1 || strides[axis] === expected[axis]);
}

/** Numbers from the first element on up to the last, whatever lies between; 0 of an empty array. */
export function extentOf({ shape, strides }: Pick<ArrayPlace, "shape" | "strides">): number {
  if (shape.includes(0)) return 0;
  return 1 + shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis], 0);
}

/** Reads a whole array, in C order. */
export async function readPlace(file: ByteFile, place: ArrayPlace): Promise<Tensor> {
  const { dtype, shape } = place;
  const count = elementCount(shape)!;
  const rows = shape.length === 0 ? 1 : count / Math.max(1, shape.at(-1)!);
  const bytes = shape.includes(0) ? new Uint8Array() : await readRows(file, place, 0, rows);
  return { dtype, shape, data: numbersAt(dtype, bytes, 0, count) };
}

/**
 * Reads rows of an array: the last axis is a row, the axes before it are numbered through; a single number is a row of one.
 *
 * @param from First row.
 * @param count How many.
 * @returns Their numbers' bytes, little endian, row after row.
 */
export async function readRows(
  file: ByteFile,
  place: ArrayPlace,
  from: number,
  count: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { shape, strides, offset, isBigEndian } = place;
  const size = itemBytes(place.dtype);
  const dim = shape.at(-1) ?? 1;
  const rows = new Uint8Array(count * dim * size);
  if (isInCOrder(place)) await file.read(offset + from * dim * size, rows);
  else await gather(file, place, firstsOf(shape, strides, from, count), rows);
  if (isBigEndian) swapBytes(rows, size);
  return rows;
}

/** Element numbers of the first elements of rows. */
function firstsOf(shape: readonly number[], strides: readonly number[], from: number, count: number): Float64Array {
  const firsts = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let rest = from + i;
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      firsts[i] += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
  }
  return firsts;
}

/** Fills rows by as few reads as their order allows: one a row, one a column, or one a number. */
async function gather(
  file: ByteFile,
  { dtype, shape, strides, offset }: ArrayPlace,
  firsts: Float64Array,
  rows: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const size = itemBytes(dtype);
  const [dim, stride] = [shape.at(-1) ?? 1, strides.at(-1) ?? 1];
  const [low, high] = firsts.reduce(([low, high], first) => [Math.min(low, first), Math.max(high, first)], [
    Infinity,
    0,
  ]);
  const [rowSpan, columnSpan] = [(dim - 1) * stride + 1, high - low + 1];
  // Numbers are moved as the bits they are.
  const Bits = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size]!;
  const target = new Bits(rows.buffer);
  // `elements[i]`, counted from the first that is read, goes to place `to(i)` of the rows.
  const take = async (first: number, span: number, elements: ArrayLike<number>, to: (i: number) => number) => {
    const bytes = await file.read(offset + first * size, new Uint8Array(span * size));
    const read = new Bits(bytes.buffer);
    for (let i = 0; i < elements.length; i++) target[to(i)] = read[elements[i]];
  };
  if (rowSpan <= MOST_READ * dim && (rowSpan <= columnSpan || columnSpan > MOST_READ * firsts.length)) {
    const elements = Array.from({ length: dim }, (_, j) => j * stride);
    for (const [row, first] of firsts.entries()) await take(first, rowSpan, elements, (j) => row * dim + j);
  } else if (columnSpan <= MOST_READ * firsts.length) {
    const elements = firsts.map((first) => first - low);
    for (let j = 0; j < dim; j++) await take(low + j * stride, columnSpan, elements, (row) => row * dim + j);
  } else {
    for (const [row, first] of firsts.entries()) {
      for (let j = 0; j < dim; j++) await take(first + j * stride, 1, [0], () => row * dim + j);
    }
  }
}
