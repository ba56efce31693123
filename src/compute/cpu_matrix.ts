import { assertOwned, type Matrix } from "./backend.ts";

/** A matrix in host memory, with room to grow. */
export class CpuMatrix implements Matrix {
  readonly backend = "cpu";
  #data: Float32Array<ArrayBuffer>;
  #rows: number;

  constructor(data: Float32Array<ArrayBuffer>, rows: number, readonly dim: number) {
    this.#data = data;
    this.#rows = rows;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Rows `from` to `to` (exclusive; default: the last) as a view. Growing the matrix leaves views behind. */
  view(from = 0, to: number = this.#rows): Float32Array<ArrayBuffer> {
    return this.#data.subarray(from * this.dim, to * this.dim);
  }

  /** Makes the matrix at least `rows` long; new rows are zeros. */
  grow(rows: number): void {
    if (rows <= this.#rows) return;
    if (rows * this.dim > this.#data.length) {
      const capacity = Math.max(rows, Math.ceil(this.#rows * 1.5), 16);
      const larger = new Float32Array(capacity * this.dim);
      larger.set(this.view());
      this.#data = larger;
    }
    this.#rows = rows;
  }

  dispose(): void {
    this.#data = new Float32Array(0);
    this.#rows = 0;
  }
}

/** The CPU matrix behind a handle. */
export function cpuMatrix(matrix: Matrix): CpuMatrix {
  assertOwned(matrix, "cpu");
  return matrix as CpuMatrix;
}
