/**
 * Named arrays of numbers, as the files of this field hold them (`.npz`, `.safetensors`).
 */
import { visibleText } from "./visible_text.ts";

/** Name of a type of number, as NumPy and PyTorch call it. */
export type Dtype =
  | "float64"
  | "float32"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint64"
  | "uint32"
  | "uint16"
  | "uint8"
  | "bool";

/** What holds the numbers of each type. They lie in memory as in the file, little endian. */
const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Float16Array,
  // The upper half of a float32's bits; JavaScript has no array of them.
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  // A byte each, 0 or 1.
  bool: Uint8Array,
} as const satisfies Record<Dtype, unknown>;

/** The values of a tensor of one of the dtypes. */
export type TensorData =
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** An array of numbers with a shape. */
export interface Tensor {
  /** Type of the numbers. */
  readonly dtype: Dtype;
  /** Lengths of the axes; `[]` is a single number. */
  readonly shape: readonly number[];
  /** The numbers, the last axis fastest (C order); bfloat16 as its 16 bits, bool as 0 or 1. */
  readonly data: TensorData;
}

/** Type and shape of an array in a file, whether its numbers can be read or not. */
export interface TensorOutline {
  /** A {@linkcode Dtype}; of numbers that are not read (float8, complex), of texts and objects, what the file calls them. */
  readonly dtype: string;
  /** Lengths of the axes. */
  readonly shape: readonly number[];
}

/** Tensors by name, in the order of the file. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** Tensors of a file that has others, too, which cannot be read: whoever asks for one of these is told why. */
class TensorsOfSome extends Map<string, Tensor> {
  readonly #refusals: ReadonlyMap<string, Error>;

  constructor(tensors: Tensors, refusals: ReadonlyMap<string, Error>) {
    super(tensors);
    this.#refusals = refusals;
  }

  override get(name: string): Tensor | undefined {
    const refusal = this.#refusals.get(name);
    if (refusal) throw refusal;
    return super.get(name);
  }
}

/**
 * Tensors that were read, and why others of the file were not: `get` of one of these throws that.
 *
 * @param refusals By name.
 */
export function tensorsBeside(tensors: Tensors, refusals: ReadonlyMap<string, Error>): Tensors {
  return refusals.size === 0 ? tensors : new TensorsOfSome(tensors, refusals);
}

/** All types of numbers that are read. */
export const DTYPES: readonly Dtype[] = Object.keys(ARRAYS) as Dtype[];

/** Whether numbers of a type are read. */
export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(ARRAYS, name);
}

/** Bytes of one number. */
export function itemBytes(dtype: Dtype): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** How many numbers a shape holds, or `undefined` when an axis is no length or the product is no exact number. */
export function elementCount(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const length of shape) {
    if (!Number.isSafeInteger(length) || length as number < 0) return undefined;
    count *= length as number;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Turns the bytes of every number round, in place: what a big-endian machine wrote becomes little endian. */
export function swapBytes(bytes: Uint8Array<ArrayBuffer>, size: number): void {
  for (let start = 0; start + size <= bytes.length; start += size) bytes.subarray(start, start + size).reverse();
}

/** The numbers that begin at byte `start` of `bytes`, which must be a multiple of the number's size; no copy. */
export function numbersAt(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>, start: number, count: number): TensorData {
  return new ARRAYS[dtype](bytes.buffer, bytes.byteOffset + start, count);
}

/**
 * A tensor of float32 over an array, which is not copied.
 *
 * @throws {RangeError} If the array does not hold as many numbers as the shape.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * const data = Float32Array.of(1, 2, 3, 4, 5, 6);
 * const { dtype, shape } = float32Tensor(data, [2, 3]);
 * if (dtype !== "float32" || shape.join() !== "2,3") throw new Error(`${dtype} ${shape}`);
 * assertThrows(() => float32Tensor(data, [2, 2]), RangeError, "to hold 4 numbers but found 6");
 * ```
 */
export function float32Tensor(data: Float32Array<ArrayBuffer>, shape: readonly number[]): Tensor {
  const tensor: Tensor = { dtype: "float32", shape, data };
  assertTensor(tensor);
  return tensor;
}

/**
 * A tensor's numbers as float32: the array itself when it holds float32 already, else a new one, rounded to the nearest.
 *
 * @throws {TypeError} If they are 64-bit integers, which float32 cannot hold.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * // The upper 16 bits of the float32 numbers 1 and -2.
 * const data = Uint16Array.of(0x3f80, 0xc000);
 * assertEquals(toFloat32({ dtype: "bfloat16", shape: [2], data }), Float32Array.of(1, -2));
 * ```
 */
export function toFloat32({ dtype, data }: Tensor): Float32Array<ArrayBuffer> {
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    throw new TypeError(`Expected numbers that fit in float32 but found ${dtype}: convert them first`);
  }
  if (dtype !== "bfloat16") return new Float32Array(data);
  const bits = new Uint32Array(data.length);
  for (let i = 0; i < bits.length; i++) bits[i] = data[i] << 16;
  return new Float32Array(bits.buffer);
}

/**
 * The tensor of a name.
 *
 * @param path The file that they come from, for the message.
 * @throws {Error} If there is none; names those that there are.
 *
 * @example
 * ```ts
 * import { assertThrows } from "@std/assert";
 *
 * const tensors = new Map([["W_enc", float32Tensor(new Float32Array(6), [2, 3])]]);
 * const { shape } = tensorOf(tensors, "W_enc", "params.npz");
 * if (shape.join() !== "2,3") throw new Error(`${shape}`);
 * assertThrows(
 *   () => tensorOf(tensors, "W_dec", "params.npz"),
 *   Error,
 *   "Expected a tensor named W_dec in params.npz but it has W_enc",
 * );
 * ```
 */
export function tensorOf(tensors: Tensors, name: string, path: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor) return tensor;
  throw new Error(
    `Expected a tensor named ${name} in ${path} but it has ${
      listed(tensors.keys())
    }: give another file, or copy it again.`,
  );
}

/**
 * A tensor's numbers, of a shape; they may be infinite or NaN.
 *
 * @throws {Error} A sentence if it is missing or of another shape.
 */
export function floatsOf(
  tensors: Tensors,
  name: string,
  shape: readonly number[],
  path: string,
): Float32Array<ArrayBuffer> {
  const tensor = tensorOf(tensors, name, path);
  if (tensor.shape.join() !== shape.join()) {
    throw new Error(
      `Expected ${name} of ${path} to have the shape (${shape.join(", ")}) but found (${tensor.shape.join(", ")}).`,
    );
  }
  return toFloat32(tensor);
}

/**
 * A tensor's numbers as float32, as {@linkcode floatsOf} gives them, all of them finite.
 *
 * @throws {Error} A sentence if it is missing, of another shape, or has a number that is not finite.
 */
export function finiteFloatsOf(
  tensors: Tensors,
  name: string,
  shape: readonly number[],
  path: string,
): Float32Array<ArrayBuffer> {
  const data = floatsOf(tensors, name, shape, path);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return data;
  throw new Error(
    `Expected finite numbers in ${name} of ${path} but number ${bad} is ${data[bad]}: get the file anew.`,
  );
}

/** Throws unless a tensor's array is of its dtype and holds as many numbers as its shape. */
export function assertTensor({ dtype, shape, data }: Tensor, name = "the tensor"): void {
  const array = ARRAYS[dtype];
  if (!array || !(data instanceof array)) {
    throw new TypeError(`Expected ${name} of dtype ${dtype} to hold a ${array?.name ?? "known dtype"}`);
  }
  const count = elementCount(shape);
  if (data.length !== count) {
    throw new RangeError(
      `Expected ${name} of shape (${shape.join(", ")}) to hold ${count} numbers but found ${data.length}`,
    );
  }
}

/** The bytes of a tensor's numbers; no copy. */
export function bytesOf({ data }: Tensor): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Names in a sentence, cut when there are many. */
export function listed(names: Iterable<string>): string {
  const all = Array.from(names, visibleText);
  if (all.length === 0) return "none";
  return all.slice(0, 20).join(", ") + (all.length > 20 ? `, ... (${all.length} in all)` : "");
}
