/**
 * The `.npy` format of NumPy: a magic, a version, a Python dictionary that names dtype, order and shape, and the bytes.
 *
 * Written here and not imported: the npm packages that read it (npyjs, the one that is kept up) check no length, leave
 * Fortran order to the caller, write nothing and bring a `fetch` along; the format is this page.
 *
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import {
  assertTensor,
  bytesOf,
  type Dtype,
  elementCount,
  itemBytes,
  numbersAt,
  swapBytes,
  type Tensor,
  type TensorOutline,
} from "./tensor.ts";
import { visibleText } from "./visible_text.ts";

const MAGIC = "\x93NUMPY";
// Of a header: version 1.0 counts its length in 16 bits, 2.0 and 3.0 in 32; NumPy itself refuses to read longer ones.
const MOST_HEADER_BYTES = 65536;
/** Bytes of an `.npy` file that hold its header, whatever that is. */
export const NPY_HEAD = 12 + MOST_HEADER_BYTES;

/** NumPy's codes without the byte order. */
const DTYPES = new Map<string, Dtype>([
  ["f8", "float64"],
  ["f4", "float32"],
  ["f2", "float16"],
  ["i8", "int64"],
  ["i4", "int32"],
  ["i2", "int16"],
  ["i1", "int8"],
  ["u8", "uint64"],
  ["u4", "uint32"],
  ["u2", "uint16"],
  ["u1", "uint8"],
  ["b1", "bool"],
]);
const CODES = new Map([...DTYPES].map(([code, dtype]) => [dtype, `${itemBytes(dtype) === 1 ? "|" : "<"}${code}`]));

/** What the header of an `.npy` file says. */
export interface NpyHeader {
  /** Type and shape; the type as NumPy calls it where it is not read. */
  readonly outline: TensorOutline;
  /** Type of the numbers; undefined where it is not read: texts, objects, complex numbers, records. */
  readonly dtype?: Dtype;
  readonly isBigEndian: boolean;
  /** Whether the first axis is the fastest. */
  readonly isFortran: boolean;
  /** First byte of the numbers. */
  readonly start: number;
}

/**
 * The tensor of an `.npy` file's bytes; in C order and little endian a view of them, else a new array.
 *
 * @param bytes The whole file.
 * @param name What to call it in messages.
 * @throws {Error} A sentence if the bytes are no such file, hold another dtype, or do not fit the shape.
 */
export function parseNpy(bytes: Uint8Array<ArrayBuffer>, name: string): Tensor {
  const { dtype, outline: { shape }, isBigEndian, isFortran, start } = assertNpy(bytes, bytes.length, name);
  const count = elementCount(shape)!;
  const aligned = (bytes.byteOffset + start) % itemBytes(dtype) === 0;
  const own = aligned && !isBigEndian ? bytes : bytes.slice(start);
  if (isBigEndian) swapBytes(own, itemBytes(dtype));
  const data = numbersAt(dtype, own, own === bytes ? start : 0, count);
  return { dtype, shape, data: isFortran && shape.length > 1 ? inCOrder(data, shape) : data };
}

/**
 * Checks that a file of so many bytes is an array of numbers, before it is read.
 *
 * @param head The file's beginning: {@linkcode NPY_HEAD} bytes, or all of a shorter one.
 * @param size Bytes of the whole file.
 * @param name What to call it in messages.
 * @throws {Error} A sentence if its header is none, says another size, or a type that is not read.
 */
export function assertNpy(
  head: Uint8Array<ArrayBuffer>,
  size: number,
  name: string,
): NpyHeader & { readonly dtype: Dtype } {
  const header = readNpyHeader(head, size, name);
  const { dtype, outline } = header;
  if (dtype) return { ...header, dtype };
  throw unreadNpy(outline, name);
}

/** For an array whose values are not read. */
export function unreadNpy({ dtype }: TensorOutline, name: string): Error {
  return bad(
    name,
    `its dtype is ${dtype}, and numbers are read that are float64, float32, float16 or whole: save it as one of these`,
  );
}

/**
 * What the header of an `.npy` file says, whether its values are read or not.
 *
 * @param head The file's beginning: {@linkcode NPY_HEAD} bytes, or all of a shorter one.
 * @param size Bytes of the whole file.
 * @param name What to call it in messages.
 * @throws {Error} A sentence if its header is none, or numbers that are read would not fill the file.
 */
export function readNpyHeader(head: Uint8Array<ArrayBuffer>, size: number, name: string): NpyHeader {
  const { text, start } = headerOf(head, name);
  const code = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const axes = /'shape':\s*\(([^()]*)\)/.exec(text)?.[1];
  if (!order || axes === undefined || !/'descr':/.test(text)) throw bad(name, `its header says ${quoted(text)}`);
  // Python 2 wrote the lengths of axes as 6L.
  const shape = axes.split(",").map((axis) => axis.trim()).filter((axis) => axis !== "").map((axis) =>
    /^\d+L?$/.test(axis) ? Number(axis.replace("L", "")) : NaN
  );
  const isFortran = order === "True";
  // `=` is the order of the machine that wrote it, which is little-endian wherever Deno runs; `|` is none.
  const [, sign, type] = /^([<>=|])(.+)$/.exec(code ?? "") ?? [];
  const dtype = DTYPES.get(type);
  const count = elementCount(shape);
  const there = size - start;
  if (!dtype) {
    if (count === undefined) throw bad(name, `its shape is (${axes})`);
    const told = code ?? /'descr':\s*(\[.*?\])(?=\s*,\s*'fortran_order'|\s*[,}])/.exec(text)?.[1] ?? "none";
    return { outline: { dtype: told, shape }, isBigEndian: sign === ">", isFortran, start };
  }
  if (count === undefined || count * itemBytes(dtype) !== there) {
    throw bad(name, `shape (${axes}) of ${dtype} does not fill its ${there} bytes of numbers`);
  }
  return { outline: { dtype, shape }, dtype, isBigEndian: sign === ">" && itemBytes(dtype) > 1, isFortran, start };
}

/**
 * An `.npy` file, in parts: its header and the tensor's own bytes, which are not copied.
 *
 * @param name What to call it in messages.
 * @throws {Error} A sentence if NumPy has no such dtype (bfloat16), or the array does not fit the shape.
 */
export function formatNpy(
  tensor: Tensor,
  name: string,
): [header: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>] {
  assertTensor(tensor, name);
  const code = CODES.get(tensor.dtype);
  if (!code) throw new Error(`Cannot write ${name}: NumPy has no ${tensor.dtype}. Convert it to float32 first.`);
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(", ");
  const text = `{'descr': '${code}', 'fortran_order': False, 'shape': (${shape}), }`;
  // The numbers begin at a multiple of 64 bytes, as NumPy writes them.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = new Uint8Array(10 + length);
  header.set(Array.from(MAGIC, (char) => char.charCodeAt(0)));
  header.set([1, 0, length & 255, length >> 8], MAGIC.length);
  header.set(new TextEncoder().encode(text.padEnd(length - 1) + "\n"), 10);
  return [header, bytesOf(tensor)];
}

function headerOf(bytes: Uint8Array<ArrayBuffer>, name: string): { text: string; start: number } {
  const latin1 = new TextDecoder("latin1");
  const magic = Array.from(bytes.subarray(0, MAGIC.length), (byte) => String.fromCharCode(byte)).join("");
  if (magic !== MAGIC) throw bad(name, "it does not start with NumPy's magic");
  const [major] = bytes.subarray(MAGIC.length);
  if (major !== 1 && major !== 2 && major !== 3) {
    throw bad(name, `its format version is ${major ?? "cut off"}, not 1, 2 or 3`);
  }
  const begin = major === 1 ? 10 : 12;
  if (bytes.length < begin) throw bad(name, "it is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > Math.min(MOST_HEADER_BYTES, bytes.length - begin)) {
    throw bad(name, `its header should be ${length} bytes long, which is more than there are or may be`);
  }
  return { text: latin1.decode(bytes.subarray(begin, begin + length)).trim(), start: begin + length };
}

/** Turns the first axis from the fastest into the slowest. */
function inCOrder<T extends Tensor["data"]>(data: T, shape: readonly number[]): T {
  const result = data.slice() as T;
  const index = new Uint32Array(shape.length);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1));
  let from = 0;
  // Counts `index` up like an odometer, last axis fastest, and keeps `from` at the place of that element.
  for (let to = 0; to < data.length; to++) {
    result[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

function bad(name: string, reason: string): Error {
  return new Error(`Cannot read ${visibleText(name)} as a NumPy array: ${visibleText(reason)}.`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
