/** Moving rows: between host and GPU, between matrices, and into sums. */
import { assertCopy, assertRowNumbers, type RowGroups } from "./backend.ts";
import { Commands, type GpuContext, linesOf, MOST_WORKGROUPS } from "./webgpu_commands.ts";
import { WebGpuMatrix } from "./webgpu_matrix.ts";

/** A new matrix with the values of `data`. */
export function upload(context: GpuContext, data: Float32Array<ArrayBuffer>, rows: number, dim: number): WebGpuMatrix {
  const matrix = new WebGpuMatrix(context, dim, rows);
  matrix.grow(rows);
  const width = matrix.stride * 4;
  for (const { buffer, first, rows } of matrix.chunks()) {
    const part = data.subarray(first * dim, (first + rows) * dim);
    context.device.queue.writeBuffer(buffer, 0, dim === width ? part : changeWidth(part, dim, width));
  }
  return matrix;
}

/** A new matrix of `rows x dim` numbers that lie in a buffer without gaps. */
export function padded(context: GpuContext, buffer: GPUBuffer, rows: number, dim: number): WebGpuMatrix {
  const matrix = new WebGpuMatrix(context, dim, rows);
  matrix.grow(rows);
  const { stride } = matrix;
  const commands = new Commands(context);
  for (const chunk of matrix.chunks()) {
    const packed = { buffer, offset: chunk.first * dim * 4, size: chunk.rows * dim * 4 };
    const [line, lines] = linesOf(Math.ceil(chunk.rows * stride / 64));
    commands.dispatch("padRows", [packed, chunk], [chunk.rows, dim, stride, line * 64], [line, lines]);
  }
  commands.submit();
  return matrix;
}

/** The matrix, or the given rows in their order, on the host. */
export async function download(
  context: GpuContext,
  matrix: WebGpuMatrix,
  rows?: Int32Array,
): Promise<Float32Array<ArrayBuffer>> {
  if (rows) {
    using chosen = new WebGpuMatrix(context, matrix.dim, rows.length);
    copyRows(context, matrix, rows, chosen, Int32Array.from(rows, (_, i) => i));
    return await download(context, chosen);
  }
  const { dim, stride } = matrix;
  const data = new Float32Array(matrix.rows * dim);
  // All chunks are asked for before the first is waited for: what happens to the matrix meanwhile does not show.
  const reads = matrix.chunks().map(async (chunk) => {
    const values = new Float32Array(await new Commands(context).read([chunk]));
    data.set(dim === stride * 4 ? values : changeWidth(values, stride * 4, dim), chunk.first * dim);
  });
  await Promise.all(reads);
  return data;
}

/** Copies rows; of several copies to one target row the last counts. */
export function copyRows(
  context: GpuContext,
  source: WebGpuMatrix,
  sourceRows: Int32Array,
  target: WebGpuMatrix,
  targetRows: Int32Array,
): void {
  assertCopy(source, sourceRows, target, targetRows);
  if (source === target) {
    // A kernel cannot read and write one buffer.
    using moved = new WebGpuMatrix(context, source.dim, sourceRows.length);
    copyRows(context, source, sourceRows, moved, Int32Array.from(sourceRows, (_, i) => i));
    copyRows(context, moved, Int32Array.from(sourceRows, (_, i) => i), target, targetRows);
    return;
  }
  if (targetRows.length === 0) return;
  let [first, last] = [Infinity, -1];
  for (const row of targetRows) [first, last] = [Math.min(first, row), Math.max(last, row)];
  target.grow(last + 1);
  target.changed(first, last + 1);
  const [from, to] = [source.chunks(), target.chunks()];
  const commands = new Commands(context);
  for (const { sourceChunk, targetChunk, pairs } of byChunks(source, sourceRows, target, targetRows)) {
    const count = pairs.length / 2;
    const [line, lines] = linesOf(count);
    commands.dispatch(
      "copyRows",
      [from[sourceChunk], to[targetChunk], commands.upload(pairs)],
      [count, source.stride, line],
      [Math.ceil(source.stride / 64), line, lines],
    );
  }
  commands.submit();
}

/** Adds each group's sum to its row of `sums`. */
export function accumulate(context: GpuContext, sums: WebGpuMatrix, directions: WebGpuMatrix, groups: RowGroups): void {
  const { regions, offsets, rows } = groups;
  if (regions.length === 0) return;
  assertRowNumbers(rows, directions);
  const { stride } = sums;
  const end = regions[regions.length - 1] + 1;
  sums.grow(end);
  sums.changed(regions[0], end);
  const columns = Math.ceil(stride / 64);
  // Groups in blocks: their sums lie in one buffer, and a group is a workgroup in y.
  const perBlock = Math.min(MOST_WORKGROUPS, Math.max(1, Math.floor(context.chunkBytes / (stride * 16))));
  for (let start = 0; start < regions.length; start += perBlock) {
    const count = Math.min(perBlock, regions.length - start);
    const commands = new Commands(context);
    const groupSums = commands.temporary(count * stride * 16);
    const [firstRow, endRow] = [offsets[start], offsets[start + count]];
    const blockOffsets = commands.upload(offsets.slice(start, start + count + 1).map((offset) => offset - firstRow));
    const blockRows = commands.upload(rows.slice(firstRow, endRow));
    const blockRegions = commands.upload(regions.slice(start, start + count));
    // Dispatches of one submission happen in order: each chunk finds the sums of those before it.
    for (const chunk of directions.chunks()) {
      commands.dispatch(
        "groupSums",
        [chunk, blockOffsets, blockRows, groupSums],
        [count, stride, chunk.first, chunk.first + chunk.rows, chunk.first > 0 ? 1 : 0],
        [columns, count],
      );
    }
    for (const chunk of sums.chunks()) {
      commands.dispatch(
        "addRows",
        [groupSums, blockRegions, chunk],
        [count, stride, chunk.first, chunk.first + chunk.rows],
        [columns, count],
      );
    }
    commands.submit();
  }
}

/** The copies as pairs of row numbers within their chunks, by source and target chunk. */
function byChunks(source: WebGpuMatrix, sourceRows: Int32Array, target: WebGpuMatrix, targetRows: Int32Array) {
  const sourceChunks = source.chunks();
  const targetChunks = target.chunks();
  const lists = new Map<number, number[]>();
  const written = new Set<number>();
  // Backwards, so that the last copy to a row is the one that is kept.
  for (let i = targetRows.length - 1; i >= 0; i--) {
    if (written.has(targetRows[i])) continue;
    written.add(targetRows[i]);
    const [from, to] = [source.chunkOf(sourceRows[i]), target.chunkOf(targetRows[i])];
    const key = from * targetChunks.length + to;
    let list = lists.get(key);
    if (!list) lists.set(key, list = []);
    list.push(sourceRows[i] - sourceChunks[from].first, targetRows[i] - targetChunks[to].first);
  }
  return [...lists].map(([key, list]) => ({
    sourceChunk: Math.floor(key / targetChunks.length),
    targetChunk: key % targetChunks.length,
    pairs: Uint32Array.from(list),
  }));
}

/** Rows of `from` numbers as rows of `to`: cut, or padded with zeros. */
function changeWidth(data: Float32Array<ArrayBuffer>, from: number, to: number): Float32Array<ArrayBuffer> {
  const rows = data.length / from;
  const changed = new Float32Array(rows * to);
  const width = Math.min(from, to);
  for (let row = 0; row < rows; row++) changed.set(data.subarray(row * from, row * from + width), row * to);
  return changed;
}
