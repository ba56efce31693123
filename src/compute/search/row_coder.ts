/**
 * Rows turned into 8-bit codes: rotated, so that a few outlier coordinates do not take all of the 8 bits, then rounded. The
 * numbers are worked on by kernels/code_rows.wasm, whose memory is this module's workbench.
 */
import { Random } from "../random.ts";
import { codeRowsKernel } from "./kernel.ts";

/** Coordinates that are rotated among each other. */
const LARGEST_BLOCK = 256;
/** Codes of a row are a multiple of that many: what the kernel and matrix units like. */
const STEP = 64;
/** Bytes of rotated rows that are on the workbench at once: they stay in a core's cache. */
const WORKBENCH_BYTES = 2 ** 19;
/** Largest code of a row. */
const LEVELS = 127;
/** Lengths of rows whose squares are plain float32 numbers. */
const [SHORTEST, LONGEST] = [1e-12, 1e12];
/** Float32's unit roundoff. */
const UNIT = 2 ** -24;
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

/** Turns rows of one length into codes. */
export class RowCoder {
  /** Codes a row: `dim` and zeros up to a multiple of 64. */
  readonly width: number;
  readonly #block: number;
  readonly #signs: Float32Array<ArrayBuffer>;

  constructor(readonly dim: number) {
    this.width = Math.ceil(dim / STEP) * STEP;
    this.#block = STEP;
    while (this.#block < LARGEST_BLOCK && this.width % (2 * this.#block) === 0) this.#block *= 2;
    const random = new Random(1);
    this.#signs = Float32Array.from({ length: this.width }, () => random.next() < 0.5 ? -1 : 1);
  }

  /** Rows that fit the workbench. */
  get #step(): number {
    return Math.max(1, Math.floor(WORKBENCH_BYTES / (4 * this.width)));
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
    const { quantise } = codeRowsKernel;
    for (const part of this.#rotated(data)) {
      if (!areOrdinary(part.tops, part.norms)) return undefined;
      const { first, count, bench } = part;
      part.tops.forEach((top, i) => bench.scales[i] = top === 0 ? 1 : scaleOf(top));
      const { rows: at, scales: scalesAt, codes: codesAt, squares: lossesAt } = bench.places;
      norms.set(part.norms, first);
      quantise(at, count, this.width, scalesAt, flip, codesAt, lossesAt);
      codes.set(bench.codes.subarray(0, count * this.width), first * this.width);
      for (let i = 0; i < count; i++) {
        // A product of rotated rows is `block` times as large: each side's scale has the square root.
        scales[first + i] = bench.scales[i] / Math.sqrt(this.#block);
        errors[first + i] = this.#lengthOf(bench.squares[i]);
      }
    }
    return { codes, scales, norms, errors };
  }

  /** Rotates rows on the workbench, as many as fit at a time; what is given is overwritten by the next. */
  *#rotated(data: Float32Array<ArrayBuffer>) {
    const { rotate } = codeRowsKernel;
    const rows = data.length / this.dim;
    const step = Math.min(this.#step, rows);
    const bench = codeRowsKernel.bench(step, this.width);
    bench.signs.set(this.#signs);
    const { rows: at, signs, tops, squares } = bench.places;
    for (let first = 0; first < rows; first += step) {
      const count = Math.min(step, rows - first);
      if (this.width === this.dim) {
        bench.rows.set(data.subarray(first * this.dim, (first + count) * this.dim));
      } else {
        bench.rows.fill(0);
        for (let i = 0; i < count; i++) {
          bench.rows.set(data.subarray((first + i) * this.dim, (first + i + 1) * this.dim), i * this.width);
        }
      }
      rotate(at, count, this.width, this.#block, signs, tops, squares);
      const norms = Float32Array.from(bench.squares.subarray(0, count), (square) => this.#lengthOf(square));
      yield { first, count, bench, tops: bench.tops.subarray(0, count), norms };
    }
  }

  /** An upper bound of a length, from a sum of squares of rotated numbers. */
  #lengthOf(squares: number): number {
    return Math.sqrt(squares / this.#block) * SUMS;
  }
}

/** Whether squares of the rows neither overflow float32 nor vanish in it; those of zeros may. */
function areOrdinary(tops: Float32Array, norms: Float32Array): boolean {
  return norms.every((norm, i) => tops[i] === 0 || (norm > SHORTEST && norm < LONGEST));
}
