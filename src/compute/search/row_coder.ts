/**
 * Rows turned into 8-bit codes: rotated, so that a few outlier coordinates do not take all of the 8 bits, then rounded. The
 * numbers are worked on by kernels/code_rows.wat.
 */
import { Random } from "../random.ts";
import { openKernel } from "../wasm.ts";
import { UNIT } from "./settle.ts";

/** Coordinates that are rotated among each other. */
const LARGEST_BLOCK = 256;
/** Codes of a row are a multiple of that many: what the kernel and matrix units like. */
const STEP = 64;
/** Numbers of rows that are worked on at once: they stay in a core's cache. */
const NUMBERS = 2 ** 17;
/** Largest code of a row. */
const LEVELS = 127;
/** Lengths of rows whose squares are plain float32 numbers. */
const [SHORTEST, LONGEST] = [1e-12, 1e12];
// Sums of squares are of float32 too: each of `width` terms, in sums of four, is off by less than this share at any width.
const SUMS = 1 + 2 ** -10;

/**
 * What float32 rounds in codes and their products, as a share of `|x| |w|`: on each side one rounding in each of at most eight
 * stages of the rotation, which keep lengths, and two in the difference that a code's error is measured as; then the
 * similarity's own.
 */
export const CODE_ROUNDING = 2 * (8 + 2 + 2) * UNIT;

/** Codes of some rows, `rows x width`. */
export interface Codes {
  /** Signed codes; of rows that are queries with 128 added. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** Units of the codes: a coordinate of the rotated row is `code * scale`. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** Upper bounds of the lengths of the rows. */
  readonly norms: Float32Array<ArrayBuffer>;
  /** Upper bounds of the lengths of what rounding to codes takes away. */
  readonly errors: Float32Array<ArrayBuffer>;
}

/** Codes of a row of `dim` numbers: as many, and zeros up to a multiple of 64. */
export function codedWidth(dim: number): number {
  return Math.ceil(dim / STEP) * STEP;
}

/** Turns rows of one length into codes. */
export class RowCoder {
  /** See {@linkcode codedWidth}. */
  readonly width: number;
  /** Numbers that are rotated among each other. */
  readonly #block: number;
  /** Rows that the kernel takes at once. */
  readonly #step: number;
  readonly #kernel;

  constructor(readonly dim: number) {
    this.width = codedWidth(dim);
    this.#block = STEP;
    while (this.#block < LARGEST_BLOCK && this.width % (2 * this.#block) === 0) this.#block *= 2;
    const random = new Random(1);
    this.#step = Math.max(1, Math.floor(NUMBERS / this.width));
    this.#kernel = openKernel("codeRows", {
      rows: ["f32", this.#step * this.width],
      signs: ["f32", this.width],
      codes: ["u8", this.#step * this.width],
      scales: ["f32", this.#step],
      tops: ["f32", this.#step],
      squares: ["f32", this.#step],
    });
    const { signs } = this.#kernel.arrays;
    for (let j = 0; j < this.width; j++) signs[j] = random.next() < 0.5 ? -1 : 1;
  }

  /**
   * Codes of rows as queries: a scale of its own for each, 128 added to the codes.
   *
   * @param data `rows x dim`.
   * @returns `undefined` if a row is not of finite numbers of ordinary size: bounds say nothing of it then.
   */
  queries(data: Float32Array<ArrayBuffer>): Codes | undefined {
    return this.#code(data, (top) => top / LEVELS, -128);
  }

  /** The scale with which all rows of `data`, `rows x dim`, have codes up to `levels`; `undefined` as for queries. */
  scaleOf(data: Float32Array<ArrayBuffer>, levels: number): number | undefined {
    let most = 0;
    for (const { tops, norms } of this.#rotated(data)) {
      if (!areOrdinary(tops, norms)) return undefined;
      for (const top of tops) if (top > most) most = top;
    }
    return most === 0 ? 1 : Math.fround(most / levels * (1 + 2 * UNIT));
  }

  /** Codes of rows as exemplars: all of one scale, none of which they exceed. */
  exemplars(data: Float32Array<ArrayBuffer>, scale: number): Codes {
    return this.#code(data, () => scale, 0)!;
  }

  #code(data: Float32Array<ArrayBuffer>, scaleOf: (top: number) => number, flip: number): Codes | undefined {
    const rows = data.length / this.dim;
    const codes = new Uint8Array(rows * this.width);
    const [scales, norms, errors] = [new Float32Array(rows), new Float32Array(rows), new Float32Array(rows)];
    const { run, arrays } = this.#kernel;
    for (const { first, count, tops, norms: own } of this.#rotated(data)) {
      if (!areOrdinary(tops, own)) return undefined;
      norms.set(own, first);
      tops.forEach((top, i) => arrays.scales[i] = top === 0 ? 1 : scaleOf(top));
      const at = [arrays.rows.byteOffset, count, this.width, arrays.scales.byteOffset];
      run.quantise(...at, flip, arrays.codes.byteOffset, arrays.squares.byteOffset);
      codes.set(arrays.codes.subarray(0, count * this.width), first * this.width);
      for (let i = 0; i < count; i++) {
        // A product of rotated rows is `block` times as large: each side's scale has the square root.
        scales[first + i] = arrays.scales[i] / Math.sqrt(this.#block);
        errors[first + i] = this.#lengthOf(arrays.squares[i]);
      }
    }
    return { codes, scales, norms, errors };
  }

  /** Rotates rows, some at a time, in the kernel's memory, where the next overwrite them. */
  *#rotated(data: Float32Array<ArrayBuffer>) {
    const { run, arrays } = this.#kernel;
    const { dim, width } = this;
    const rows = data.length / dim;
    for (let first = 0; first < rows; first += this.#step) {
      const count = Math.min(this.#step, rows - first);
      if (width === dim) {
        arrays.rows.set(data.subarray(first * dim, (first + count) * dim));
      } else {
        arrays.rows.fill(0);
        for (let i = 0; i < count; i++) {
          arrays.rows.set(data.subarray((first + i) * dim, (first + i + 1) * dim), i * width);
        }
      }
      const at = [arrays.rows.byteOffset, count, width, this.#block, arrays.signs.byteOffset];
      run.rotate(...at, arrays.tops.byteOffset, arrays.squares.byteOffset);
      const norms = new Float32Array(count);
      for (let i = 0; i < count; i++) norms[i] = this.#lengthOf(arrays.squares[i]);
      yield { first, count, tops: arrays.tops.subarray(0, count), norms };
    }
  }

  /** An upper bound of a length, from a sum of squares of rotated numbers. */
  #lengthOf(squares: number): number {
    return Math.sqrt(squares / this.#block) * SUMS;
  }
}

/**
 * Whether squares of the rows neither overflow float32 nor vanish in it; those of zeros may. Of rows with NaN they are NaN,
 * whatever their tops.
 */
function areOrdinary(tops: Float32Array, norms: Float32Array): boolean {
  return norms.every((norm, i) => (norm > SHORTEST && norm < LONGEST) || (norm === 0 && tops[i] === 0));
}
