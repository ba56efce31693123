/** Dot products of rows with rows: the nearest, and all of them. */
import { largest } from "./long_lists.ts";
import type { Nearest } from "./backend.ts";
import { Commands, type GpuContext, type Workgroups } from "./webgpu_commands.ts";
import type { Chunk, WebGpuMatrix } from "./webgpu_matrix.ts";

/** Rows and columns of a tile in dot_tile.wgsl. */
export const TILE = 64;
// Enough workgroups to keep a large GPU busy to the end; few queries are met by cutting the exemplars in more shares.
const WORKGROUPS = 4096;
// Multiply-adds of one dispatch, well below what is submitted at once.
const WORK_PER_DISPATCH = 2 ** 36;
// Similarities that are read back at once.
const BLOCK_BYTES = 2 ** 24;

/** The exemplar of largest dot product for each query. */
export async function nearest(
  context: GpuContext,
  queries: WebGpuMatrix,
  exemplars: WebGpuMatrix,
  from: number,
): Promise<Nearest> {
  const { rows } = queries;
  const commands = new Commands(context);
  const results = commands.temporary(rows * 8);
  for (const block of blocks(queries, exemplars.rows - from)) {
    nearestOfBlock(commands, block, exemplars, from, results, block.first);
  }
  return nearestOf(await commands.read([{ buffer: results, offset: 0, size: rows * 8 }]), rows);
}

/**
 * Finds the exemplars of a block of queries.
 *
 * @param results Takes bits of the similarity and the region of each, from number `offset` on.
 * @param workgroups Where the workgroups of `nearest` and of `nearestReduce` are told, if kernels say how many of the block's
 * rows there are.
 */
export function nearestOfBlock(
  commands: Commands,
  block: Chunk,
  exemplars: WebGpuMatrix,
  from: number,
  results: GPUBuffer,
  offset: number,
  workgroups?: { readonly search: Workgroups; readonly reduce: Workgroups },
): void {
  const { stride } = exemplars;
  const rowTiles = Math.ceil(block.rows / TILE);
  const chunks = chunksFrom(exemplars, from);
  const shares = sharesOf(block.rows, chunks);
  const best = commands.temporary(shares * block.rows * 8);
  chunks.forEach((chunk, i) => {
    const start = Math.max(0, from - chunk.first);
    const tilesPerShare = Math.ceil(Math.ceil((chunk.rows - start) / TILE) / shares);
    commands.dispatch(
      "nearest",
      [block, chunk, best],
      [block.rows, start, chunk.rows, stride, chunk.first, tilesPerShare, i],
      workgroups?.search ?? [rowTiles, shares],
      block.rows * (chunk.rows - start) * stride * 4,
    );
  });
  commands.dispatch("nearestReduce", [best, results], [block.rows, shares, offset], workgroups?.reduce ?? [rowTiles]);
}

/** The chunks that hold exemplars `from` to the last. */
export function chunksFrom(exemplars: WebGpuMatrix, from: number): Chunk[] {
  return exemplars.chunks().filter((chunk) => chunk.first + chunk.rows > from);
}

/** In how many shares the exemplars are searched: the same part of every chunk, so that one list of running bests does. */
export function sharesOf(rows: number, chunks: readonly Chunk[]): number {
  const mostTiles = largest(chunks.map((chunk) => Math.ceil(chunk.rows / TILE)));
  return Math.min(Math.ceil(WORKGROUPS / Math.ceil(rows / TILE)), mostTiles);
}

/** What was found for each query, from the start of what was read back. */
export function nearestOf(bytes: ArrayBuffer, rows: number): Nearest {
  const [bits, numbers] = [new Float32Array(bytes), new Int32Array(bytes)];
  const [regions, similarities] = [new Int32Array(rows), new Float32Array(rows)];
  for (let row = 0; row < rows; row++) {
    similarities[row] = bits[2 * row];
    regions[row] = numbers[2 * row + 1];
  }
  return { regions, similarities };
}

/** All dot products, `left.rows x right.rows`. */
export async function similarities(
  context: GpuContext,
  left: WebGpuMatrix,
  right: WebGpuMatrix,
): Promise<Float32Array<ArrayBuffer>> {
  const columns = right.rows;
  const all = new Float32Array(left.rows * columns);
  if (all.length === 0) return all;
  // A block has at least one tile of rows, whose products must fit one binding.
  const most = Math.floor(context.device.limits.maxStorageBufferBindingSize / (TILE * 4));
  if (columns > most) throw new RangeError(`Expected at most ${most} rows to compare with but found ${columns}`);
  // All are submitted before the first is waited for: reads that are awaited together share Deno's wait.
  const reads = blocks(left, columns, BLOCK_BYTES / (columns * 4)).map(async (block) => {
    const commands = new Commands(context);
    const size = block.rows * columns * 4;
    const products = commands.temporary(size);
    for (const chunk of right.chunks()) {
      commands.dispatch(
        "similarities",
        [block, chunk, products],
        [block.rows, chunk.rows, left.stride, columns, chunk.first],
        [Math.ceil(chunk.rows / TILE), Math.ceil(block.rows / TILE)],
        block.rows * chunk.rows * left.stride * 4,
      );
    }
    all.set(new Float32Array(await commands.read([{ buffer: products, offset: 0, size }])), block.first * columns);
  });
  await Promise.all(reads);
  return all;
}

/**
 * The rows of a matrix in whole tiles, few enough at a time that a dispatch against `columns` rows stays short.
 *
 * @param most Most rows of a block; one tile is always allowed.
 */
export function blocks(matrix: WebGpuMatrix, columns: number, most = Infinity): Chunk[] {
  const fitting = Math.min(WORK_PER_DISPATCH / (columns * matrix.stride * 4), most);
  const step = Math.max(TILE, Math.floor(fitting / TILE) * TILE);
  return matrix.chunks().flatMap((chunk) => {
    const parts: Chunk[] = [];
    for (let row = 0; row < chunk.rows; row += step) {
      const rows = Math.min(step, chunk.rows - row);
      const rowBytes = matrix.stride * 16;
      parts.push({
        buffer: chunk.buffer,
        offset: chunk.offset + row * rowBytes,
        size: rows * rowBytes,
        first: chunk.first + row,
        rows,
      });
    }
    return parts;
  });
}
