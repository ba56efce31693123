import { assertOwned, disposedError, type Matrix } from "./backend.ts";

/** A matrix in host memory, with room to grow. */
export class CpuMatrix implements Matrix {
  readonly backend = "cpu";
  #data: Float32Array<ArrayBuffer>;
  #rows: number;
  #isDisposed = false;

  constructor(data: Float32Array<ArrayBuffer>, rows: number, readonly dim: number) {
    this.#data = data;
    this.#rows = rows;
  }

  get rows(): number {
    this.assertInUse();
    return this.#rows;
  }

  /** Throws if it was disposed. */
  assertInUse(): void {
    if (this.#isDisposed) throw disposedError();
  }

  /** Rows `from` to `to` (exclusive; default: the last) as a view. Growing the matrix leaves views behind. */
  view(from = 0, to: number = this.rows): Float32Array<ArrayBuffer> {
    this.assertInUse();
    return this.#data.subarray(from * this.dim, to * this.dim);
  }

  /** Makes the matrix at least `rows` long; new rows are zeros. */
  grow(rows: number): void {
    if (rows <= this.rows) return;
    if (rows * this.dim > this.#data.length) {
      const capacity = Math.max(rows, Math.ceil(this.#rows * 1.5), 16);
      const larger = new Float32Array(capacity * this.dim);
      larger.set(this.view());
      this.#data = larger;
    }
    // Rows behind the last were never written: they are zeros already.
    this.#rows = rows;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#data = new Float32Array(0);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The CPU matrix behind a handle; throws if it is another backend's, or disposed. */
export function cpuMatrix(matrix: Matrix): CpuMatrix {
  assertOwned(matrix, "cpu");
  const own = matrix as CpuMatrix;
  own.assertInUse();
  return own;
}
