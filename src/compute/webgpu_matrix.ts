import { assertOwned, disposedError, type Matrix } from "./backend.ts";
import type { BufferRange, GpuContext } from "./webgpu_commands.ts";

/** Consecutive rows of a matrix that lie in one buffer. */
export interface Chunk extends BufferRange {
  /** Row number of its first row. */
  readonly first: number;
  /** Rows in use. */
  readonly rows: number;
}

/** What is kept beside a matrix's rows and follows them, such as the rows in 8 bits; it is disposed with the matrix. */
export interface Companion extends Disposable {
  /** Rows `from` to `to` (exclusive) are new, or were written to. */
  changed(from: number, to: number): void;
}

// Growing copies the last chunk only, so that a large dictionary never needs twice its memory.
const LARGEST_CHUNK = 256 * 2 ** 20;
const FEWEST_ROWS = 16;
// 64 rows begin at any offset alignment that a device may ask for, and are one tile of the kernels.
const ROW_STEP = 64;
// A tile row is a workgroup in y, of which there are at most 65535.
const MOST_ROWS = 65535 * ROW_STEP;

/** Buffers of a matrix: full chunks of equal length and a last one that doubles until it is full too. */
interface Allocation {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly capacity: number;
}

/** A matrix in GPU memory. Its rows are padded with zeros to whole vec4s, which kernels read at once. */
export class WebGpuMatrix implements Matrix {
  readonly backend = "webgpu";
  /** Length of a padded row, in vec4s. */
  readonly stride: number;
  /** Rows of every chunk but the last. */
  readonly rowsPerChunk: number;
  /** What is kept beside its rows, if anything is. */
  companion: Companion | undefined;
  readonly #context: GpuContext;
  #allocations: Allocation[] = [];
  #rows = 0;
  /** How often rows were appended or written over. */
  #changes = 0;
  #isDisposed = false;
  #release: (() => void) | undefined;

  /**
   * An empty matrix with room for `capacity` rows.
   *
   * @param rowsPerChunk Default: as many as fit.
   */
  constructor(context: GpuContext, readonly dim: number, capacity = 0, rowsPerChunk?: number) {
    this.#context = context;
    this.stride = Math.ceil(dim / 4);
    this.rowsPerChunk = rowsPerChunk ?? mostRows(this.stride * 16, Math.min(context.chunkBytes, LARGEST_CHUNK));
    this.#reserve(capacity);
  }

  /** A matrix over a buffer that belongs to somebody else; it cannot grow. `release` is called when it is disposed. */
  static wrap(context: GpuContext, buffer: GPUBuffer, rows: number, dim: number, release?: () => void): WebGpuMatrix {
    if (dim % 4 !== 0) throw new RangeError(`Expected rows of whole vec4s to wrap but found ${dim}: copy them`);
    const matrix = new WebGpuMatrix(context, dim);
    matrix.#release = release ?? (() => {});
    for (let row = 0; row < rows; row += matrix.rowsPerChunk) {
      const capacity = Math.min(matrix.rowsPerChunk, rows - row);
      matrix.#allocations.push({ buffer, offset: row * dim * 4, capacity });
    }
    matrix.#rows = rows;
    return matrix;
  }

  get rows(): number {
    this.assertInUse();
    return this.#rows;
  }

  /** Throws if it was disposed. */
  assertInUse(): void {
    if (this.#isDisposed) throw disposedError();
  }

  /** The chunks that hold the rows, in order. */
  chunks(): Chunk[] {
    this.assertInUse();
    const chunks: Chunk[] = [];
    for (let first = 0; first < this.#rows; first += this.rowsPerChunk) {
      const { buffer, offset } = this.#allocations[chunks.length];
      const rows = Math.min(this.rowsPerChunk, this.#rows - first);
      chunks.push({ buffer, offset, size: rows * this.stride * 16, first, rows });
    }
    return chunks;
  }

  /** The number of the chunk that holds `row`. */
  chunkOf(row: number): number {
    return Math.floor(row / this.rowsPerChunk);
  }

  /** Whether its memory is somebody else's, who may write to it. */
  get isWrapped(): boolean {
    return this.#release !== undefined;
  }

  /** Whoever writes to rows `from` to `to` (exclusive) that were there before says so here. */
  changed(from: number, to: number): void {
    this.#changes++;
    this.companion?.changed(from, to);
  }

  /**
   * For whoever reads the rows several times, and must not read others.
   *
   * @returns A function that throws a sentence if any was appended or written over since, or the matrix was disposed.
   */
  watch(): () => void {
    const { rows } = this;
    const changes = this.#changes;
    return () => {
      this.assertInUse();
      if (this.#changes === changes) return;
      throw new Error(
        `Expected a matrix of ${rows} rows to stay as it is while it is read but rows of it were appended or written over: ` +
          "wait for the answer, or change a copy",
      );
    };
  }

  /** Makes the matrix at least `rows` long; new rows are zeros. */
  grow(rows: number): void {
    if (rows <= this.rows) return;
    if (this.#release) {
      throw new TypeError(
        `Expected a matrix of its own memory to grow to ${rows} rows but found a wrapped buffer: copy it`,
      );
    }
    this.#reserve(rows);
    this.changed(this.#rows, rows);
    this.#rows = rows;
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (this.#release) this.#release();
    else this.#allocations.forEach(({ buffer }) => buffer.destroy());
    this.#allocations = [];
    this.companion?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #reserve(rows: number): void {
    const perChunk = this.rowsPerChunk;
    while (this.#capacity() < rows) {
      const last = this.#allocations.at(-1);
      if (!last || last.capacity === perChunk) {
        const missing = rows - this.#capacity();
        this.#allocations.push(this.#allocate(Math.min(perChunk, Math.max(missing, FEWEST_ROWS))));
        continue;
      }
      const missing = rows - this.#capacity() + last.capacity;
      // New buffers are zeros, as WebGPU promises, and so are the rows and the padding that nobody writes.
      const larger = this.#allocate(Math.min(perChunk, Math.max(missing, 2 * last.capacity)));
      const encoder = this.#context.device.createCommandEncoder();
      encoder.copyBufferToBuffer(last.buffer, 0, larger.buffer, 0, last.buffer.size);
      this.#context.device.queue.submit([encoder.finish()]);
      last.buffer.destroy();
      this.#allocations[this.#allocations.length - 1] = larger;
    }
  }

  #capacity(): number {
    return this.#allocations.reduce((sum, { capacity }) => sum + capacity, 0);
  }

  #allocate(capacity: number): Allocation {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffer = this.#context.device.createBuffer({
      size: capacity * this.stride * 16,
      usage: STORAGE | COPY_SRC | COPY_DST,
    });
    return { buffer, offset: 0, capacity };
  }
}

/** The WebGPU matrix behind a handle; throws if it is another backend's, or disposed. */
export function webgpuMatrix(matrix: Matrix): WebGpuMatrix {
  assertOwned(matrix, "webgpu");
  const own = matrix as WebGpuMatrix;
  own.assertInUse();
  return own;
}

function mostRows(rowBytes: number, chunkBytes: number): number {
  const rows = Math.min(Math.floor(chunkBytes / rowBytes), MOST_ROWS);
  if (rows < 1) throw new RangeError(`Expected rows of at most ${chunkBytes} bytes but found ${rowBytes} bytes a row`);
  // Rows of which not even 64 fit begin where they can: only tests have chunks so small.
  return rows < ROW_STEP ? rows : rows - rows % ROW_STEP;
}
