import type { Backend, Matrix } from "../compute/backend.ts";

/** What the host knows of a growing matrix, so that its values can be read without waiting: the matrix itself, or a copy. */
export class HostCopy {
  #data = new Float32Array(0);
  #rows = 0;

  constructor(readonly dim: number) {}

  /** The values as they were read last, `rows x dim`, or as they are where no copy is needed. A view: do not keep it. */
  of(backend: Backend, matrix: Matrix): Float32Array<ArrayBuffer> {
    return backend.view(matrix) ?? this.#data.subarray(0, this.#rows * this.dim);
  }

  /** Reads the given rows (default: all) from the matrix again, where a copy is needed. */
  async update(backend: Backend, matrix: Matrix, rows?: Int32Array): Promise<void> {
    if (backend.view(matrix)) return;
    const fresh = await backend.download(matrix, rows);
    if (!rows) this.#data = fresh;
    else {
      if (matrix.rows * this.dim > this.#data.length) {
        const larger = new Float32Array(Math.ceil(matrix.rows * 1.5) * this.dim);
        larger.set(this.#data.subarray(0, this.#rows * this.dim));
        this.#data = larger;
      }
      rows.forEach((row, i) => this.#data.set(fresh.subarray(i * this.dim, (i + 1) * this.dim), row * this.dim));
    }
    this.#rows = matrix.rows;
  }
}
