import type { Backend, Matrix, Nearest } from "../compute/backend.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import { borderOf, exactSimilarities, isBorderline } from "./exact.ts";

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

/** Rows of the first block of a batch that are compared with each other, and of any. */
const [FIRST_BLOCK, LARGEST_BLOCK] = [512, 4096];

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
  await settleBorders(backend, directions, exemplars, 0, { regions, similarities }, threshold);
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
  const unmatched = rowsWhere(distances, (distance) => distance > threshold);
  let size = FIRST_BLOCK;
  for (let start = 0; start < unmatched.length;) {
    const rows = unmatched.subarray(start, start + size);
    using block = backend.create(directions.dim, rows.length);
    backend.copyRows(directions, rows, block, rowNumbers(0, rows.length));
    const joined = await leadersWithin(backend, block, exemplars, before, threshold);
    for (let i = 0; i < rows.length; i++) {
      regions[rows[i]] = joined.regions[i];
      distances[rows[i]] = distanceOf(joined.similarities[i]);
    }
    // Before the next block is looked at: its rows may join what this one founded.
    append(backend, exemplars, block, joined.leaders);
    for (const i of joined.leaders) founders.push(rows[i]);
    start += rows.length;
    // The fewer may found one, the more are looked at together.
    size = Math.min(LARGEST_BLOCK, Math.max(FIRST_BLOCK, Math.floor(FIRST_BLOCK * rows.length / (joined.far + 1))));
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

/**
 * The sequential part for one block: who joins a region founded in this batch, who founds one.
 *
 * @returns Region and similarity of each row, the rows that found one, and how many lie beyond the threshold of what earlier
 * blocks founded.
 */
async function leadersWithin(backend: Backend, block: Matrix, exemplars: Matrix, before: number, threshold: number) {
  const size = block.rows;
  const regions = new Int32Array(size);
  const similarities = new Float32Array(size).fill(-Infinity);
  // Regions that earlier blocks of this batch founded; those of before the batch lie too far from every row here.
  if (exemplars.rows > before) {
    const earlier = await backend.nearest(block, exemplars, before);
    await settleBorders(backend, block, exemplars, before, earlier, threshold);
    regions.set(earlier.regions);
    similarities.set(earlier.similarities);
  }
  // Only they can found one, and so only they need be compared with the others.
  const far = rowsWhere(similarities, (similarity) => distanceOf(similarity) > threshold);
  if (far.length === 0) return { regions, similarities, leaders: [], far: 0 };
  using candidates = backend.create(block.dim, far.length);
  backend.copyRows(block, far, candidates, rowNumbers(0, far.length));
  // `size x far.length`; of a row only those before it are read.
  const pairs = await backend.similarities(block, candidates);
  // Few rows found a region, and only pairs with these decide anything. Those of them that lie near the threshold are made
  // exact, which may change who founds one, until a round meets none that is not exact.
  const exact = new Set<number>();
  const border = borderOf(block.dim);
  while (true) {
    const led = leadRows({ size, regions, similarities, far, pairs, first: exemplars.rows, threshold, border }, exact);
    if (led.borders.length === 0) return { ...led, far: far.length };
    const [rows, columns] = [
      led.borders.map((at) => Math.floor(at / far.length)),
      led.borders.map((at) => at % far.length),
    ];
    const settled = await exactSimilarities(backend, block, rows, candidates, columns);
    led.borders.forEach((at, i) => {
      pairs[at] = settled[i];
      exact.add(at);
    });
  }
}

/** What is known of the rows of a block before any of them founds a region. */
interface Unled {
  readonly size: number;
  /** The nearest region of each row so far, and the similarity. */
  readonly regions: Int32Array<ArrayBuffer>;
  readonly similarities: Float32Array<ArrayBuffer>;
  /** Rows that lie beyond the threshold of all regions so far. */
  readonly far: Int32Array;
  /** Similarities of all rows with those of `far`, `size x far.length`. */
  readonly pairs: Float32Array;
  /** Number of the first region that is founded here. */
  readonly first: number;
  readonly threshold: number;
  /** See `borderOf`. */
  readonly border: number;
}

/**
 * Goes through the rows of a block in stream order: each joins the nearest of its region so far and those founded before it
 * in the block, or founds one.
 *
 * @param exact Places in `pairs` that are exact.
 * @returns What became of the rows; places in `pairs` of rows and founders near the threshold that are not exact, on which
 * it may depend.
 */
function leadRows({ size, far, pairs, first, threshold, border, ...before }: Unled, exact: ReadonlySet<number>) {
  const [regions, similarities] = [before.regions.slice(), before.similarities.slice()];
  const borders: number[] = [];
  const leaders: number[] = [];
  // Columns of `pairs` that are leaders, in stream order: all that founded a region before row `i`.
  const columns = new Int32Array(far.length);
  let next = 0;
  for (let i = 0; i < size; i++) {
    const start = i * far.length;
    let [nearest, region] = [similarities[i], regions[i]];
    for (let slot = 0; slot < leaders.length; slot++) {
      const at = start + columns[slot];
      const similarity = pairs[at];
      if (isBorderline(similarity, threshold, border) && !exact.has(at)) borders.push(at);
      // `>`: of equally near regions the one founded first takes the row.
      if (similarity > nearest) [nearest, region] = [similarity, first + slot];
    }
    [similarities[i], regions[i]] = [nearest, region];
    if (far[next] !== i) continue;
    const column = next++;
    if (distanceOf(nearest) <= threshold) continue;
    // It founds one; to its own exemplar the distance is 0, whatever the GEMM rounded.
    regions[i] = first + leaders.length;
    similarities[i] = 1;
    columns[leaders.length] = column;
    leaders.push(i);
  }
  return { regions, similarities, leaders, borders };
}

/** Numbers of the values that are so. */
function rowsWhere(values: Float32Array, isSo: (value: number) => boolean): Int32Array<ArrayBuffer> {
  const rows = new Int32Array(values.length);
  let count = 0;
  for (let row = 0; row < values.length; row++) if (isSo(values[row])) rows[count++] = row;
  return rows.slice(0, count);
}

/**
 * Makes the similarities near the threshold exact, each row against its own region; on a GPU, which names the nearest in
 * float32, against every region that may be within the threshold where its own is not.
 *
 * @param from The first exemplar that was searched.
 */
async function settleBorders(
  backend: Backend,
  directions: Matrix,
  exemplars: Matrix,
  from: number,
  { regions, similarities }: Nearest,
  threshold: number,
): Promise<void> {
  const border = borderOf(directions.dim);
  const rows = [...rowsWhere(similarities, (similarity) => isBorderline(similarity, threshold, border))];
  if (rows.length === 0) return;
  const exact = await exactSimilarities(backend, directions, rows, exemplars, rows.map((row) => regions[row]));
  rows.forEach((row, i) => similarities[row] = exact[i]);
  const beyond = backend.name === "cpu" ? [] : rows.filter((row) => distanceOf(similarities[row]) > threshold);
  if (beyond.length === 0) return;
  using some = backend.create(directions.dim, beyond.length);
  backend.copyRows(directions, Int32Array.from(beyond), some, rowNumbers(0, beyond.length));
  const all = await backend.similarities(some, exemplars);
  const [left, right]: [number[], number[]] = [[], []];
  for (let i = 0; i < beyond.length; i++) {
    for (let region = from; region < exemplars.rows; region++) {
      if (!isBorderline(all[i * exemplars.rows + region], threshold, border)) continue;
      left.push(i);
      right.push(region);
    }
  }
  (await exactSimilarities(backend, some, left, exemplars, right)).forEach((similarity, pair) => {
    const row = beyond[left[pair]];
    // `>`: of equals the first.
    if (similarity > similarities[row]) [similarities[row], regions[row]] = [similarity, right[pair]];
  });
}

function append(backend: Backend, target: Matrix, source: Matrix, rows: readonly number[]): void {
  if (rows.length === 0) return;
  const targetRows = Int32Array.from(rows, (_, i) => target.rows + i);
  backend.copyRows(source, Int32Array.from(rows), target, targetRows);
}
