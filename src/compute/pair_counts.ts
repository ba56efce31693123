/** Counts of pairwise cosine distances, by kernels/count_pairs.wat. */
import { MAX_DISTANCE } from "./histogram.ts";
import { openKernel } from "./wasm.ts";

/** A float32 distance, 1 minus a float32, is a whole number of these; see the kernel. */
const STEP = 2 ** -24;

/**
 * Distances from step `first` to step `end`, exclusive. Both are even: beyond a distance of 1 only even steps are float32
 * numbers.
 */
export interface Steps {
  readonly first: number;
  readonly end: number;
}

/** All distances. The largest, 2, is a step of its own. */
export const ALL_STEPS: Steps = { first: 0, end: MAX_DISTANCE / STEP + 2 };

/** The distance of a step. */
export function distanceOfStep(step: number): number {
  return step * STEP;
}

// As in the kernel.
const BRACKET_BYTES = 32;
// Place in it of the number of distances below, in float64s.
const BELOW = 3;
// More than one pass over the pairs of 100,000 rows finds of a rank's surroundings; 16 MB, of which few are touched.
const MOST_BINS = 2 ** 21;

/** A bracket and where its counts are. */
interface Bracket extends Steps {
  /** Of its first bin. */
  readonly offset: number;
  readonly bins: number;
}

function open(size: number, columns: number, mostBrackets: number) {
  return openKernel("countPairs", {
    tile: ["f32", size],
    sifted: ["f32", columns],
    brackets: ["f64", mostBrackets * BRACKET_BYTES / 8],
    bins: ["f64", MOST_BINS],
  });
}

/** Room for a tile of similarities, and counts of distances below brackets and inside of them, by bins. */
export class PairCounts {
  readonly #kernel: ReturnType<typeof open>;
  #brackets: readonly Bracket[] = [];
  /** A bin is 2^shift steps. */
  #shift = 0;

  /**
   * @param size Similarities of the largest tile.
   * @param columns Of the widest.
   * @param mostBrackets That are counted at a time.
   */
  constructor(size: number, columns: number, mostBrackets: number) {
    this.#kernel = open(size, columns, mostBrackets);
  }

  /** Where a tile of similarities has to be written before it is counted. */
  get tile(): Float32Array<ArrayBuffer> {
    return this.#kernel.arrays.tile;
  }

  /**
   * Starts anew, with other brackets.
   *
   * @param brackets In ascending order, none overlapping another.
   * @param mostBins Of all brackets: a bin is so many steps that these are enough.
   */
  start(brackets: readonly Steps[], mostBins = MOST_BINS): void {
    const { arrays } = this.#kernel;
    for (const { offset, bins } of this.#brackets) arrays.bins.fill(0, offset, offset + bins);
    const binsOf = ({ first, end }: Steps, shift: number) => Math.ceil((end - first) / 2 ** shift);
    let shift = 0;
    while (brackets.reduce((sum, bracket) => sum + binsOf(bracket, shift), 0) > mostBins) shift++;
    this.#shift = shift;
    let offset = 0;
    this.#brackets = brackets.map(({ first, end }) => {
      const bracket = { first, end, offset, bins: binsOf({ first, end }, shift) };
      offset += bracket.bins;
      return bracket;
    });
    const view = new DataView(arrays.brackets.buffer, arrays.brackets.byteOffset, arrays.brackets.byteLength);
    this.#brackets.forEach(({ first, end, offset }, i) => {
      const at = i * BRACKET_BYTES;
      // What rounding put below 0 or above 2 lies in the outer bins.
      view.setFloat32(at, first === ALL_STEPS.first ? -Infinity : distanceOfStep(first), true);
      view.setFloat32(at + 4, end === ALL_STEPS.end ? Infinity : distanceOfStep(end), true);
      view.setInt32(at + 8, first, true);
      view.setInt32(at + 12, shift, true);
      view.setInt32(at + 16, arrays.bins.byteOffset + offset * 8, true);
      view.setFloat64(at + 24, 0, true);
    });
  }

  /** Counts the pairs `(r, c)` of the tile with `c > r + diagonal`, those above the diagonal of the whole matrix. */
  add(rows: number, columns: number, diagonal: number): void {
    const { run, arrays } = this.#kernel;
    run.count(
      arrays.tile.byteOffset,
      rows,
      columns,
      diagonal,
      arrays.brackets.byteOffset,
      this.#brackets.length,
      arrays.sifted.byteOffset,
    );
  }

  /**
   * Where the distances at some ranks lie, 0 the smallest, as far as the counts tell.
   *
   * @param ranks In ascending order.
   * @param within Where the distance of each is known to lie.
   * @returns A part of each `within`; one step, if the rank lies inside of a bracket whose bins are single steps.
   */
  locate(ranks: readonly number[], within: readonly Steps[]): Steps[] {
    const { bins, brackets } = this.#kernel.arrays;
    let [i, bin, seen] = [0, 0, brackets[BELOW]];
    return ranks.map((rank, r) => {
      // Goes on from the last rank: every bin is passed once. `seen` distances lie below the bin, all of them below `rank`.
      for (; i < this.#brackets.length; i++, bin = 0, seen = brackets[i * BRACKET_BYTES / 8 + BELOW]) {
        const { first, end, offset, bins: length } = this.#brackets[i];
        if (rank < seen) return { first: this.#endBefore(i, within[r].first), end: Math.min(first, within[r].end) };
        for (; bin < length; seen += bins[offset + bin++]) {
          if (rank >= seen + bins[offset + bin]) continue;
          const from = first + bin * 2 ** this.#shift;
          return { first: from, end: Math.min(from + 2 ** this.#shift, end) };
        }
      }
      return { first: this.#endBefore(i, within[r].first), end: within[r].end };
    });
  }

  #endBefore(bracket: number, first: number): number {
    return bracket === 0 ? first : Math.max(first, this.#brackets[bracket - 1].end);
  }
}
