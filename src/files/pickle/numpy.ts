/** NumPy's arrays, scalars and dtypes as its pickles spell them (`numpy/_core/src/multiarray/methods.c`, `_core/numeric.py`). */
import type { PickleSource } from "./source.ts";
import {
  PickleArray,
  PickleBytes,
  PickleGlobal,
  PickleMade,
  PickleText,
  PickleTuple,
  type PickleValue,
} from "./values.ts";

/** Most axes of an array, as in NumPy 2. */
const MOST_AXES = 64;

/** The type of an array's values: kind of `b` (bool), `i`, `u` or `f`, and bytes of one. */
export class NumpyDtype extends PickleMade {
  littleEndian = true;
  constructor(readonly kind: "b" | "i" | "u" | "f", readonly size: number) {
    super();
  }

  /** As NumPy calls it: `float32`. */
  get name(): string {
    return this.kind === "b" ? "bool" : `${{ i: "int", u: "uint", f: "float" }[this.kind]}${8 * this.size}`;
  }

  /** Sets the byte order from the state, `(3, "<", None, None, None, -1, -1, 0)`. */
  override setState(source: PickleSource, state: readonly PickleValue[]): void {
    const [, order, subtype, names, fields] = state;
    if (subtype !== null || names !== null || fields !== null) throw source.refused("a NumPy array of records");
    const sign = order instanceof PickleText && order.length === 1 ? order.toString() : "";
    if (!"<>|=".includes(sign) || sign === "") throw source.damaged("a dtype has no byte order");
    this.littleEndian = sign !== ">";
  }
}

/** An array; its values stay where the file has them. */
export class NumpyArray extends PickleArray {
  dtype: NumpyDtype | undefined;
  override shape: readonly number[] = [];
  isFortran = false;
  data: PickleBytes | undefined;

  constructor(source: PickleSource) {
    super();
    source.charge(56);
  }

  /** Fills it from the state, `(version, shape, dtype, isFortran, bytes)`. */
  override setState(source: PickleSource, state: readonly PickleValue[]): void {
    if (this.data) throw source.damaged("an array is filled twice");
    const [version, shape, dtype, isFortran, data] = state;
    if (state.length !== 5 || version !== 1 || typeof isFortran !== "boolean") {
      throw source.damaged("an array has no proper state");
    }
    fill(source, this, data, dtype, shape, isFortran);
  }

  override get isFloat(): boolean {
    return this.dtype?.kind === "f";
  }

  override get rounding(): number {
    return this.isFloat && this.dtype?.size === 2 ? 2 ** -11 : 0;
  }

  override at(i: number): number | bigint | boolean {
    return valueAt(this.dtype!, this.data!, this.isFortran ? this.#fortranIndex(i) : i);
  }

  override copyTo(target: Float32Array, offset: number, from = 0, count: number = this.length - from): void {
    const { kind, size, littleEndian } = this.dtype!;
    if (!(kind === "f" && size === 4 && littleEndian && !this.isFortran)) {
      return super.copyTo(target, offset, from, count);
    }
    const { all, start } = this.data!;
    const bytes = new Uint8Array(target.buffer, target.byteOffset + 4 * offset, 4 * count);
    bytes.set(all.subarray(start + 4 * from, start + 4 * (from + count)));
  }

  #fortranIndex(i: number): number {
    let index = 0;
    let rest = i;
    // `i` counts the last axis fastest; in Fortran order that axis has the largest stride.
    for (let axis = this.shape.length - 1, stride = this.length; axis >= 0; axis--) {
      stride /= this.shape[axis];
      index += (rest % this.shape[axis]) * stride;
      rest = Math.floor(rest / this.shape[axis]);
    }
    return index;
  }
}

const NDARRAY = new PickleGlobal("numpy.ndarray");
const DTYPE = new PickleGlobal("numpy.dtype", numpyDtype);
const RECONSTRUCT = new PickleGlobal("numpy._core.multiarray._reconstruct", emptyArray);
const SCALAR = new PickleGlobal("numpy._core.multiarray.scalar", numpyScalar);
const FROM_BUFFER = new PickleGlobal("numpy._core.numeric._frombuffer", numpyFromBuffer);

/** What pickles of arrays ask for; NumPy 2 renamed `numpy.core`. */
export const NUMPY: ReadonlyMap<string, PickleGlobal> = new Map([
  ["numpy.ndarray", NDARRAY],
  ["numpy.dtype", DTYPE],
  ["numpy.core.multiarray._reconstruct", RECONSTRUCT],
  ["numpy._core.multiarray._reconstruct", RECONSTRUCT],
  ["numpy.core.multiarray.scalar", SCALAR],
  ["numpy._core.multiarray.scalar", SCALAR],
  ["numpy.core.numeric._frombuffer", FROM_BUFFER],
  ["numpy._core.numeric._frombuffer", FROM_BUFFER],
]);

/** `_reconstruct(ndarray, (0,), b"b")`; its state fills it. */
function emptyArray(source: PickleSource, args: readonly PickleValue[]): NumpyArray {
  if (args[0] !== NDARRAY) throw source.refused("an array of a class of its own");
  return new NumpyArray(source);
}

/** `numpy.dtype("f4", False, True)`. */
function numpyDtype(source: PickleSource, args: readonly PickleValue[]): NumpyDtype {
  const name = args[0] instanceof PickleText && args[0].length <= 16 ? args[0].toString() : undefined;
  const parts = /^(?:(b)(1)|([iu])([1248])|(f)([248]))$/.exec(name ?? "");
  if (!parts) {
    const what = name === undefined ? "" : ` "${name}"`;
    throw source.refused(`a NumPy array of the type${what}: numbers and booleans are read, objects and texts are not`);
  }
  const [kind, size] = parts.slice(1).filter((part) => part !== undefined);
  source.charge(48);
  return new NumpyDtype(kind as NumpyDtype["kind"], Number(size));
}

/** `scalar(dtype, bytes)`. */
function numpyScalar(source: PickleSource, args: readonly PickleValue[]): number | bigint | boolean {
  const [dtype, data] = args;
  const ok = dtype instanceof NumpyDtype && data instanceof PickleBytes && data.length === dtype.size;
  if (!ok) throw source.damaged("a NumPy scalar has not the bytes of its type");
  return valueAt(dtype, data, 0);
}

/** `_frombuffer(bytes, dtype, shape, order)`. */
function numpyFromBuffer(source: PickleSource, args: readonly PickleValue[]): NumpyArray {
  const [data, dtype, shape, order] = args;
  const sign = order instanceof PickleText && order.length === 1 ? order.toString() : "";
  if (args.length !== 4 || (sign !== "C" && sign !== "F")) throw source.damaged("an array has no proper order");
  const array = new NumpyArray(source);
  fill(source, array, data, dtype, shape, sign === "F");
  return array;
}

function fill(
  source: PickleSource,
  array: NumpyArray,
  data: PickleValue,
  dtype: PickleValue,
  shape: PickleValue,
  isFortran: boolean,
): void {
  if (!(dtype instanceof NumpyDtype)) throw source.damaged("an array has no dtype");
  if (!(shape instanceof PickleTuple) || shape.items.length > MOST_AXES || !shape.items.every(isExtent)) {
    throw source.damaged("an array has no proper shape");
  }
  if (!(data instanceof PickleBytes)) throw source.refused("a NumPy array whose values are not plain bytes");
  source.charge(data.memory + 48 + 8 * shape.items.length);
  array.dtype = dtype;
  array.shape = shape.items as number[];
  array.isFortran = isFortran;
  array.data = data;
  if (array.length * dtype.size !== data.length) {
    throw source.damaged(
      `an array of ${array.shape.join(" x ")} values of ${dtype.size} bytes has ${data.length} bytes`,
    );
  }
}

function isExtent(value: PickleValue): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function valueAt({ kind, size, littleEndian }: NumpyDtype, data: PickleBytes, i: number): number | bigint | boolean {
  const { all, start } = data;
  const view = new DataView(all.buffer, all.byteOffset + start + i * size, size);
  if (kind === "f") {
    if (size === 2) return view.getFloat16(0, littleEndian);
    return size === 4 ? view.getFloat32(0, littleEndian) : view.getFloat64(0, littleEndian);
  }
  if (kind === "b") return view.getUint8(0) !== 0;
  if (size === 8) {
    const value = kind === "i" ? view.getBigInt64(0, littleEndian) : view.getBigUint64(0, littleEndian);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  const unsigned = size === 1
    ? view.getUint8(0)
    : size === 2
    ? view.getUint16(0, littleEndian)
    : view.getUint32(0, littleEndian);
  const bits = 8 * size;
  return kind === "i" && unsigned >= 2 ** (bits - 1) ? unsigned - 2 ** bits : unsigned;
}
