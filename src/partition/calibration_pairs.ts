/** Which pairs of activations a calibration takes distances of: the rules, and what is told of them. */
import type { Provenance } from "../activations/batch.ts";
import { Random } from "../compute/random.ts";

/** Pairs within each batch of the stream, as published, or pairs of the whole sample, however it came in batches. */
export type Pairs = "batch" | "sample";

/** All kinds of pairs. */
export const PAIRS: readonly Pairs[] = ["batch", "sample"];

/** Why pairs were taken that the caller named. */
export const ASKED = "asked for";

/** Which pairs a calibration took. Plain data: JSON keeps it. */
export interface TakenPairs {
  /** Where both activations of a pair are from: one batch, or one of the blocks that the sample was dealt into. */
  readonly within: Pairs;
  /** Why these. */
  readonly because: string;
  /** Batches or blocks whose percentiles the thresholds are means of. */
  readonly parts: number;
  /**
   * A low percentile of the distances within batches, divided by that of the whole sample: about 1 where the stream is
   * shuffled and its batches are full. Absent where it was not looked at: of one batch, where pairs of the sample were asked
   * for, or where the batches' sizes call for them. Where pairs of batches were asked for it is of 2,048 rows of the sample.
   */
  readonly batchRatio?: number;
}

/** What of a batch decides whether its pairs tell of the sample. */
interface Sized {
  readonly rows: number;
  /** Absent of vectors of one's own. */
  readonly provenance?: Provenance;
}

/** Where batches are compared with the sample: at the lowest of these whose distance is no repetition's. */
export const COMPARED_PERCENTILES: readonly number[] = [2, 10, 50];
const LEAST_COMPARED = 1e-3;
// At p 2 full shuffled batches of the embedded corpora come within 1 % of the sample, batches of 20 shuffled texts within
// 3 %; of texts sorted by kind θ is less by 10 to 90 %.
const MOST_APART = 0.05;
// 8 million pairs: enough for percentiles from 0.1 on, and a block of any model's activations fits into memory.
const BLOCK_ROWS = 4096;
// Percentiles of fewer than 8,128 pairs are ragged.
const SMALL_BATCH_ROWS = 128;
const MOST_UNEVEN = 2;
// Of the other batches' mean rows, for a stream's last batch to count.
const LEAST_OF_LAST = 0.5;

/**
 * The batches whose distances count: without those of one row, and without the last if it has less than half of the mean
 * rows of the others. What is left at a stream's end must not weigh as much as a whole batch.
 */
export function countedBatches<T extends Sized>(batches: readonly T[]): T[] {
  const others = batches.slice(0, -1);
  const mean = others.reduce((sum, { rows }) => sum + rows, 0) / Math.max(1, others.length);
  return batches.filter(({ rows }, i) => rows >= 2 && (i < others.length || rows >= LEAST_OF_LAST * mean));
}

/** Why the sizes of batches keep their pairs from telling of the sample; `undefined` if they do not. */
export function unfitSizes(batches: readonly Sized[]): string | undefined {
  const counted = countedBatches(batches);
  if (counted.length === 0) return "batches have one activation each";
  // One batch is the sample, unless others were left out.
  if (counted.length === 1 && batches.length === 1) return undefined;
  const sizes = counted.map(({ rows }) => rows);
  const [least, most] = [Math.min, Math.max].map((of) => sizes.reduce((a, b) => of(a, b)));
  if (least < SMALL_BATCH_ROWS) return `batches have as few as ${least} activations, under ${SMALL_BATCH_ROWS}`;
  // Texts have the length that they have: batches of as many texts each are what the published ones are.
  const isOwn = counted.every(({ provenance }) => provenance === undefined);
  if (isOwn && most > MOST_UNEVEN * least) return `batches have from ${least} to ${most} activations`;
  return undefined;
}

/**
 * The first of {@linkcode COMPARED_PERCENTILES} that tells, given those of the sample; `undefined` if all are distances of
 * repetitions.
 */
export function comparedPercentile(ofSample: ArrayLike<number>): number | undefined {
  return COMPARED_PERCENTILES.find((_, i) => ofSample[i] > LEAST_COMPARED);
}

/** Whether θ within batches says something else than that of the sample. */
export function isApart(ratio: number): boolean {
  return Math.abs(ratio - 1) > MOST_APART;
}

/**
 * Deals rows into blocks of even size, 3,072 to 5,120 rows, or one of up to 6,143: in an order that depends on the seed and the
 * number of rows alone, so that the batches that rows came in do not matter.
 *
 * @returns The rows of each block, ascending.
 */
export function dealRows(rows: number, seed: number): Int32Array<ArrayBuffer>[] {
  const order = Int32Array.from(new Random(seed).shuffle(Array.from({ length: rows }, (_, row) => row)));
  const blocks = Math.max(1, Math.round(rows / BLOCK_ROWS));
  const start = (block: number) => Math.floor(block * rows / blocks);
  return Array.from({ length: blocks }, (_, block) => order.slice(start(block), start(block + 1)).sort());
}
