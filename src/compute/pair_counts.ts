/** Counts of pairwise cosine distances, by kernels/count_pairs.wat. */
import { MAX_DISTANCE } from "./histogram.ts";
import { openKernel } from "./wasm.ts";

/** A float32 distance, 1 minus a float32, is a whole number of these; see the kernel. */
const STEP = 2 ** -24;

/**
 * Distances from step `first` to step `end`, exclusive. Both are even, unless it is a single step: beyond a distance of 1
 * only even steps are float32 numbers.
 */
export interface Steps {
  readonly first: number;
  readonly end: number;
}

/** All distances. The largest, 2, is a step of its own. */
export const ALL_STEPS: Steps = { first: 0, end: MAX_DISTANCE / STEP + 2 };

/** Whether only one distance is left. */
export function isOneStep({ first, end }: Steps): boolean {
  return end - first === 1;
}

/** The distance of a step. */
export function distanceOfStep(step: number): number {
  return step * STEP;
}

// As in the kernel.
const BRACKET_BYTES = 32;
// Place in it of the number of distances below, in float64s.
const BELOW = 3;
// 256 kB of counts stay in the second-level cache.
const FEW_BINS = 2 ** 15 + 1;
// 16 MB that are not touched unless there is no room to collect.
const MOST_BINS = 2 ** 21;
// 20 MB, of which as much is touched as is collected: a tenth of it by the percentiles of 4,000 rows.
const MOST_COLLECTED = 5 * 2 ** 20;

/** Rows of the largest tile: few, for half of a tile on the diagonal is multiplied in vain. */
export const TILE_ROWS = 256;
/** Columns of the largest tile. */
export const TILE_COLUMNS = 4096;

/** Steps, and how many distances lie below them. */
interface Bracket extends Steps {
  readonly below: number;
}

/** Brackets as the kernel reads them, and where it counts. */
interface Table {
  readonly brackets: readonly Steps[];
  /** Place of the first bracket among all that there is room for. */
  readonly place: number;
  /** Of each bracket's first bin. */
  readonly bins: readonly number[];
  /** A bin is 2^shift steps. */
  readonly shift: number;
}

/** Steps that a rank lies in; if the counts tell, how many distances lie below them. */
interface Located extends Steps {
  readonly below?: number;
}

function open(mostBrackets: number) {
  return openKernel("countPairs", {
    tile: ["f32", TILE_ROWS * TILE_COLUMNS],
    sifted: ["f32", TILE_COLUMNS],
    // Those of the pass, and parts of them.
    brackets: ["f64", 2 * mostBrackets * BRACKET_BYTES / 8],
    bins: ["f64", MOST_BINS],
    collected: ["f32", MOST_COLLECTED],
  });
}

/**
 * Room for a tile of similarities, up to {@linkcode TILE_ROWS} x {@linkcode TILE_COLUMNS}, and counts of the distances
 * below brackets and inside of them. Those inside are collected, which is quick wherever they lie, and counted by bins when
 * ranks are asked for; or counted at once, where there are few bins or no more room.
 */
export class PairCounts {
  readonly #kernel: ReturnType<typeof open>;
  #table: Table = { brackets: [], place: 0, bins: [], shift: 0 };
  /** How many distances are collected; undefined if they are counted by bins. */
  #collected?: number;

  /** @param mostBrackets Brackets that are counted at a time, or ranks that are asked for; what is more. */
  constructor(readonly mostBrackets = 64) {
    this.#kernel = open(mostBrackets);
  }

  /** Where a tile of similarities has to be written before it is counted. */
  get tile(): Float32Array<ArrayBuffer> {
    return this.#kernel.arrays.tile;
  }

  /**
   * Starts anew, with other brackets.
   *
   * @param brackets In ascending order, none overlapping another.
   * @param collect Whether ranks are wanted to the step; else to about a 32,768th of all brackets, if these are longer.
   */
  start(brackets: readonly Steps[], collect: boolean): void {
    this.#table = this.#write(brackets.map((bracket) => ({ ...bracket, below: 0 })), 0, FEW_BINS);
    this.#collected = collect && this.#table.shift > 0 ? 0 : undefined;
  }

  /** Counts the pairs `(r, c)` of the tile with `c > r + diagonal`, those above the diagonal of the whole matrix. */
  add(rows: number, columns: number, diagonal: number): void {
    const { tile, collected } = this.#kernel.arrays;
    if (this.#collected !== undefined && this.#collected + rows * columns > collected.length) {
      // What was collected is counted by bins, and so is what follows.
      this.#table = this.#countCollected(this.#collected, this.#counted(), 0, MOST_BINS);
      this.#collected = undefined;
    }
    if (this.#collected === undefined) {
      this.#count(this.#table, tile, rows, columns, diagonal);
    } else {
      const rest = collected.subarray(this.#collected);
      this.#collected += this.#count(this.#table, tile, rows, columns, diagonal, rest);
    }
  }

  /**
   * Where the distances at some ranks lie, 0 the smallest, as far as the counts tell.
   *
   * @param ranks In ascending order.
   * @param within Where the distance of each is known to lie.
   * @returns A part of each `within`; one step, if the rank lies inside of a bracket that is counted to the step.
   */
  locate(ranks: readonly number[], within: readonly Steps[]): Steps[] {
    if (this.#collected === undefined) return this.#locate(this.#table, ranks, within);
    let brackets = this.#counted();
    let located: Located[] = [...within];
    while (brackets.length > 0) {
      const table = this.#countCollected(this.#collected, brackets, this.mostBrackets, FEW_BINS);
      located = this.#locate(table, ranks, located);
      // Bins that hold a rank are the next brackets.
      const bins = located.filter((steps): steps is Bracket => steps.below !== undefined && !isOneStep(steps));
      brackets = bins.filter(({ first }, i) => first !== bins[i - 1]?.first);
    }
    return located;
  }

  /** Writes brackets for the kernel, all of whose bins are 0. */
  #write(brackets: readonly Bracket[], place: number, mostBins: number): Table {
    const { arrays } = this.#kernel;
    let shift = 0;
    while (brackets.reduce((sum, steps) => sum + binsOf(steps, shift), 0) > mostBins) shift++;
    const view = new DataView(arrays.brackets.buffer, arrays.brackets.byteOffset + place * BRACKET_BYTES);
    let end = 0;
    const bins = brackets.map((bracket, i) => {
      const [at, start] = [i * BRACKET_BYTES, end];
      // What rounding put below 0 or above 2 lies in the outer bins.
      view.setFloat32(at, bracket.first === ALL_STEPS.first ? -Infinity : distanceOfStep(bracket.first), true);
      view.setFloat32(at + 4, bracket.end === ALL_STEPS.end ? Infinity : distanceOfStep(bracket.end), true);
      view.setInt32(at + 8, bracket.first, true);
      view.setInt32(at + 12, shift, true);
      view.setInt32(at + 16, arrays.bins.byteOffset + start * 8, true);
      view.setFloat64(at + BELOW * 8, bracket.below, true);
      end += binsOf(bracket, shift);
      return start;
    });
    arrays.bins.fill(0, 0, end);
    return { brackets, place, bins, shift };
  }

  /** The brackets of the pass, with how many distances lie below each. */
  #counted(): Bracket[] {
    return this.#table.brackets.map((steps, i) => ({ ...steps, below: this.#below(this.#table, i) }));
  }

  /** Counts by bins what was collected. How many lie below each bracket is known, of all and not of these. */
  #countCollected(length: number, brackets: readonly Bracket[], place: number, mostBins: number): Table {
    const { collected } = this.#kernel.arrays;
    const table = this.#write(brackets, place, mostBins);
    for (let start = 0; start < length; start += TILE_COLUMNS) {
      const part = collected.subarray(start, Math.min(start + TILE_COLUMNS, length));
      this.#count(table, part, 1, part.length, -2);
    }
    brackets.forEach(({ below }, i) => {
      this.#kernel.arrays.brackets[(place + i) * BRACKET_BYTES / 8 + BELOW] = below;
    });
    return table;
  }

  /** How many distances lie below a bracket. */
  #below({ place }: Table, bracket: number): number {
    return this.#kernel.arrays.brackets[(place + bracket) * BRACKET_BYTES / 8 + BELOW];
  }

  /** Runs the kernel, and returns how many it collected to `collected`. */
  #count(
    table: Table,
    similarities: Float32Array,
    rows: number,
    columns: number,
    diagonal: number,
    collected?: Float32Array,
  ): number {
    const { run, arrays } = this.#kernel;
    const start = collected?.byteOffset ?? 0;
    const end = run.count(
      similarities.byteOffset,
      rows,
      columns,
      diagonal,
      arrays.brackets.byteOffset + table.place * BRACKET_BYTES,
      table.brackets.length,
      arrays.sifted.byteOffset,
      start,
    );
    return (end - start) / 4;
  }

  /** See `locate`; with how many distances lie below the bin. */
  #locate(table: Table, ranks: readonly number[], within: readonly Steps[]): Located[] {
    const { brackets, shift } = table;
    const counts = this.#kernel.arrays.bins;
    const located: Located[] = [];
    let [i, bin, seen] = [0, 0, this.#below(table, 0)];
    // Goes on from rank to rank: every bin is passed once, and `seen` distances lie below it.
    while (located.length < ranks.length) {
      const [rank, known] = [ranks[located.length], within[located.length]];
      const after = i === 0 ? known.first : Math.max(brackets[i - 1].end, known.first);
      if (i === brackets.length) {
        located.push({ first: after, end: known.end });
        continue;
      }
      const { first, end } = brackets[i];
      if (rank < seen) {
        located.push({ first: after, end: Math.min(first, known.end) });
        continue;
      }
      const [start, length] = [table.bins[i], binsOf(brackets[i], shift)];
      while (bin < length && seen + counts[start + bin] <= rank) seen += counts[start + bin++];
      if (bin < length) {
        const from = first + bin * 2 ** shift;
        located.push({ first: from, end: Math.min(from + 2 ** shift, end), below: seen });
      } else if (++i < brackets.length) {
        [bin, seen] = [0, this.#below(table, i)];
      }
    }
    return located;
  }
}

/** How many bins of 2^shift steps hold all steps. */
function binsOf({ first, end }: Steps, shift: number): number {
  return Math.ceil((end - first) / 2 ** shift);
}
