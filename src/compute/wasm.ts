/** WebAssembly kernels, each instance with a memory of its own. */
import { modules } from "./wasm_modules.js";

/** Typed arrays that lie in a kernel's memory. */
interface Arrays {
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly i8: Int8Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly f32: Float32Array<ArrayBuffer>;
  readonly f64: Float64Array<ArrayBuffer>;
}

const TYPES = { u8: Uint8Array, i8: Int8Array, i32: Int32Array, f32: Float32Array, f64: Float64Array };
// Kernels have their own constants and scratch below.
const START = 1024;
// Of vectors, and of lines of the cache.
const ALIGNMENT = 64;
const PAGE = 65536;

/** An array's type and length. */
export type Room = readonly [type: keyof Arrays, length: number];

/** An instance of a kernel. */
export interface WasmKernel<Rooms extends Readonly<Record<string, Room>>> {
  /** What the kernel exports. Arrays are handed over by their `byteOffset`. */
  readonly run: Readonly<Record<string, (...numbers: number[]) => number>>;
  /** Zeros at first. They stay where they are: the memory never grows. */
  readonly arrays: { readonly [Name in keyof Rooms]: Arrays[Rooms[Name][0]] };
}

/**
 * A new instance of a kernel, whose memory holds the given arrays. Its functions run on the calling thread and return when
 * they are done. onnxruntime-node reads the arrays and writes outputs into them in place, as any others.
 *
 * @param rooms What the memory is to hold. Behind every array are 64 bytes or more that a kernel may read and write.
 */
export function openKernel<const Rooms extends Readonly<Record<string, Room>>>(
  name: keyof typeof modules,
  rooms: Rooms,
): WasmKernel<Rooms> {
  let end = START;
  const places = Object.entries(rooms).map(([name, [type, length]]) => {
    const place = { name, type, length, start: end };
    end = Math.ceil((end + length * TYPES[type].BYTES_PER_ELEMENT) / ALIGNMENT + 1) * ALIGNMENT;
    return place;
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / PAGE) });
  const { exports } = new WebAssembly.Instance(modules[name], { host: { memory } });
  const buffer = memory.buffer as ArrayBuffer; // not a shared one
  const arrays = places.map(({ name, type, length, start }) => [name, new TYPES[type](buffer, start, length)]);
  return {
    run: exports as WasmKernel<Rooms>["run"],
    arrays: Object.fromEntries(arrays) as WasmKernel<Rooms>["arrays"],
  };
}
