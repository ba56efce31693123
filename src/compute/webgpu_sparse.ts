/** Sparse rows: the active features of dense ones, and the sums of their vectors. */
import { largest } from "./long_lists.ts";
import { type ActivationRule, assertActive, type SparseFeatures } from "./sparse.ts";
import { type BufferRange, Commands, type GpuContext, linesOf, MOST_WORKGROUPS } from "./webgpu_commands.ts";
import { type Chunk, WebGpuMatrix } from "./webgpu_matrix.ts";
import { blocks, TILE } from "./webgpu_products.ts";
import { assertNone, NO_ROW } from "./webgpu_vectors.ts";

// Dense numbers that exist at a time; a buffer of this size is used again.
const BLOCK_BYTES = 2 ** 24;
// Room for each row's active features, until it is known how many there are.
const FIRST_GUESS = 64;
// WGSL knows no infinity; no float32 exceeds this.
const LARGEST = 3.4028234663852886e38;
// Active features a row, by encoder, so that only the first batch may have to ask twice.
const guesses = new WeakMap<WebGpuMatrix, number>();

/** Rows that are done together. */
interface Part {
  readonly block: Chunk;
  /** Active features that there is room for. */
  capacity: number;
  /** Active features that there are. */
  total: number;
  /** Where each row begins in `active`, and how many features it has. */
  places: Uint32Array;
  /** Features and bits of their values, in turns. */
  active: Uint32Array<ArrayBuffer>;
}

/** The active features of each row of `x`. */
export async function activate(
  context: GpuContext,
  x: WebGpuMatrix,
  encoder: WebGpuMatrix,
  bias: Float32Array<ArrayBuffer>,
  rule: ActivationRule,
): Promise<SparseFeatures> {
  const [{ rows }, size] = [x, encoder.rows];
  const [ofRows, ofEncoder] = [x.watch(), encoder.watch()];
  const assertSame = () => {
    ofRows();
    ofEncoder();
  };
  // Dense products of one tile of rows, or twice their size as pairs of feature and value, must fit one binding.
  const most = Math.floor(context.device.limits.maxStorageBufferBindingSize / (TILE * 8));
  if (size > most) throw new RangeError(`Expected at most ${most} features on this GPU but found ${size}`);
  const guess = Math.min(rule.most ?? guesses.get(encoder) ?? FIRST_GUESS, size);
  const parts = blocks(x, size, BLOCK_BYTES / (4 * size)).map((block): Part => {
    const none = new Uint32Array();
    return { block, capacity: Math.ceil(block.rows * guess), total: 0, places: none, active: none };
  });
  await fill(context, x, parts, encoder, bias, rule, assertSame);
  // The kernel counts what it had no room for: the second time is the last.
  const short = parts.filter((part) => part.total > part.capacity);
  for (const part of short) part.capacity = part.total;
  await fill(context, x, short, encoder, bias, rule, assertSame);
  const average = largest(parts.map(({ total, block }) => total / block.rows));
  // A quarter more than the fullest part, as the next batch's rows may have more.
  if (!(guess >= average)) guesses.set(encoder, 1.25 * average);
  return joined(parts, rows, size);
}

/**
 * Computes the parts and reads all of them back at once.
 *
 * @param assertSame Throws if the matrices are not those that the parts are of any more.
 */
async function fill(
  context: GpuContext,
  x: WebGpuMatrix,
  parts: readonly Part[],
  encoder: WebGpuMatrix,
  bias: Float32Array<ArrayBuffer>,
  rule: ActivationRule,
  assertSame: () => void,
): Promise<void> {
  if (parts.length === 0) return;
  assertSame();
  const { rows: size, stride } = encoder;
  const commands = new Commands(context);
  const products = commands.temporary(largest(parts.map(({ block }) => block.rows)) * size * 4);
  const biases = commands.upload(bias);
  const thresholds = commands.upload(rule.thresholds.map((threshold) => Math.min(threshold, LARGEST)));
  const firstBad = commands.upload(Uint32Array.of(NO_ROW));
  const ranges: BufferRange[] = [{ buffer: firstBad, offset: 0, size: 4 }];
  for (const { block, capacity } of parts) {
    const { rows } = block;
    const lines = linesOf(rows);
    const inverses = commands.temporary(rows * 4);
    // For rows that are not finite; the norms themselves are not used.
    commands.dispatch("rowNorms", [block, inverses, firstBad], [rows, stride, lines[0], block.first], lines);
    for (const chunk of encoder.chunks()) {
      commands.dispatch(
        "similarities",
        [block, chunk, products],
        [rows, chunk.rows, stride, size, chunk.first],
        [Math.ceil(chunk.rows / TILE), Math.ceil(rows / TILE)],
        rows * chunk.rows * stride * 4,
      );
    }
    const [places, active] = [commands.temporary(rows * 8), commands.temporary(capacity * 8)];
    commands.dispatch(
      "activate",
      [products, biases, thresholds, commands.upload(Uint32Array.of(0)), places, active],
      [rows, size, lines[0], rule.most ?? size, capacity],
      lines,
    );
    ranges.push({ buffer: places, offset: 0, size: rows * 8 }, { buffer: active, offset: 0, size: capacity * 8 });
  }
  const bytes = await commands.read(ranges);
  await assertNone(context, new Uint32Array(bytes, 0, 1)[0], x, assertSame);
  let start = 4;
  for (const part of parts) {
    part.places = new Uint32Array(bytes, start, 2 * part.block.rows);
    part.active = new Uint32Array(bytes, start + part.places.byteLength, 2 * part.capacity);
    start += part.places.byteLength + part.active.byteLength;
    part.total = 0;
    for (let i = 1; i < part.places.length; i += 2) part.total += part.places[i];
  }
}

/** The rows of all parts in order; on the GPU they lie in the order in which they were done. */
function joined(parts: readonly Part[], rows: number, size: number): SparseFeatures {
  const offsets = new Int32Array(rows + 1);
  const count = parts.reduce((sum, { total }) => sum + total, 0);
  assertActive(count);
  const [features, values] = [new Int32Array(count), new Float32Array(count)];
  let end = 0;
  for (const { block, places, active } of parts) {
    const numbers = new Float32Array(active.buffer, active.byteOffset, active.length);
    for (let row = 0; row < block.rows; row++) {
      const first = places[2 * row];
      for (let i = first; i < first + places[2 * row + 1]; i++) {
        features[end] = active[2 * i];
        values[end++] = numbers[2 * i + 1];
      }
      offsets[block.first + row + 1] = end;
    }
  }
  return { rows, size, offsets, features, values };
}

/** The bias plus the vectors of each row's features, times their values. */
export function combine(
  context: GpuContext,
  features: SparseFeatures,
  vectors: WebGpuMatrix,
  bias: Float32Array<ArrayBuffer>,
): WebGpuMatrix {
  const result = new WebGpuMatrix(context, vectors.dim, features.rows);
  result.grow(features.rows);
  const { stride } = vectors;
  const padded = new Float32Array(stride * 4);
  padded.set(bias);
  for (const block of blocks(result, 1, MOST_WORKGROUPS)) {
    const { first, rows } = block;
    const offsets = features.offsets.slice(first, first + rows + 1);
    const [start, end] = [offsets[0], offsets[rows]];
    const commands = new Commands(context);
    const inputs = [
      commands.upload(offsets.map((offset) => offset - start)),
      commands.upload(features.features.slice(start, end)),
      commands.upload(features.values.slice(start, end)),
      commands.upload(padded),
    ];
    for (const chunk of vectors.chunks()) {
      commands.dispatch(
        "combine",
        [chunk, ...inputs, block],
        [rows, stride, chunk.first, chunk.first + chunk.rows],
        [Math.ceil(stride / 64), rows],
        (end - start) * stride * 4,
      );
    }
    commands.submit();
  }
  return result;
}
