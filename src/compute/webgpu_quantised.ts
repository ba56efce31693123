/** Rows in 8 bits beside a matrix, for the search by integers: see kernels/quantise.wgsl. */
import { gpuFailures } from "./device.ts";
import { bitsOf, type BufferRange, type Commands, type GpuContext, linesOf } from "./webgpu_commands.ts";
import { type Chunk, type Companion, WebGpuMatrix } from "./webgpu_matrix.ts";

// Coordinates of a strip in similarity_bounds.wgsl: packed rows are whole ones.
const STRIP = 64;
// The widest Hadamard transform: on real activations wider ones leave 8 bits no better.
const WIDEST_BLOCK = 256;
// Operations for a coordinate: two transforms and the rounding.
const OPERATIONS = 24;
// The largest relative error of one float32 operation. WGSL's are correctly rounded, but to either neighbour, so it is
// twice that of rounding to the nearest.
const OPERATION = 2 ** -23;
// Operations that a bound counts beside those that grow with the width: see `roundingOf`.
const OTHER_OPERATIONS = 64;

/** The longest rows that are quantised: the relative error of the product of longer ones is no longer small. */
export const WIDEST = 2 ** 15;

/** Rows of a matrix, quantised when they are first searched, and again when they have changed. */
export class QuantisedRows implements Companion {
  /** Coordinates of a packed row. */
  readonly width: number;
  readonly #matrix: WebGpuMatrix;
  // Both are cut into chunks where the matrix is.
  readonly #packed: WebGpuMatrix;
  readonly #sizes: WebGpuMatrix;
  // Rows that are to be quantised: what was written lies within.
  #changedFrom = 0;
  #changedTo: number;
  #failures = gpuFailures();

  private constructor(context: GpuContext, matrix: WebGpuMatrix) {
    this.#matrix = matrix;
    this.width = Math.ceil(matrix.dim / STRIP) * STRIP;
    this.#packed = new WebGpuMatrix(context, this.width / 4, 0, matrix.rowsPerChunk);
    this.#sizes = new WebGpuMatrix(context, 4, 0, matrix.rowsPerChunk);
    this.#changedTo = matrix.rows;
  }

  /** A matrix's own, as they are now; what is missing is quantised by commands that are added to `commands`. */
  static of(context: GpuContext, commands: Commands, matrix: WebGpuMatrix): QuantisedRows {
    const own = matrix.companion instanceof QuantisedRows ? matrix.companion : new QuantisedRows(context, matrix);
    matrix.companion = own;
    own.#update(commands);
    return own;
  }

  /** Has rows `from` to `to` (exclusive) quantised again. */
  changed(from: number, to: number): void {
    this.#changedFrom = Math.min(this.#changedFrom, from);
    this.#changedTo = Math.max(this.#changedTo, to);
  }

  /** The words, and the scale, length and error, of a chunk of the matrix or of a block of one. */
  part(rows: Chunk): [words: BufferRange, sizes: BufferRange] {
    const rowsOf = (own: WebGpuMatrix) => {
      const { buffer, first } = own.chunks()[own.chunkOf(rows.first)];
      const rowBytes = own.stride * 16;
      return { buffer, offset: (rows.first - first) * rowBytes, size: rows.rows * rowBytes };
    };
    return [rowsOf(this.#packed), rowsOf(this.#sizes)];
  }

  [Symbol.dispose](): void {
    this.#packed.dispose();
    this.#sizes.dispose();
  }

  #update(commands: Commands): void {
    const { rows, stride } = this.#matrix;
    // Of a wrapped buffer nobody tells when it is written to; and what a failed command was to leave never came.
    if (this.#matrix.isWrapped || this.#failures !== gpuFailures()) this.changed(0, rows);
    this.#failures = gpuFailures();
    this.#packed.grow(rows);
    this.#sizes.grow(rows);
    for (const chunk of this.#matrix.chunks()) {
      const first = Math.max(this.#changedFrom - chunk.first, 0);
      const count = Math.min(this.#changedTo - chunk.first, chunk.rows) - first;
      if (count <= 0) continue;
      const lines = linesOf(count);
      commands.dispatch(
        "quantise",
        [chunk, ...this.part(chunk)],
        [count, first, stride, this.width, blockOf(this.width), lines[0], bitsOf(roundingOf(this.width))],
        lines,
        count * this.width * OPERATIONS,
      );
    }
    [this.#changedFrom, this.#changedTo] = [Infinity, 0];
  }
}

/**
 * The relative error, of the product of two rows' lengths, that bounds allow for float32's rounding wherever it happens.
 *
 * With e = 2^-23 for an operation (`OPERATION`), n coordinates, and lengths |x| and |w|, to first order:
 * - a chain of n fused multiply-adds, should they be fused or not, is off by at most (n + 1) e sum |x_j w_j|, and that sum
 *   is at most |x| |w|;
 * - a sum of n squares in any order by n e of itself, a length by half of that and 4 e for the root;
 * - the rotation's eight steps of sums by 8 e |x|, as each keeps lengths but for its rounding; the scale by 4 e, the
 *   difference of a row and its integers by 3 e, both of about |x|;
 * - the bound's own evaluation by at most 10 e of its terms, whose sum is about |x| |w|.
 *
 * Each place that rounds allows (n + 64) e; dividing by one minus that covers the higher orders. Numbers below float32's
 * range, which may be taken for zeros, add less than 2^-60 of rows whose largest coordinate is at least 2^-30.
 */
export function roundingOf(width: number): number {
  const rounding = (width + OTHER_OPERATIONS) * OPERATION;
  return rounding / (1 - rounding);
}

/** Coordinates of a Hadamard transform: the largest power of two that divides the width, but not too large. */
function blockOf(width: number): number {
  let block = WIDEST_BLOCK;
  while (width % block > 0) block /= 2;
  return block;
}
