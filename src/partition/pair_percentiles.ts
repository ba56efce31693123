/** Percentiles of the distances of a sample's pairs, by batch or by block. */
import { type Provenance, rowError } from "../activations/batch.ts";
import { type Backend, type Matrix, NoDirectionError } from "../compute/backend.ts";
import { Random } from "../compute/random.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import {
  ASKED,
  COMPARED_PERCENTILES,
  comparedPercentile,
  countedBatches,
  dealRows,
  isApart,
  type Pairs,
  type TakenPairs,
  unfitSizes,
} from "./calibration_pairs.ts";

/** Rows of the sample that are looked at where nothing is decided by them: two million pairs. */
const LOOKED_ROWS = 2048;

/** The activations that distances are taken of. */
export interface PairSample {
  readonly backend: Backend;
  /** In stream order. */
  readonly batches: readonly {
    readonly matrix: Matrix;
    readonly rows: number;
    readonly provenance?: Provenance;
  }[];
  /** Length `dim`. */
  readonly center: Float32Array<ArrayBuffer>;
}

/** Percentiles of every part, a batch or a block, and which parts these are. */
export interface PairPercentiles {
  /** For each part, its percentiles, in the order in which they were asked for. */
  readonly parts: readonly Float64Array[];
  readonly taken: TakenPairs;
}

/**
 * Takes the pairs that are asked for; by default those within batches, as long as the batches are like the sample.
 *
 * @param pairs Which; default as the batches are.
 * @param seed Of the deal of all rows into blocks.
 * @throws {Error} if no batch has a pair, or the sample has none; if a row has no direction, names it.
 */
export async function pairPercentiles(
  sample: PairSample,
  percentiles: readonly number[],
  { pairs, seed }: { readonly pairs?: Pairs; readonly seed: number },
): Promise<PairPercentiles> {
  const { batches } = sample;
  const counted = countedBatches(batches);
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  if (rows < 2 || (pairs === "batch" && counted.length === 0)) {
    throw new Error("Expected a batch of at least two activations to take distances of but every batch had one");
  }
  const blocks = dealRows(rows, seed);
  const ofSample = async (because: string, ratio?: number): Promise<PairPercentiles> => {
    const parts: Float64Array[] = [];
    for (const block of blocks) parts.push(await percentilesOfBlock(sample, block, percentiles));
    const of = ratio === undefined ? {} : { batchRatio: ratio };
    return { parts, taken: { within: "sample", because, parts: parts.length, ...of } };
  };
  if (pairs === "sample") return await ofSample(ASKED);
  const unfit = unfitSizes(batches);
  if (pairs === undefined && unfit) return await ofSample(unfit);

  // Pairs of one batch are pairs of the sample. Of several the sample is looked at first: it is smaller than they are.
  // Where nothing depends on it, some of it tells as much.
  const looked = pairs === "batch" ? fewOf(blocks[0], seed) : blocks[0];
  const ofAll = batches.length > 1 ? await percentilesOfBlock(sample, looked, COMPARED_PERCENTILES) : [];
  const compared = comparedPercentile(ofAll);
  const asked = compared === undefined ? percentiles : [...percentiles, compared];
  const parts: Float64Array[] = [];
  let within = 0;
  for (const batch of counted) {
    const values = await percentilesOf(sample, batch.matrix, asked).catch((error) => {
      throw rowError(batch, error);
    });
    parts.push(values.subarray(0, percentiles.length));
    within += values[asked.length - 1] / counted.length;
  }
  const ratio = compared === undefined ? undefined : within / ofAll[COMPARED_PERCENTILES.indexOf(compared)];
  if (pairs === undefined && ratio !== undefined && isApart(ratio)) {
    return await ofSample(`distances within batches are ${ratio.toFixed(2)} times those of the whole sample`, ratio);
  }
  const because = pairs ? ASKED : batches.length > 1 ? "batches are full and like the sample" : "it is one batch";
  const of = ratio === undefined ? {} : { batchRatio: ratio };
  return { parts, taken: { within: "batch", because, parts: parts.length, ...of } };
}

/** Some of the rows, drawn at random, ascending. */
function fewOf(rows: Int32Array<ArrayBuffer>, seed: number): Int32Array<ArrayBuffer> {
  if (rows.length <= LOOKED_ROWS) return rows;
  return Int32Array.from(new Random(seed).shuffle([...rows]).slice(0, LOOKED_ROWS)).sort();
}

/** Percentiles of the distances of rows of the sample, ascending numbers of its batches' rows one after another. */
async function percentilesOfBlock(
  sample: PairSample,
  rows: Int32Array<ArrayBuffer>,
  percentiles: readonly number[],
): Promise<Float64Array> {
  const { backend, batches, center } = sample;
  using block = backend.create(center.length, rows.length);
  let [start, copied] = [0, 0];
  for (const { matrix, rows: length } of batches) {
    let end = copied;
    while (end < rows.length && rows[end] < start + length) end++;
    if (end > copied) {
      const own = rows.subarray(copied, end).map((row) => row - start);
      backend.copyRows(matrix, own, block, rowNumbers(copied, end - copied));
    }
    [start, copied] = [start + length, end];
  }
  return await percentilesOf(sample, block, percentiles).catch((error) => {
    throw blockError(sample, rows, error);
  });
}

/** What a backend says of a row of a block, with where that comes from. */
function blockError({ batches }: PairSample, rows: Int32Array, error: unknown): unknown {
  if (!(error instanceof NoDirectionError)) return error;
  let row = rows[error.row];
  for (const batch of batches) {
    if (row < batch.rows) return rowError(batch, new NoDirectionError(row, error.why));
    row -= batch.rows;
  }
  return error;
}

async function percentilesOf(
  { backend, center }: PairSample,
  matrix: Matrix,
  percentiles: readonly number[],
): Promise<Float64Array> {
  using directions = await backend.directions(matrix, center);
  return await backend.percentiles(directions, percentiles);
}
