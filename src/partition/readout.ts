import { type ActivationBatch, Batch } from "../activations/batch.ts";
import type { Backend } from "../compute/backend.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { lengthOf, shortestFrom } from "../compute/row_lengths.ts";
import { transposed } from "../compute/transposed.ts";
import type { Basis } from "./parts.ts";
import { directionsOf } from "./directions.ts";

/** Part of a length by which two backends may measure it differently. */
const MEASURED_APART = 1e-4;

/**
 * How an activation becomes features; `c` is the center and `W` the basis, `size x dim`:
 *
 * - `signed`: `(x - c) W^T`
 * - `cosine`: `(x - c) W^T / ||x - c||`
 * - `topk`: the `k` largest of `signed`, negative ones as 0, the rest 0
 * - `topk_norm`: the `k` largest of `cosine`, negative ones as 0, the rest 0
 * - `binary`: 1 for the region of largest cosine, the rest 0
 * - `otsu`: cosines above the cut that maximises the between-class variance of the row's cosines (Otsu, "A threshold
 *   selection method from gray-level histograms", 1979), the rest 0
 */
export type Readout = "signed" | "cosine" | "topk" | "topk_norm" | "binary" | "otsu";

/** Options of a read-out. */
export interface ReadoutOptions {
  /** Which of them. */
  kind: Readout;
  /** Features kept by `topk` and `topk_norm`; default 1. */
  k?: number;
  /** Default `"mean"`. */
  basis?: Basis;
}

const OPTIONS: OptionKinds<ReadoutOptions> = { kind: "string", k: "number", basis: "string" };

/**
 * Features of activations by a center and a basis, as `Dictionary.readout` gives them. Of equal values the lower region
 * comes first.
 *
 * @param center Length `dim`.
 * @param weights The basis, `size x dim`, rows of unit length.
 * @param batch Activations, `rows x dim`.
 * @returns `rows x size`.
 * @throws {Error} if a row is not finite, or lies on the center, which has no cosine; `signed` and `topk` of it are 0.
 * @throws {RangeError} if there is no such read-out, `k` is no whole number of at least 1 or more than 1 where it does
 * nothing, or the activations are of another length.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/mod.ts";
 *
 * const [center, basis] = [new Float32Array(2), Float32Array.of(1, 0, 0, 1)];
 * const batch = { data: Float32Array.of(3, 4), rows: 1, dim: 2 };
 * const features = await readFeatures(await openBackend("cpu"), center, basis, batch, { kind: "topk", k: 1 });
 * if (features.join() !== "0,4") throw new Error(features.join());
 * ```
 */
export async function readFeatures(
  backend: Backend,
  center: Float32Array<ArrayBuffer>,
  weights: Float32Array<ArrayBuffer>,
  batch: ActivationBatch,
  options: ReadoutOptions,
): Promise<Float32Array<ArrayBuffer>> {
  assertReadout(options);
  const { kind, k = 1 } = options;
  const size = weights.length / center.length;
  const isProjection = kind === "signed" || kind === "topk";
  const values = await (isProjection ? projections : cosines)(backend, center, weights, batch);
  const row = ROW_READOUTS[kind];
  for (let from = 0; from < values.length; from += size) row(values.subarray(from, from + size), k);
  return values;
}

/** Throws unless there is such a read-out. */
export function assertReadout(options: ReadoutOptions): void {
  assertOptions("a read-out", options, OPTIONS);
  const { kind, k = 1 } = options;
  if (!Object.hasOwn(ROW_READOUTS, kind)) {
    throw new RangeError(`Expected a read-out of ${Object.keys(ROW_READOUTS).join(", ")} but found "${kind}"`);
  }
  if (!Number.isInteger(k) || k < 1) throw new RangeError(`Expected k to be an integer of at least 1 but found ${k}`);
  if (k === 1 || kind === "topk" || kind === "topk_norm") return;
  throw new RangeError(
    `Expected k of topk or topk_norm but found ${k} beside ${kind}, which keeps as many as there are`,
  );
}

/**
 * Activations of features by a center and a basis, as `Dictionary.decode` gives them: `features W + c`.
 *
 * @param center Length `dim`.
 * @param weights The basis, `size x dim`.
 * @param features `rows x size`.
 * @returns `rows x dim`.
 * @throws {RangeError} if `features` are not whole rows.
 */
export async function decodeFeatures(
  backend: Backend,
  center: Float32Array<ArrayBuffer>,
  weights: Float32Array<ArrayBuffer>,
  features: Float32Array<ArrayBuffer>,
): Promise<Float32Array<ArrayBuffer>> {
  const dim = center.length;
  const size = weights.length / dim;
  const rows = size === 0 ? 0 : features.length / size;
  if (!Number.isInteger(rows)) {
    throw new RangeError(`Expected features of ${size} regions a row but found ${features.length} numbers`);
  }
  using a = backend.upload(features, rows, Math.max(size, 1));
  // `features W` as dot products of rows with rows, hence W transposed; a matrix has at least one column.
  using b = backend.upload(transposed(weights, size, dim), size === 0 ? 0 : dim, Math.max(size, 1));
  const decoded = await backend.similarities(a, b);
  for (let i = 0; i < decoded.length; i++) decoded[i] += center[i % dim];
  return decoded;
}

/** Changes one row's values in place. */
const ROW_READOUTS: Record<Readout, (row: Float32Array, k: number) => void> = {
  signed: () => {},
  cosine: () => {},
  topk: keepLargest,
  topk_norm: keepLargest,
  binary: (row) => {
    const best = row.reduce((best, value, i) => value > row[best] ? i : best, 0);
    row.fill(0)[best] = 1;
  },
  otsu: (row) => {
    const cut = otsuCut(row);
    row.forEach((value, i) => row[i] = value > cut ? value : 0);
  },
};

/** Keeps the `k` largest values of a row, negative ones as 0, and clears the rest. */
function keepLargest(row: Float32Array, k: number): void {
  const kept: number[] = [];
  for (let i = 0; i < row.length; i++) {
    // `kept` is sorted, largest first; `>` throughout: of equal values the lower region stays ahead.
    if (kept.length === k && !(row[i] > row[kept[k - 1]])) continue;
    const place = kept.findIndex((other) => row[i] > row[other]);
    kept.splice(place < 0 ? kept.length : place, 0, i);
    if (kept.length > k) kept.pop();
  }
  const values = kept.map((i) => Math.max(0, row[i]));
  row.fill(0);
  kept.forEach((i, rank) => row[i] = values[rank]);
}

/**
 * The largest value of the lower class of the split that maximises `n0 n1 (mean0 - mean1)^2`. Of equal values none is
 * cut off.
 */
export function otsuCut(values: Float32Array): number {
  const sorted = values.toSorted();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  let [cut, best, below] = [-Infinity, 0, 0];
  for (let count = 1; count < sorted.length; count++) {
    below += sorted[count - 1];
    // Equal values cannot be parted by a cut.
    if (sorted[count] === sorted[count - 1]) continue;
    const rest = sorted.length - count;
    const variance = count * rest * (below / count - (total - below) / rest) ** 2;
    if (variance > best) [cut, best] = [sorted[count - 1], variance];
  }
  return cut;
}

async function cosines(
  backend: Backend,
  center: Float32Array<ArrayBuffer>,
  weights: Float32Array<ArrayBuffer>,
  batch: ActivationBatch,
): Promise<Float32Array<ArrayBuffer>> {
  using directions = await directionsOf(backend, batch, center);
  using basis = backend.upload(weights.slice(), weights.length / center.length, center.length);
  return await backend.similarities(directions, basis);
}

/**
 * `(x - c) W^T`, the cosine times ||x - c||, so that one product gives all kinds. Of a row on the center, which has no
 * cosine, it is nothing.
 */
async function projections(
  backend: Backend,
  center: Float32Array<ArrayBuffer>,
  weights: Float32Array<ArrayBuffer>,
  batch: ActivationBatch,
): Promise<Float32Array<ArrayBuffer>> {
  const size = weights.length / center.length;
  const norms = await centredNorms(center, batch);
  // Backends measure lengths in their own way: what one of them may refuse is nothing, too.
  const shortest = shortestFrom(center) * (1 + MEASURED_APART);
  // Not `>=`: a row that is not finite is to be refused with the others.
  const away = Int32Array.from(norms.keys().filter((row) => !(norms[row] < shortest)));
  using made = new DisposableStack();
  const measured = away.length === batch.rows ? batch : made.use(await Batch.of(batch).select(away));
  const cosinesAway = await cosines(backend, center, weights, measured);
  const values = new Float32Array(batch.rows * size);
  away.forEach((row, i) => {
    for (let region = 0; region < size; region++) {
      values[row * size + region] = cosinesAway[i * size + region] * norms[row];
    }
  });
  return values;
}

async function centredNorms(center: Float32Array<ArrayBuffer>, batch: ActivationBatch): Promise<Float64Array> {
  const dim = center.length;
  const data = await Batch.of(batch).values();
  return Float64Array.from(
    { length: batch.rows },
    (_, row) => lengthOf(data.subarray(row * dim, (row + 1) * dim), center),
  );
}
