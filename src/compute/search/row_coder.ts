/**
 * Rows turned into 8-bit codes: rotated, so that a few outlier coordinates do not take all of the 8 bits, then rounded. The
 * numbers are worked on by kernels/code_rows.wat.
 */
import { rowsAtOnce, writePadded } from "../padded_rows.ts";
import { Random } from "../random.ts";
import { openKernel } from "../wasm.ts";
import { UNIT } from "./settle.ts";

/** Coordinates that are rotated among each other. */
const LARGEST_BLOCK = 256;
/** Codes of a row are a multiple of that many: what the kernel and matrix units like. */
const STEP = 64;
/** Largest code of a row. */
const LEVELS = 127;
/** Lengths of rows whose squares are plain float32 numbers. */
const [SHORTEST, LONGEST] = [1e-12, 1e12];
// Sums of squares are of float32 too: each of `width` terms, in sums of four, is off by less than this share at any width.
const SUMS = 1 + 2 ** -10;

/**
 * What float32 rounds in codes and their products, as a share of `|x| |w|`: on each side one rounding in each of at most eight
 * stages of the rotation, which keep lengths, and two in the difference that a code's error is measured as; then the
 * similarity's own. Blocks of 128, whose root is rounded in a scale, have a stage less.
 */
export const CODE_ROUNDING = 2 * (8 + 2 + 2) * UNIT;

/** What tells of rows from their codes. */
export interface CodeSizes {
  /** Units of the codes: a coordinate of the rotated row is `code * scale`. */
  readonly scales: Float32Array<ArrayBuffer>;
  /** Upper bounds of the lengths of the rows. */
  readonly norms: Float32Array<ArrayBuffer>;
  /** Upper bounds of the lengths of what rounding to codes takes away. */
  readonly errors: Float32Array<ArrayBuffer>;
}

/** Codes of rows as queries. */
export interface Codes extends CodeSizes {
  /** With 128 added, `rows x width`. */
  readonly codes: Uint8Array<ArrayBuffer>;
}

/** Codes of exemplars, a column each, as onnxruntime's integer product wants them. */
export interface CodeColumns {
  /** `width x columns`. */
  readonly codes: Int8Array<ArrayBuffer>;
  readonly columns: number;
}

/** Codes of a row, at most, whose products 32 bits hold whatever they are. */
export const WIDEST = Math.floor((2 ** 31 - 1) / LEVELS ** 2);

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
    this.#step = rowsAtOnce(this.width);
    this.#kernel = openKernel("codeRows", {
      rows: ["f32", this.#step * this.width],
      signs: ["f32", this.width],
      // Exemplars are transposed by four.
      codes: ["u8", (this.#step + 3) * this.width],
      columns: ["i8", (this.#step + 3) * this.width],
      scales: ["f32", this.#step],
      tops: ["f32", this.#step],
      squares: ["f32", this.#step],
    });
    const { signs } = this.#kernel.arrays;
    for (let j = 0; j < this.width; j++) signs[j] = random.next() < 0.5 ? -1 : 1;
  }

  /**
   * Codes of rows as queries: a scale of its own for each.
   *
   * @param data `rows x dim`.
   * @returns `undefined` if a row is not of finite numbers of ordinary size: bounds say nothing of it then.
   */
  queries(data: Float32Array<ArrayBuffer>): Codes | undefined {
    const codes = new Uint8Array(data.length / this.dim * this.width);
    const sizes = this.#code(data, (top) => top === 0 ? 1 : top / LEVELS, -128, (first, count) => {
      codes.set(this.#kernel.arrays.codes.subarray(0, count * this.width), first * this.width);
    });
    return sizes && { codes, ...sizes };
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

  /**
   * Codes of rows as exemplars, all of one scale, written to the columns of `target` from `at` on.
   *
   * @returns `undefined` as for queries, and if a code would exceed `levels`: some are written then.
   */
  exemplars(
    data: Float32Array<ArrayBuffer>,
    scale: number,
    levels: number,
    { codes, columns }: CodeColumns,
    at: number,
  ): CodeSizes | undefined {
    const { run, arrays } = this.#kernel;
    return this.#code(data, (top) => top <= scale * levels ? scale : undefined, 0, (first, count) => {
      const whole = Math.ceil(count / 4) * 4;
      run.transpose(arrays.codes.byteOffset, whole, this.width, arrays.columns.byteOffset);
      for (let j = 0; j < this.width; j++) {
        codes.set(arrays.columns.subarray(j * whole, j * whole + count), j * columns + at + first);
      }
    });
  }

  /** @param take Called for some rows at a time, whose codes lie in the kernel's memory. */
  #code(
    data: Float32Array<ArrayBuffer>,
    scaleOf: (top: number) => number | undefined,
    flip: number,
    take: (first: number, count: number) => void,
  ): CodeSizes | undefined {
    const rows = data.length / this.dim;
    const [scales, norms, errors] = [new Float32Array(rows), new Float32Array(rows), new Float32Array(rows)];
    const { run, arrays } = this.#kernel;
    for (const { first, count, tops, norms: own } of this.#rotated(data)) {
      if (!areOrdinary(tops, own)) return undefined;
      norms.set(own, first);
      for (let i = 0; i < count; i++) {
        const scale = scaleOf(tops[i]);
        if (scale === undefined) return undefined;
        arrays.scales[i] = scale;
      }
      const at = [arrays.rows.byteOffset, count, this.width, arrays.scales.byteOffset];
      run.quantise(...at, flip, arrays.codes.byteOffset, arrays.squares.byteOffset);
      take(first, count);
      for (let i = 0; i < count; i++) {
        // A product of rotated rows is `block` times as large: each side's scale has the square root.
        scales[first + i] = arrays.scales[i] / Math.sqrt(this.#block);
        errors[first + i] = this.#lengthOf(arrays.squares[i]);
      }
    }
    return { scales, norms, errors };
  }

  /** Rotates rows, some at a time, in the kernel's memory, where the next overwrite them. */
  *#rotated(data: Float32Array<ArrayBuffer>) {
    const { run, arrays } = this.#kernel;
    const { dim, width } = this;
    const rows = data.length / dim;
    for (let first = 0; first < rows; first += this.#step) {
      const count = Math.min(this.#step, rows - first);
      writePadded(data.subarray(first * dim, (first + count) * dim), dim, arrays.rows, width);
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
