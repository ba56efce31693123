/** Operations on each row by itself: directions, and the sums that the center is made of. */
import type { Moments } from "./backend.ts";
import { rowError, shortestFrom } from "./row_lengths.ts";
import { bitsOf, Commands, type GpuContext, linesOf } from "./webgpu_commands.ts";
import { download } from "./webgpu_rows.ts";
import { WebGpuMatrix } from "./webgpu_matrix.ts";

// Rows of one partial sum in moments.wgsl.
const SLAB = 128;
/** What kernels leave where no row is bad. */
export const NO_ROW = 0xffffffff;

/** The unit vectors from the center to each row. */
export async function directions(
  context: GpuContext,
  x: WebGpuMatrix,
  center: Float32Array<ArrayBuffer>,
): Promise<WebGpuMatrix> {
  const result = new WebGpuMatrix(context, x.dim, x.rows);
  if (x.rows === 0) return result;
  const assertSame = x.watch();
  result.grow(x.rows);
  const commands = new Commands(context);
  const padded = new Float32Array(x.stride * 4);
  padded.set(center);
  const centerBuffer = commands.upload(padded);
  const firstBad = commands.upload(Uint32Array.of(NO_ROW));
  const targets = result.chunks();
  const shortest = bitsOf(shortestFrom(center));
  x.chunks().forEach((chunk, i) => {
    // Wrapped buffers may be cut elsewhere than the result, but never are: both follow the same rule.
    const lines = linesOf(chunk.rows);
    commands.dispatch(
      "directions",
      [chunk, centerBuffer, targets[i], firstBad],
      [chunk.rows, x.stride, lines[0], chunk.first, shortest],
      lines,
    );
  });
  try {
    const [bad] = new Uint32Array(await commands.read([{ buffer: firstBad, offset: 0, size: 4 }]));
    await assertNone(context, bad, x, assertSame, center);
  } catch (error) {
    result.dispose();
    throw error;
  }
  return result;
}

/** Sums of the rows and of the unit rows: slabs in float32 on the GPU, their total in float64. */
export async function moments(context: GpuContext, x: WebGpuMatrix): Promise<Moments> {
  const [sum, unitSum] = [new Float64Array(x.dim), new Float64Array(x.dim)];
  // As they are now: more may be appended until the answer has come.
  const { rows } = x;
  const norms = new Float32Array(rows);
  if (rows === 0) return { sum, unitSum, norms };
  const assertSame = x.watch();
  const commands = new Commands(context);
  const firstBad = commands.upload(Uint32Array.of(NO_ROW));
  const ranges = [{ buffer: firstBad, offset: 0, size: 4 }];
  const inverseRanges: typeof ranges = [];
  for (const chunk of x.chunks()) {
    const lines = linesOf(chunk.rows);
    const inverses = commands.temporary(chunk.rows * 4);
    commands.dispatch(
      "rowNorms",
      [chunk, inverses, firstBad],
      [chunk.rows, x.stride, lines[0], chunk.first],
      lines,
    );
    const slabs = Math.ceil(chunk.rows / SLAB);
    const sums = commands.temporary(slabs * 2 * x.stride * 16);
    commands.dispatch("moments", [chunk, inverses, sums], [chunk.rows, x.stride], [Math.ceil(x.stride / 64), slabs]);
    ranges.push({ buffer: sums, offset: 0, size: slabs * 2 * x.stride * 16 });
    inverseRanges.push({ buffer: inverses, offset: 0, size: chunk.rows * 4 });
  }
  const bytes = await commands.read([...ranges, ...inverseRanges]);
  await assertNone(context, new Uint32Array(bytes, 0, 1)[0], x, assertSame);
  const read = new Float32Array(bytes, 4);
  const partial = read.subarray(0, read.length - rows);
  // Of a row of zeros the inverse is 0, too.
  read.subarray(partial.length).forEach((inverse, row) => norms[row] = inverse > 0 ? 1 / inverse : 0);
  const width = x.stride * 4;
  for (let slab = 0; slab < partial.length; slab += 2 * width) {
    for (let d = 0; d < x.dim; d++) {
      sum[d] += partial[slab + d];
      unitSum[d] += partial[slab + width + d];
    }
  }
  return { sum, unitSum, norms };
}

/**
 * Throws if a kernel found a row that cannot be measured: what is wrong with it, its numbers say.
 *
 * @param x The rows that the kernel looked at.
 * @param assertSame Throws if they are others by now.
 * @param center What directions were from.
 */
export async function assertNone(
  context: GpuContext,
  firstBad: number,
  x: WebGpuMatrix,
  assertSame: () => void,
  center?: Float32Array,
): Promise<void> {
  if (firstBad === NO_ROW) return;
  assertSame();
  throw rowError(await download(context, x, Int32Array.of(firstBad)), firstBad, center);
}
