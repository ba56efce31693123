import type { Backend, Matrix } from "../compute/backend.ts";
import { assertOneOf } from "../compute/known_options.ts";
import { coherencesOf, unitRows } from "./means.ts";
import { BASES, type Basis, type DictionaryParts } from "./parts.ts";

/**
 * What the host knows of a dictionary's matrices, so that its values can be read without waiting; as they were read
 * last.
 */
export class HostValues {
  readonly #parts: DictionaryParts;
  readonly #dim: number;
  readonly #exemplars: HostCopy;
  readonly #sums: HostCopy;
  #means: Float32Array<ArrayBuffer> | undefined;

  constructor(parts: DictionaryParts) {
    this.#parts = parts;
    this.#dim = parts.calibration.center.length;
    this.#exemplars = new HostCopy(this.#dim);
    this.#sums = new HostCopy(this.#dim);
  }

  /** `size x dim`. */
  get exemplars(): Float32Array<ArrayBuffer> {
    return this.#exemplars.of(this.#parts.backend, this.#parts.exemplars);
  }

  /** `size x dim`. */
  get sums(): Float32Array<ArrayBuffer> {
    return this.#sums.of(this.#parts.backend, this.#parts.sums);
  }

  /** Unit rows, `size x dim`. */
  get means(): Float32Array<ArrayBuffer> {
    return this.#means ??= unitRows(this.sums, this.#dim);
  }

  /** Length `size`. */
  get coherences(): Float64Array<ArrayBuffer> {
    return coherencesOf(this.sums, this.#parts.regions.counts, this.#dim);
  }

  /** Unit directions that stand for the regions, `size x dim`. */
  directions(basis: Basis): Float32Array<ArrayBuffer> {
    assertOneOf("basis", basis, BASES);
    return basis === "mean" ? this.means : this.exemplars;
  }

  /** Reads exemplars and sums of the given regions (default: all) back from the device. */
  async readBack(regions?: Int32Array): Promise<void> {
    this.#means = undefined;
    const { backend, exemplars, sums } = this.#parts;
    await Promise.all([
      this.#exemplars.update(backend, exemplars, regions),
      this.#sums.update(backend, sums, regions),
    ]);
  }
}

/** What the host knows of one growing matrix: the matrix itself, or a copy. */
class HostCopy {
  #data = new Float32Array(0);
  #rows = 0;

  constructor(readonly dim: number) {}

  /**
   * The values as they were read last, `rows x dim`, or as they are where no copy is needed. A view: do not keep it.
   */
  of(backend: Backend, matrix: Matrix): Float32Array<ArrayBuffer> {
    return backend.view(matrix) ?? this.#data.subarray(0, this.#rows * this.dim);
  }

  /** Reads the given rows (default: all) from the matrix again, where a copy is needed. */
  async update(backend: Backend, matrix: Matrix, rows?: Int32Array): Promise<void> {
    // There it is read itself, and has not to be shown before somebody asks.
    if (backend.name === "cpu") return;
    const fresh = await backend.download(matrix, rows);
    // Some rows can be put in their places only where all others were read before: `Dictionary.add` sees to it.
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
