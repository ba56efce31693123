import { assertOwned, disposedError, type Matrix } from "./backend.ts";

/** Rows that searches take at once, and of whose changes a matrix keeps count together. */
export const ROWS_A_TILE = 4096;

/**
 * By how much a matrix grows at least: what is copied in all stays about its size. Memory that was not written to yet is
 * the system's, but for small ones.
 */
const GROWTH = 2;

/** Rows of a matrix in host memory: as they are, or as they were when it was read. */
export interface CpuRows {
  readonly rows: number;
  readonly dim: number;
  /** Rows `from` to `to` (exclusive; default: the last) as a view. */
  view(from?: number, to?: number): Float32Array<ArrayBuffer>;
  /** The matrix, where these are its rows as they are now. */
  readonly current: CpuMatrix | undefined;
}

/** Who has an array, beside the matrix. */
interface Holders {
  /** Operations that read it meanwhile. */
  readers: number;
  /** Whether it was given to someone who may keep it. */
  isShown: boolean;
}

/** A matrix in host memory, with room to grow. */
export class CpuMatrix implements Matrix, CpuRows {
  readonly backend = "cpu";
  #data: Float32Array<ArrayBuffer>;
  #holders: Holders = { readers: 0, isShown: false };
  #rows: number;
  #isDisposed = false;
  /** How often it became another. */
  #changes = 0;
  /** How often rows of each tile were overwritten. */
  readonly #revisions: number[] = [];
  /** What searches made of the rows, to be used again. */
  readonly #derived = new Map<string, unknown>();
  readonly #giveBack?: (data: Float32Array<ArrayBuffer>) => void;

  /**
   * @param giveBack Gets the array of a matrix that was disposed, if nobody reads it and it was not shown; of others the
   * collector has it.
   */
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

  get current(): CpuMatrix {
    return this;
  }

  /** Throws if it was disposed. */
  assertInUse(): void {
    if (this.#isDisposed) throw disposedError();
  }

  /** Rows `from` to `to` (exclusive; default: the last) as a view, until the matrix changes; see `read` and `show`. */
  view(from = 0, to: number = this.rows): Float32Array<ArrayBuffer> {
    this.assertInUse();
    return this.#data.subarray(from * this.dim, to * this.dim);
  }

  /** All rows as a view for whoever may keep it. */
  show(): Float32Array<ArrayBuffer> {
    this.#holders.isShown = true;
    return this.view();
  }

  /** The rows as they are now, until that is disposed, whatever becomes of the matrix meanwhile. */
  read(): CpuRows & Disposable {
    const [holders, changes, data] = [this.#holders, this.#changes, this.view()];
    const { dim, rows } = this;
    const current = () => this.#changes === changes ? this : undefined;
    holders.readers++;
    return {
      rows,
      dim,
      view: (from = 0, to = rows) => data.subarray(from * dim, to * dim),
      get current() {
        return current();
      },
      [Symbol.dispose]: () => void holders.readers--,
    };
  }

  /** Makes the matrix at least `rows` long; new rows are zeros. */
  grow(rows: number): void {
    if (rows <= this.rows) return;
    if (rows * this.dim > this.#data.length) this.#move(Math.max(rows, Math.ceil(this.#rows * GROWTH), 16));
    // Rows behind the last were never written: they are zeros already.
    this.#rows = rows;
    this.#changes++;
  }

  /** Rows `from` to `to` (exclusive) to be written over. */
  overwrite(from: number, to: number): Float32Array<ArrayBuffer> {
    if (this.#holders.readers > 0) this.#move(this.#data.length / this.dim);
    for (let tile = Math.floor(from / ROWS_A_TILE); tile * ROWS_A_TILE < to; tile++) {
      this.#revisions[tile] = this.revisionOf(tile) + 1;
    }
    this.#changes++;
    return this.view(from, to);
  }

  /** Goes on in another array, with room for so many rows; whoever has the one before keeps it as it is. */
  #move(capacity: number): void {
    const data = new Float32Array(capacity * this.dim);
    data.set(this.view());
    const { readers, isShown } = this.#holders;
    // Freed now: beside so large arrays little else is made, and the collector would let it lie.
    if (this.#giveBack && readers === 0 && !isShown) this.#data.buffer.transfer(0);
    [this.#data, this.#holders] = [data, { readers: 0, isShown: false }];
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
    const { readers, isShown } = this.#holders;
    if (readers === 0 && !isShown) this.#giveBack?.(this.#data);
    this.#changes++;
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
