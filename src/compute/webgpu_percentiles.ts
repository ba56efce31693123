/** Percentiles of pairwise cosine distances, from two histograms: see kernels/histogram.wgsl. */
import { percentilesAt, ranksOf } from "./histogram.ts";
import { Commands, type GpuContext } from "./webgpu_commands.ts";
import type { Chunk, WebGpuMatrix } from "./webgpu_matrix.ts";
import { blocks, TILE } from "./webgpu_products.ts";

// As in the kernel: a distance is a whole number of steps, whose top bits are its coarse bin.
const STEPS_PER_UNIT = 2 ** 24;
const COARSE_BINS = 1024;
const FINE_BINS = 2 ** 15;
// Counts of the kernel are 32-bit: more pairs than that are counted in parts, and added in float64.
const MOST_COUNTED = 2 ** 32 - 1;
// Workgroups of one dispatch: enough to fill a large GPU, few enough that each merges its own histogram rarely.
const WORKGROUPS = 4096;

/**
 * The percentiles, exact for the float32 distances; see `Backend.percentiles`.
 *
 * @param mostCounted Most pairs that are counted on the GPU before the host adds them up.
 */
export async function percentilesOf(
  context: GpuContext,
  matrix: WebGpuMatrix,
  percentiles: readonly number[],
  mostCounted = MOST_COUNTED,
): Promise<Float64Array<ArrayBuffer>> {
  if (percentiles.length === 0) return new Float64Array();
  const pairs = matrix.rows * (matrix.rows - 1) / 2;
  const wanted = ranksOf(percentiles, pairs);
  const assertSame = matrix.watch();

  const coarse = await countDistances(context, matrix, COARSE_BINS, [], mostCounted, assertSame);
  const coarseBins = findRanks(coarse, wanted);
  const bins = [...new Set(coarseBins.map(({ bin }) => bin))];

  const fine = await countDistances(context, matrix, bins.length * FINE_BINS, bins, mostCounted, assertSame);
  const distances = new Map<number, number>();
  wanted.forEach((rank, i) => {
    const { bin, rest } = coarseBins[i];
    const start = bins.indexOf(bin) * FINE_BINS;
    const [{ bin: step }] = findRanks(fine.subarray(start, start + FINE_BINS), [rest]);
    distances.set(rank, (bin * FINE_BINS + step) / STEPS_PER_UNIT);
  });
  return percentilesAt(percentiles, pairs, distances);
}

/** For each of the ascending ranks, the bin that holds it and its rank among the values of that bin. */
function findRanks(counts: Float64Array, ranks: readonly number[]): { bin: number; rest: number }[] {
  let bin = 0;
  let below = 0;
  return ranks.map((rank) => {
    // `bin` and `below` go on from the last rank: each bin is passed once.
    while (below + counts[bin] <= rank) below += counts[bin++];
    return { bin, rest: rank - below };
  });
}

/**
 * One pass over all pairs: coarse counts, or with `bins` the fine counts within those coarse bins.
 *
 * @param assertSame Called before anything is recorded: counts of other rows would not add up.
 */
async function countDistances(
  context: GpuContext,
  matrix: WebGpuMatrix,
  size: number,
  bins: readonly number[],
  mostCounted: number,
  assertSame: () => void,
): Promise<Float64Array> {
  const slots = new Uint32Array(COARSE_BINS);
  bins.forEach((bin, i) => slots[bin] = i + 1);
  const totals = new Float64Array(size);
  const { rows } = matrix;
  // Every left row against every chunk that holds a later row; the kernel leaves out the pairs that are not i < j.
  for (const part of parts(blocks(matrix, rows, mostCounted / rows), rows, mostCounted)) {
    assertSame();
    const commands = new Commands(context);
    const counts = commands.temporary(size * 4);
    commands.clear(counts, size * 4);
    const slotBuffer = commands.upload(slots);
    for (const left of part) {
      for (const right of matrix.chunks()) {
        if (right.first + right.rows <= left.first) continue;
        dispatch(commands, matrix.stride, left, right, counts, slotBuffer, bins.length > 0);
      }
    }
    const read = new Uint32Array(await commands.read([{ buffer: counts, offset: 0, size: size * 4 }]));
    for (let bin = 0; bin < size; bin++) totals[bin] += read[bin];
  }
  return totals;
}

function dispatch(
  commands: Commands,
  stride: number,
  left: Chunk,
  right: Chunk,
  counts: GPUBuffer,
  slots: GPUBuffer,
  secondPass: boolean,
): void {
  const rowTiles = Math.ceil(left.rows / TILE);
  const columnTiles = Math.ceil(right.rows / TILE);
  const tilesPerSpan = Math.ceil(columnTiles * rowTiles / WORKGROUPS);
  commands.dispatch(
    "histogram",
    [left, right, counts, slots],
    [left.rows, right.rows, stride, left.first, right.first, tilesPerSpan, secondPass ? 1 : 0],
    [Math.ceil(columnTiles / tilesPerSpan), rowTiles],
    left.rows * right.rows * stride * 4,
  );
}

/** The blocks in runs of so few rows that no count of their pairs overflows. */
function parts(all: Chunk[], columns: number, mostCounted: number): Chunk[][] {
  const runs: Chunk[][] = [];
  let pairs = Infinity;
  for (const block of all) {
    if (pairs + block.rows * columns > mostCounted) {
      runs.push([]);
      pairs = 0;
    }
    pairs += block.rows * columns;
    runs[runs.length - 1].push(block);
  }
  return runs;
}
