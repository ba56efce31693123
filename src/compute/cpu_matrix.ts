import { assertOwned, disposedError, type Matrix } from "./backend.ts";

/** Rows that searches take at once, and of whose changes a matrix keeps count together. */
export const ROWS_A_TILE = 4096;

/**
 * By how much a matrix grows at least: what is copied in all stays about its size. Memory that was not written to yet is
 * the system's, but for small ones.
 */
const GROWTH = 2;

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
  readonly #giveBack?: (data: Float32Array<ArrayBuffer>) => void;
  /** Operations that read it meanwhile. */
  #readers = 0;
  #isShown = false;

  /** @param giveBack Gets the array of a matrix that was disposed and that nobody reads; of others the collector has it. */
  constructor(
    data: Float32Array<ArrayBuffer>,
    rows: number,
    readonly dim: number,
    giveBack?: (data: Float32Array<ArrayBuffer>) => void,
  ) {
    this.#data = data;
    this.#rows = rows;
    this.#giveBack = giveBack;
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

  /** All rows as a view for whoever may keep it. */
  show(): Float32Array<ArrayBuffer> {
    this.#isShown = true;
    return this.view();
  }

  /** Tells that views are read until that is disposed, whatever becomes of the matrix meanwhile. */
  read(): Disposable {
    this.#readers++;
    return { [Symbol.dispose]: () => void this.#readers-- };
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

  /** How often rows were overwritten, all tiles together. */
  get overwritten(): number {
    return this.#revisions.reduce((sum, revision) => sum + (revision ?? 0), 0);
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

  /** A number for each row as it is now. Of rows that are appended they are made then; when any is overwritten, anew. */
  perRow(key: string, make: (rows: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>) {
    const state = this.#revisions.join();
    const kept = this.derived(key, () => ({ state, numbers: new Float32Array() }));
    if (kept.state !== state) Object.assign(kept, { state, numbers: new Float32Array() });
    const { length } = kept.numbers;
    if (length < this.rows) {
      const numbers = new Float32Array(this.rows);
      numbers.set(kept.numbers);
      numbers.set(make(this.view(length)), length);
      kept.numbers = numbers;
    }
    return kept.numbers;
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const value of this.#derived.values()) if (isDisposable(value)) value[Symbol.dispose]();
    this.#derived.clear();
    if (this.#readers === 0 && !this.#isShown) this.#giveBack?.(this.#data);
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
