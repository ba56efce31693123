/** Percentiles of pairwise cosine distances on the host. */
import { MAX_DISTANCE, percentileOf, valueAtRank } from "./histogram.ts";

// 2^21 bins over [0, 2]: distances to 1e-6 in one pass.
const BINS = 1 << 21;
// Counting in 32 bits takes half the cache of 64: more pairs than that are counted in parts, and added in float64.
const MOST_COUNTED = 2 ** 32 - 1;

/**
 * Counts distances, a tile of similarities at a time.
 *
 * @param mostCounted Most pairs that are counted in 32 bits before they are added up, at least those of one tile.
 */
export class DistanceCounts {
  readonly #counts = new Uint32Array(BINS);
  /** The pairs in `#counts`, if all lie in one bin. */
  #counted = 0;
  /** What was counted before, once there are more pairs than a bin can hold. */
  #totals?: Float64Array<ArrayBuffer>;

  constructor(readonly mostCounted = MOST_COUNTED) {}

  /** Counts the distances of a tile's pairs `(r, c)` with `c > r + diagonal`, the ones above the matrix's diagonal. */
  add(similarities: Float32Array, columns: number, diagonal: number): void {
    if (this.#counted + similarities.length > this.mostCounted) this.#addUp();
    this.#counted += similarities.length;
    const counts = this.#counts;
    const scale = BINS / MAX_DISTANCE;
    const last = BINS - 1;
    const rows = similarities.length / columns;
    for (let r = 0; r < rows; r++) {
      const end = (r + 1) * columns;
      for (let i = r * columns + Math.max(0, r + diagonal + 1); i < end; i++) {
        // `| 0` cuts towards zero; what rounding put outside of [0, 2] is clamped to the outer bins.
        const bin = ((1 - similarities[i]) * scale) | 0;
        counts[bin < 0 ? 0 : bin > last ? last : bin]++;
      }
    }
  }

  /** The percentiles of the distances of all pairs of `rows` rows, once they are counted. */
  percentiles(percentiles: readonly number[], rows: number): Float64Array<ArrayBuffer> {
    const [pairs, width] = [rows * (rows - 1) / 2, MAX_DISTANCE / BINS];
    if (this.#totals) this.#addUp();
    const counts = this.#totals ?? this.#counts;
    const valueAt = (rank: number) => valueAtRank(counts, 0, width, rank);
    return Float64Array.from(percentiles, (percentile) => percentileOf(percentile, pairs, valueAt));
  }

  /** Moves the counts to the totals, so that none starts over at 2^32. */
  #addUp(): void {
    const totals = this.#totals ??= new Float64Array(BINS);
    for (let bin = 0; bin < BINS; bin++) totals[bin] += this.#counts[bin];
    this.#counts.fill(0);
    this.#counted = 0;
  }
}
