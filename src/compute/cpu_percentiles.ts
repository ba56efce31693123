/**
 * Percentiles of pairwise cosine distances on the CPU, in about one pass over all pairs: a sample of them says where the
 * wanted ranks are likely to lie, and all are counted below these brackets and inside of them. The counts prove where a
 * rank lies; one that a bracket missed is counted again between the bounds that are proven. So the sample decides the time
 * and never the answer.
 */
import type { CpuRows } from "./cpu_matrix.ts";
import { percentilesAt, ranksOf } from "./histogram.ts";
import {
  ALL_STEPS,
  distanceOfStep,
  isOneStep,
  PairCounts,
  type Steps,
  TILE_COLUMNS,
  TILE_ROWS,
} from "./pair_counts.ts";
import { Random } from "./random.ts";

// Every row is sampled together with so many rows but one, drawn anew: no row weighs more than another, which would widen
// the sample's error far beyond that of as many single pairs.
const SAMPLE_ROWS = 128;
const SAMPLE_SEED = 1;
// A sample takes longer than it saves when there are fewer rows.
const SAMPLED_FROM = 512;
// Brackets reach so many standard errors beyond a rank. One of 15,000 misses it, which costs less than wider ones would.
// Over 360 ranks of clustered rows the errors were 0.95 of those that are told by the formula, the largest 3.0.
const ERRORS = 4;
// Ranks that are looked for at a time: of more, bins that hold one would not become narrower from count to count.
const MOST_RANKS = 8192;

/** Rows of a matrix, and their shape. */
interface Rows {
  readonly data: Float32Array<ArrayBuffer>;
  readonly dims: readonly [rows: number, dim: number];
}

/** Writes all dot products of the rows of `a` and `b` to the start of `target`. */
export type Multiply = (a: Rows, b: Rows, target: Float32Array<ArrayBuffer>) => Promise<unknown>;

/** Where the distances of `ranks` are likely to lie, one for each. */
export type Guess = (
  directions: CpuRows,
  ranks: readonly number[],
  counts: PairCounts,
  multiply: Multiply,
) => Promise<readonly Steps[]>;

/**
 * The percentiles, exact for the float32 distances; see `Backend.percentiles`.
 *
 * @param room Overwritten: two calls at a time need two.
 * @param guess Decides how long it takes, not what comes out.
 * @throws {RangeError} if so many products are not numbers that a wanted rank is none of the others'.
 */
export async function percentilesOf(
  directions: CpuRows,
  percentiles: readonly number[],
  multiply: Multiply,
  room: PairCounts = new PairCounts(),
  guess: Guess = guessBySample,
): Promise<Float64Array<ArrayBuffer>> {
  if (percentiles.length === 0) return new Float64Array();
  const { rows } = directions;
  const pairs = rows * (rows - 1) / 2;
  const ranks = ranksOf(percentiles, pairs);
  const distances = new Map<number, number>();
  for (let i = 0; i < ranks.length; i += MOST_RANKS) {
    const some = ranks.slice(i, i + MOST_RANKS);
    const found = await distancesAt(directions, some, multiply, room, guess);
    some.forEach((rank, i) => distances.set(rank, found[i]));
  }
  return percentilesAt(percentiles, pairs, distances);
}

/** The distances at some ranks, ascending. */
async function distancesAt(
  directions: CpuRows,
  ranks: readonly number[],
  multiply: Multiply,
  room: PairCounts,
  guess: Guess,
): Promise<number[]> {
  const counts = ranks.length > room.mostBrackets ? new PairCounts(ranks.length) : room;
  // What is proven of a rank, and where it is looked for next: anywhere, after a guess that missed.
  let proven: readonly Steps[] = ranks.map(() => ALL_STEPS);
  let next = await guess(directions, ranks, counts, multiply);
  while (true) {
    counts.start(union(next), true);
    await countAll(directions, counts, multiply);
    proven = counts.locate(ranks, proven);
    next = proven.filter((steps) => !isOneStep(steps));
    if (next.length === 0) break;
    // A pass narrows every range; one that is empty tells of pairs that are nowhere.
    if (next.some(({ first, end }) => first >= end)) {
      throw new RangeError("Expected finite directions but found a pair whose product is not a number");
    }
  }
  return proven.map(({ first }) => distanceOfStep(first));
}

/** Looks where the ranks of a sample of pairs lie. */
const guessBySample: Guess = async (directions, ranks, counts, multiply) => {
  const { rows, dim } = directions;
  if (rows < SAMPLED_FROM) return ranks.map(() => ALL_STEPS);
  const order = new Random(SAMPLE_SEED).shuffle(Array.from({ length: rows }, (_, row) => row));
  const block = new Float32Array(SAMPLE_ROWS * dim);
  counts.start([ALL_STEPS], false);
  let pairs = 0;
  for (let start = 0; start < rows; start += SAMPLE_ROWS) {
    const taken = order.slice(start, start + SAMPLE_ROWS);
    taken.forEach((row, i) => block.set(directions.view(row, row + 1), i * dim));
    const some: Rows = { data: block.subarray(0, taken.length * dim), dims: [taken.length, dim] };
    await multiply(some, some, counts.tile);
    counts.add(taken.length, taken.length, 0);
    pairs += taken.length * (taken.length - 1) / 2;
  }
  const all = rows * (rows - 1) / 2;
  // The error is that of as many single pairs, and one rank more: the ends have none. A rank below 0 or above the last lies
  // outside of all steps, and leaves its bracket open to that side.
  const ranksBeside = (side: number) =>
    ranks.map((rank) => {
      const share = rank / (all - 1);
      return share * (pairs - 1) + side * (1 + ERRORS * Math.sqrt(share * (1 - share) * pairs));
    });
  const anywhere = ranks.map(() => ALL_STEPS);
  const low = counts.locate(ranksBeside(-1).map(Math.floor), anywhere);
  const high = counts.locate(ranksBeside(1).map(Math.ceil), anywhere);
  return ranks.map((_, i) => ({ first: low[i].first, end: high[i].end }));
};

/** Counts every pair once: each lies in one tile, from the diagonal on. */
async function countAll(directions: CpuRows, counts: PairCounts, multiply: Multiply): Promise<void> {
  const { rows, dim } = directions;
  const part = (from: number, most: number): Rows => {
    const to = Math.min(from + most, rows);
    return { data: directions.view(from, to), dims: [to - from, dim] };
  };
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const a = part(i, TILE_ROWS);
    for (let j = i; j < rows; j += TILE_COLUMNS) {
      const b = part(j, TILE_COLUMNS);
      await multiply(a, b, counts.tile);
      counts.add(a.dims[0], b.dims[0], i - j);
    }
  }
}

/** The steps that lie in any of several ranges, as ranges that ascend; all, if there are none. */
function union(ranges: readonly Steps[]): Steps[] {
  const united: { first: number; end: number }[] = [];
  for (const { first, end } of ranges.toSorted((a, b) => a.first - b.first)) {
    // Of products that are not numbers a sample may say so.
    if (first >= end) continue;
    const last = united.at(-1);
    if (last && first <= last.end) last.end = Math.max(last.end, end);
    else united.push({ first, end });
  }
  return united.length > 0 ? united : [ALL_STEPS];
}
