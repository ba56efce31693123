/** Rows turned into directions on the host, by kernels/unit_rows.wat. */
import { rowsAtOnce, writePadded, writeUnpadded } from "./padded_rows.ts";
import { openKernel } from "./wasm.ts";

/** Numbers of a row that are worked on at once; rows in the kernel's memory are a multiple. */
const STEP = 16;

/** Rows of one length, less a center, divided by their lengths. */
export class UnitRows {
  readonly #width: number;
  /** Rows that the kernel takes at once. */
  readonly #step: number;
  readonly #kernel;

  constructor(readonly dim: number) {
    this.#width = Math.ceil(dim / STEP) * STEP;
    this.#step = rowsAtOnce(this.#width);
    this.#kernel = openKernel("unitRows", {
      rows: ["f32", this.#step * this.#width],
      center: ["f32", this.#width],
      lengths: ["f32", this.#step],
    });
  }

  /**
   * Directions of `rows` from `center`, and how long they were before. Those whose squares leave float32, and those that
   * are the center, are no directions.
   *
   * @param rows `rows x dim`.
   * @param target Where to write the directions, `rows x dim`.
   * @returns The length of every row less the center.
   */
  write(rows: Float32Array, center: Float32Array, target: Float32Array): Float32Array<ArrayBuffer> {
    const { run, arrays } = this.#kernel;
    const { dim } = this;
    const lengths = new Float32Array(rows.length / dim);
    arrays.center.set(center);
    for (let first = 0; first < lengths.length; first += this.#step) {
      const count = Math.min(this.#step, lengths.length - first);
      const part = [first * dim, (first + count) * dim] as const;
      writePadded(rows.subarray(...part), dim, arrays.rows, this.#width);
      const at = [arrays.rows.byteOffset, count, this.#width, arrays.center.byteOffset];
      run.directions(...at, arrays.lengths.byteOffset);
      writeUnpadded(arrays.rows.subarray(0, count * this.#width), this.#width, target.subarray(...part), dim);
      lengths.set(arrays.lengths.subarray(0, count), first);
    }
    return lengths;
  }
}
