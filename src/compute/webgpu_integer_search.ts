/**
 * The nearest exemplar, found with integers. Products of 8-bit rows bound each query's similarity to every exemplar; only
 * whose bound reaches the best similarity found so far is compared in float32, by the same operations in the same order as
 * where all are. So the answer has the same bytes, and costs about the products of the integers.
 *
 * The kernels: quantise.wgsl, once for every row; similarity_bounds.wgsl, nearly all of the work; nearest_exact.wgsl; and
 * for queries that have too many exemplars left, as of a cluster of near-duplicates, copy_rows.wgsl, nearest.wgsl and
 * nearest_settle.wgsl, of which each runs as many workgroups as there are such queries, on most days none.
 */
import type { Nearest } from "./backend.ts";
import { largest } from "./long_lists.ts";
import { bitsOf, Commands, type GpuContext } from "./webgpu_commands.ts";
import type { Chunk, WebGpuMatrix } from "./webgpu_matrix.ts";
import { blocks, chunksFrom, nearestOf, nearestOfBlock, sharesOf, TILE } from "./webgpu_products.ts";
import { QuantisedRows, roundingOf } from "./webgpu_quantised.ts";

// Exemplars that share a bound in similarity_bounds.wgsl.
const GROUP = 8;
// Bytes of a block's bounds, and of its queries, all of which may have to be searched in float32.
const BLOCK_BYTES = 2 ** 26;
// Queries are workgroups of one dimension.
const MOST_ROWS = 65535;

// Share of a search's queries that may be left to float32 before integers cost more than they save.
const MOST_UNSETTLED = 0.25;
// Exemplars of which more were left.
const crowded = new WeakSet<WebGpuMatrix>();

/** What one block after the other uses. */
interface Scratch {
  readonly bounds: GPUBuffer;
  /** Queries that are left to the search in float32: their numbers, their rows, and what it finds. */
  readonly unsettled: GPUBuffer;
  readonly rows: GPUBuffer;
  readonly settled: GPUBuffer;
}

/**
 * The exemplar of largest dot product for each query, to the byte what `nearest` of webgpu_products.ts finds.
 *
 * @param allowance What the bound's errors are multiplied by: tests set it too low for the answer to be right.
 */
export async function nearestByIntegers(
  context: GpuContext,
  queries: WebGpuMatrix,
  exemplars: WebGpuMatrix,
  from: number,
  allowance = 1,
): Promise<Nearest> {
  const { rows, stride } = queries;
  const commands = new Commands(context);
  const results = commands.temporary(rows * 8);
  const left = QuantisedRows.of(context, commands, queries);
  const right = QuantisedRows.of(context, commands, exemplars);
  const groups = largest(chunksFrom(exemplars, from).map((chunk) => groupsOf(0, chunk.rows)));
  const most = Math.min(BLOCK_BYTES / (groups * 4), BLOCK_BYTES / (stride * 16), MOST_ROWS);
  const all = blocks(queries, exemplars.rows - from, most);
  const tallest = largest(all.map((block) => block.rows));
  const scratch = {
    bounds: commands.temporary(tallest * groups * 4),
    unsettled: commands.temporary(tallest * 8),
    rows: commands.temporary(tallest * stride * 16),
    settled: commands.temporary(tallest * 8),
  };
  const lists = all.map((block) => {
    const workgroups = boundAndCompare(commands, block, left, right, exemplars, from, allowance, results, scratch);
    settle(commands, block, exemplars, from, workgroups, results, scratch);
    return { buffer: workgroups, offset: 4, size: 4 };
  });
  const bytes = await commands.read([{ buffer: results, offset: 0, size: rows * 8 }, ...lists]);
  const unsettled = new Uint32Array(bytes, rows * 8).reduce((sum, count) => sum + count, 0);
  if (unsettled > MOST_UNSETTLED * rows) crowded.add(exemplars);
  return nearestOf(bytes, rows);
}

/** Whether integers told too little apart when these exemplars were searched: they are all near to each other, say. */
export function isCrowded(exemplars: WebGpuMatrix): boolean {
  return crowded.has(exemplars);
}

/** Finds the exemplars of a block, but for those queries that too many are left of: a list of them, and its workgroups. */
function boundAndCompare(
  commands: Commands,
  block: Chunk,
  left: QuantisedRows,
  right: QuantisedRows,
  exemplars: WebGpuMatrix,
  from: number,
  allowance: number,
  results: GPUBuffer,
  { bounds, unsettled }: Scratch,
): GPUBuffer {
  const { stride } = exemplars;
  const chunks = chunksFrom(exemplars, from);
  const rowTiles = Math.ceil(block.rows / TILE);
  // In threes, as nearest_exact.wgsl counts them up: from no query at all.
  const workgroups = commands.upload(
    Uint32Array.of(Math.ceil(stride / 64), 0, 1, 0, sharesOf(block.rows, chunks), 1, 0, 1, 1),
  );
  const [queryWords, querySizes] = left.part(block);
  chunks.forEach((chunk, i) => {
    const start = Math.max(0, from - chunk.first);
    const origin = start - start % TILE;
    const groups = groupsOf(origin, chunk.rows);
    const [words, sizes] = right.part(chunk);
    commands.dispatch(
      "similarityBounds",
      [queryWords, querySizes, words, sizes, bounds],
      [
        block.rows,
        start,
        chunk.rows,
        left.width / 16,
        origin,
        groups,
        bitsOf(roundingOf(left.width)),
        bitsOf(allowance),
      ],
      [rowTiles, groups / GROUP],
      block.rows * (chunk.rows - start) * left.width,
    );
    commands.dispatch(
      "nearestExact",
      [block, chunk, bounds, results, unsettled, workgroups],
      [start, chunk.rows, stride, origin, groups, chunk.first, block.first, i],
      [block.rows],
    );
  });
  return workgroups;
}

/** Searches the queries of the list in float32. */
function settle(
  commands: Commands,
  block: Chunk,
  exemplars: WebGpuMatrix,
  from: number,
  workgroups: GPUBuffer,
  results: GPUBuffer,
  { unsettled, rows, settled }: Scratch,
): void {
  const [copy, search, each] = [0, 12, 24].map((offset) => ({ buffer: workgroups, offset }));
  commands.dispatch("copyRows", [block, rows, unsettled], [block.rows, exemplars.stride, MOST_ROWS], copy);
  const listed = { ...block, buffer: rows, offset: 0 };
  nearestOfBlock(commands, listed, exemplars, from, settled, 0, { search, reduce: each });
  commands.dispatch("nearestSettle", [settled, unsettled, workgroups, results], [block.first], each);
}

/** Groups of exemplars `origin` to `end`: those of whole tiles. */
function groupsOf(origin: number, end: number): number {
  return Math.ceil((end - origin) / TILE) * TILE / GROUP;
}
