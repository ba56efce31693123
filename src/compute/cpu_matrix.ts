import { assertOwned, disposedError, type Matrix } from "./backend.ts";

/** Rows that searches take at once, and of whose changes a matrix keeps count together. */
export const ROWS_A_TILE = 4096;

/** By how much a matrix grows at least: what is copied in all stays four times its size, and little of it lies empty. */
const GROWTH = 1.25;

/** A matrix in host memory, with room to grow. */
export class CpuMatrix implements Matrix {
  readonly backend = "cpu";
  #data: Float32Array<ArrayBuffer>;
  #rows: number;
  #isDisposed = false;
  /** How often rows of each tile were overwritten. */
  readonly #revisions: number[] = [];
  /** What searches made of the rows, to be used again. */
  readonly #derived = new Map<string, unknown>();

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
      const capacity = Math.max(rows, Math.ceil(this.#rows * GROWTH), 16);
      const larger = new Float32Array(capacity * this.dim);
      larger.set(this.view());
      this.#data = larger;
    }
    // Rows behind the last were never written: they are zeros already.
    this.#rows = rows;
  }

  /** Rows `from` to `to` (exclusive) to be written over. */
  overwrite(from: number, to: number): Float32Array<ArrayBuffer> {
    for (let tile = Math.floor(from / ROWS_A_TILE); tile * ROWS_A_TILE < to; tile++) {
      this.#revisions[tile] = this.revisionOf(tile) + 1;
    }
    return this.view(from, to);
  }

  /** How often rows of a tile were overwritten; rows that were appended since were not. */
  revisionOf(tile: number): number {
    return this.#revisions[tile] ?? 0;
  }

  /** What was made of the matrix under a key before, or is made now; it goes with the matrix, and is disposed if it can be. */
  derived<T>(key: string, make: () => T): T {
    this.assertInUse();
    if (!this.#derived.has(key)) this.#derived.set(key, make());
    return this.#derived.get(key) as T;
  }

  /** The same of the rows as they are now: made anew when any was appended or overwritten. */
  kept<T>(key: string, make: () => T): T {
    const state = `${this.rows} ${this.#revisions.join()}`;
    const kept = this.derived(key, () => ({ state, value: make() }));
    if (kept.state !== state) Object.assign(kept, { state, value: make() });
    return kept.value;
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const value of this.#derived.values()) if (isDisposable(value)) value[Symbol.dispose]();
    this.#derived.clear();
    this.#data = new Float32Array(0);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === "object" && value !== null && Symbol.dispose in value;
}

/** The CPU matrix behind a handle; throws if it is another backend's, or disposed. */
export function cpuMatrix(matrix: Matrix): CpuMatrix {
  assertOwned(matrix, "cpu");
  const own = matrix as CpuMatrix;
  own.assertInUse();
  return own;
}
