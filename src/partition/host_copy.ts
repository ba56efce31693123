import type { Backend, Matrix } from "../compute/backend.ts";

/** What the host knows of a growing matrix, so that its values can be read without waiting. */
export class HostCopy {
  #data: Float32Array<ArrayBuffer>;
  #rows = 0;

  constructor(readonly dim: number) {
    this.#data = new Float32Array(dim * 16);
  }

  /** The values, `rows x dim`. A view: the next update may change it. */
  get values(): Float32Array<ArrayBuffer> {
    return this.#data.subarray(0, this.#rows * this.dim);
  }

  /** Reads the given rows (default: all) from the matrix again. */
  async update(backend: Backend, matrix: Matrix, rows?: Int32Array): Promise<void> {
    const fresh = await backend.download(matrix, rows);
    if (matrix.rows * this.dim > this.#data.length) {
      const larger = new Float32Array(Math.ceil(matrix.rows * 1.5) * this.dim);
      larger.set(this.values);
      this.#data = larger;
    }
    this.#rows = matrix.rows;
    if (!rows) this.#data.set(fresh);
    else rows.forEach((row, i) => this.#data.set(fresh.subarray(i * this.dim, (i + 1) * this.dim), row * this.dim));
  }
}
