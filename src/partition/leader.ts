import type { Backend, Matrix } from "../compute/backend.ts";
import { exactSimilarities, isBorderline } from "./exact.ts";

/** Where the rows of a batch went. */
export interface Assignment {
  /**
   * Region of each row; length `rows`. -1 when the dictionary is empty, and where a batch that was added without founding
   * has a row beyond the threshold of all regions.
   */
  readonly regions: Int32Array<ArrayBuffer>;
  /** Cosine distance of each row to the nearest exemplar, 0..2; length `rows`. Infinite when there is none. */
  readonly distances: Float32Array<ArrayBuffer>;
}

// Rows that are compared with each other at once: the host reads FOUNDER_BLOCK^2 similarities a block.
const FOUNDER_BLOCK = 512;

/**
 * Cosine distance from a similarity, clamped against rounding. In float32, as distances are kept: what is compared with
 * the threshold is what is recorded, whether two rows meet within a batch or across.
 */
export function distanceOf(similarity: number): number {
  return Math.fround(Math.min(2, Math.max(0, 1 - similarity)));
}

/**
 * Nearest exemplar of every row, without changing anything. Similarities near the threshold are exact.
 *
 * @param directions Unit rows, `rows x dim`.
 * @param exemplars Unit rows, `regions x dim`.
 */
export async function nearestRegions(
  backend: Backend,
  directions: Matrix,
  exemplars: Matrix,
  threshold: number,
): Promise<Assignment> {
  if (exemplars.rows === 0) {
    return {
      regions: new Int32Array(directions.rows).fill(-1),
      distances: new Float32Array(directions.rows).fill(Infinity),
    };
  }
  const { regions, similarities } = await backend.nearest(directions, exemplars);
  await settleBorders(backend, directions, exemplars, regions, similarities, threshold);
  return { regions, distances: similarities.map(distanceOf) };
}

/**
 * One batch of leader clustering, the published batch semantics: an empty dictionary first makes the stream's first
 * activation region 0; a row joins its nearest exemplar of before the batch if that lies within the threshold; of the
 * rest, in stream order, each joins the most similar region founded earlier in this batch if that lies within the
 * threshold, and founds a region otherwise.
 *
 * @param directions Unit rows of the batch, `rows x dim`, in stream order.
 * @param exemplars Unit rows, `regions x dim`; founders are appended.
 * @returns The assignment, and the rows that founded a region, in the order of their regions.
 */
export async function assignBatch(
  backend: Backend,
  directions: Matrix,
  exemplars: Matrix,
  threshold: number,
): Promise<Assignment & { readonly founders: Int32Array<ArrayBuffer> }> {
  const founders: number[] = [];
  if (exemplars.rows === 0 && directions.rows > 0) {
    append(backend, exemplars, directions, [0]);
    founders.push(0);
  }
  // From here on only regions of before the batch take rows, until all that lie near one are settled.
  const before = exemplars.rows;
  const { regions, distances } = await nearestRegions(backend, directions, exemplars, threshold);
  // Its own exemplar, whatever the GEMM rounded.
  for (const row of founders) distances[row] = 0;

  // `>`: a row at the threshold belongs. In blocks, as rows compared with each other are the square of their number.
  const unmatched = [...distances.keys()].filter((row) => distances[row] > threshold);
  for (let start = 0; start < unmatched.length; start += FOUNDER_BLOCK) {
    const rows = unmatched.slice(start, start + FOUNDER_BLOCK);
    using block = backend.create(directions.dim, rows.length);
    append(backend, block, directions, rows);
    const joined = await leadersWithin(backend, block, exemplars, before, threshold);
    rows.forEach((row, i) => {
      regions[row] = joined.regions[i];
      distances[row] = distanceOf(joined.similarities[i]);
    });
    // Before the next block is looked at: its rows may join what this one founded.
    append(backend, exemplars, block, joined.leaders);
    for (const i of joined.leaders) founders.push(rows[i]);
  }
  return { regions, distances, founders: Int32Array.from(founders) };
}

/**
 * One batch that founds nothing: a row joins its nearest exemplar if that lies within the threshold, and no region (-1)
 * otherwise.
 *
 * @param directions Unit rows of the batch, `rows x dim`.
 * @param exemplars Unit rows, `regions x dim`.
 */
export async function joinBatch(
  backend: Backend,
  directions: Matrix,
  exemplars: Matrix,
  threshold: number,
): Promise<Assignment> {
  const { regions, distances } = await nearestRegions(backend, directions, exemplars, threshold);
  // `>`: as where regions are founded, a row at the threshold belongs.
  return { regions: regions.map((region, row) => distances[row] > threshold ? -1 : region), distances };
}

/** The sequential part for one block: who joins a region founded in this batch, who founds one. */
async function leadersWithin(backend: Backend, block: Matrix, exemplars: Matrix, before: number, threshold: number) {
  const size = block.rows;
  // `size x size`; only what lies below the diagonal is read: a row against rows before it.
  const pairs = await backend.similarities(block, block);
  await settlePairs(backend, block, pairs, threshold);

  const regions = new Int32Array(size);
  const similarities = new Float32Array(size).fill(-Infinity);
  // Regions that earlier blocks of this batch founded; those of before the batch lie too far from every row here.
  if (exemplars.rows > before) {
    const earlier = await backend.nearest(block, exemplars, before);
    await settleBorders(backend, block, exemplars, earlier.regions, earlier.similarities, threshold);
    regions.set(earlier.regions);
    similarities.set(earlier.similarities);
  }
  const leaders: number[] = [];
  // In stream order: `leaders` holds all that founded a region before row `i`.
  for (let i = 0; i < size; i++) {
    for (let slot = 0; slot < leaders.length; slot++) {
      // `>`: of equally near regions the one founded first takes the row.
      const similarity = pairs[i * size + leaders[slot]];
      if (similarity > similarities[i]) {
        similarities[i] = similarity;
        regions[i] = exemplars.rows + slot;
      }
    }
    if (distanceOf(similarities[i]) <= threshold) continue;
    // It founds one; to its own exemplar the distance is 0, whatever the GEMM rounded.
    regions[i] = exemplars.rows + leaders.length;
    similarities[i] = 1;
    leaders.push(i);
  }
  return { regions, similarities, leaders };
}

/** Makes the similarities near the threshold exact, each row against its own region. */
async function settleBorders(
  backend: Backend,
  directions: Matrix,
  exemplars: Matrix,
  regions: Int32Array,
  similarities: Float32Array,
  threshold: number,
): Promise<void> {
  const rows = [...similarities.keys()].filter((row) => isBorderline(similarities[row], threshold));
  if (rows.length === 0) return;
  const exact = await exactSimilarities(backend, directions, rows, exemplars, rows.map((row) => regions[row]));
  rows.forEach((row, i) => similarities[row] = exact[i]);
}

/**
 * Makes the similarities near the threshold exact among all pairs of a block, below the diagonal of `pairs` (`rows x
 * rows`).
 */
async function settlePairs(backend: Backend, block: Matrix, pairs: Float32Array, threshold: number): Promise<void> {
  const [left, right]: [number[], number[]] = [[], []];
  for (let i = 1; i < block.rows; i++) {
    for (let j = 0; j < i; j++) {
      if (!isBorderline(pairs[i * block.rows + j], threshold)) continue;
      left.push(i);
      right.push(j);
    }
  }
  if (left.length === 0) return;
  const exact = await exactSimilarities(backend, block, left, block, right);
  exact.forEach((similarity, i) => pairs[left[i] * block.rows + right[i]] = similarity);
}

function append(backend: Backend, target: Matrix, source: Matrix, rows: readonly number[]): void {
  if (rows.length === 0) return;
  const targetRows = Int32Array.from(rows, (_, i) => target.rows + i);
  backend.copyRows(source, Int32Array.from(rows), target, targetRows);
}
