/** Exact products of rows with exemplars, many at once: those of `exactDot`, by kernels/exact_dots.wat in half the time. */
import type { Nearest } from "../backend.ts";
import type { CpuMatrix, CpuRows } from "../cpu_matrix.ts";
import { openKernel } from "../wasm.ts";
import { keepNearer, type Rows, score } from "./scores.ts";

/** Numbers of rows that lie in the kernel's memory at once, and pairs that are scored at once. */
const [NUMBERS, PAIRS] = [2 ** 17, 1024];
/** Numbers of a matrix of exemplars that stay there, 4 MiB of them; copying rows of larger ones costs more than it saves. */
const MOST = 2 ** 20;
/** Numbers of all that stay; when there is no more room all are given up. */
const ROOM = 2 ** 23;
/** Copying exemplars must pay: there are at most so many for each row that is searched. */
const EXEMPLARS_A_ROW = 4;

function open() {
  return openKernel("exactDots", {
    rows: ["f32", NUMBERS],
    kept: ["f32", ROOM],
    left: ["i32", PAIRS],
    right: ["i32", PAIRS],
    products: ["f64", PAIRS],
  });
}

// One for all searches: between the calls of a search others may use it, and give up what it kept.
let kernel: ReturnType<typeof open> | undefined;
let [used, emptied] = [0, 0];

/** Where the rows of a matrix are kept. */
interface Kept {
  /** How often all had been given up. */
  emptied: number;
  start: number;
  /** Numbers that have room. */
  room: number;
  rows: number;
  /** How often rows had been overwritten. */
  changes: number;
}

/** The place of a matrix's rows among those that stay, copied as far as they were not; `undefined` if they are too many. */
function keep(matrix: CpuMatrix, searched: number): Kept | undefined {
  const { dim, rows } = matrix;
  if (dim > NUMBERS || rows * dim > MOST) return undefined;
  kernel ??= open();
  const kept = matrix.derived("exact scores", (): Kept => ({ emptied: -1, start: 0, room: 0, rows: 0, changes: 0 }));
  const changes = matrix.overwritten;
  // Rows that were overwritten get another place: a search that goes on reads those that there were.
  const isThere = kept.emptied === emptied && kept.changes === changes && kept.room >= rows * dim;
  const known = isThere ? kept.rows : 0;
  if (rows <= known) return { ...kept };
  if (rows - known > EXEMPLARS_A_ROW * searched) return undefined;
  if (!isThere) {
    // It may grow.
    kept.room = Math.min(MOST, 2 * rows * dim);
    if (used + kept.room > ROOM) [used, emptied] = [0, emptied + 1];
    [kept.start, kept.emptied] = [used, emptied];
    used += kept.room;
  }
  kernel.arrays.kept.set(matrix.view(known), kept.start + known * dim);
  Object.assign(kept, { rows, changes });
  return { ...kept };
}

/** Scores pairs of one search exactly, and keeps of each row whoever is nearest. */
export class ExactScores {
  /** Rows that are taken at a time. */
  readonly step: number;
  readonly #values: Float32Array;
  readonly #kept?: Kept;
  /** Whether the kernel has the exemplars; else pairs are scored one by one, when they are added. */
  #isKept = false;
  #first = 0;
  #pairs = 0;

  /**
   * @param best Where the nearest are kept.
   * @param queries Their rows, all of them.
   */
  constructor(readonly best: Nearest, readonly queries: Rows, exemplars: CpuRows) {
    const { data, dim } = queries;
    this.step = Math.max(1, Math.floor(NUMBERS / dim));
    this.#values = exemplars.view();
    // Rows that are not those of a matrix any more are nobody's to be searched again.
    if (exemplars.current) this.#kept = keep(exemplars.current, data.length / dim);
  }

  /** Takes rows `first` to `first + count`, at most a step, whose pairs are added next. */
  take(first: number, count: number): void {
    const { data, dim } = this.queries;
    this.#first = first;
    // Since the search began others may have needed the room.
    this.#isKept = this.#kept?.emptied === emptied;
    if (this.#isKept) kernel!.arrays.rows.set(data.subarray(first * dim, (first + count) * dim));
  }

  /** Adds the pair of the `i`-th row taken and an exemplar. */
  add(i: number, region: number): void {
    if (!this.#isKept) return score(this.best, this.queries, this.#first + i, this.#values, region);
    if (this.#pairs === PAIRS) this.settle();
    const { left, right } = kernel!.arrays;
    left[this.#pairs] = i;
    right[this.#pairs] = region;
    this.#pairs++;
  }

  /** Scores the pairs that were added. */
  settle(): void {
    const pairs = this.#pairs;
    if (pairs === 0) return;
    this.#pairs = 0;
    const { run, arrays: { rows, kept, left, right, products } } = kernel!;
    const [a, b, out] = [rows, kept, products].map(({ byteOffset }) => byteOffset);
    const start = b + this.#kept!.start * Float32Array.BYTES_PER_ELEMENT;
    run.dots(a, left.byteOffset, start, right.byteOffset, pairs, this.queries.dim, out);
    for (let i = 0; i < pairs; i++) {
      keepNearer(this.best, this.#first + left[i], right[i], Math.fround(products[i]));
    }
  }
}
