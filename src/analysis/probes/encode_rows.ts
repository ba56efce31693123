import type { ActivationBatch } from "../../activations/batch.ts";
import type { Backend } from "../../compute/backend.ts";
import type { SparseFeatures } from "../../compute/sparse.ts";
import { directionsOf } from "../../partition/directions.ts";
import { readFeatures } from "../../partition/readout.ts";
import { type DenseRows, featureCount, type FeatureRows, isDense, oneHotRows } from "./feature_rows.ts";
import { joinedRows, strongestEntries, strongestOfDense } from "./strongest_entries.ts";

/** Feature values, zeros included, that are held at once. */
const BLOCK = 2 ** 24;

/**
 * Sparse features of every row, encoded a block of rows at a time.
 *
 * @param activations `rows x dim`.
 * @param size Number of features.
 * @param encode Gives the features of a block, such as `Sae.encode` does.
 *
 * @example
 * ```ts
 * import { strongestOfDense } from "./strongest_entries.ts";
 *
 * const activations = { data: Float32Array.of(3, 1, 0, 2), rows: 2, dim: 2 };
 * const encode = ({ data, rows }: { data?: Float32Array; rows: number }) =>
 *   Promise.resolve(strongestOfDense(data!, rows, 2, 1));
 * const { features } = await encodeRows(activations, 2, encode);
 * if (features.join() !== "0,1") throw new Error(features.join());
 * ```
 */
export async function encodeRows(
  { data, rows, dim }: DenseRows,
  size: number,
  encode: (block: ActivationBatch) => Promise<SparseFeatures>,
): Promise<SparseFeatures> {
  const parts: SparseFeatures[] = [];
  const most = Math.ceil(BLOCK / size);
  for (let from = 0; from < rows; from += most) {
    const count = Math.min(most, rows - from);
    parts.push(await encode({ data: data.slice(from * dim, (from + count) * dim), rows: count, dim }));
  }
  return joinedRows(parts);
}

/** Directions that activations are read with. */
export interface ReadDirections {
  /** Subtracted from every activation, length `dim`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Unit rows, `size x dim`: a dictionary's exemplars or means, or directions in their place. */
  readonly directions: Float32Array<ArrayBuffer>;
}

/**
 * The `k` directions that each row projects on most strongly, with the projections of the centred row, negative ones left
 * out; of `k` 1 the nearest as a one-hot, whatever its projection.
 *
 * @param activations `rows x dim`.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const activations = { data: Float32Array.of(3, 1, 0, 2), rows: 2, dim: 2 };
 * const axes = { center: new Float32Array(2), directions: Float32Array.of(1, 0, 0, 1) };
 * const { features, values } = await encodeByDirections(await openBackend("cpu"), axes, activations, 1);
 * if (features.join() !== "0,1" || values.join() !== "1,1") throw new Error(`${features} ${values}`);
 * ```
 */
export function encodeByDirections(
  backend: Backend,
  { center, directions }: ReadDirections,
  activations: DenseRows,
  k: number,
): Promise<SparseFeatures> {
  const { dim } = activations;
  const size = directions.length / dim;
  return encodeRows(activations, size, async (block) => {
    if (k > 1) {
      const values = await readFeatures(backend, center, directions, block, { kind: "topk", k });
      return strongestOfDense(values, block.rows, size, k);
    }
    using rows = await directionsOf(backend, block, center);
    using basis = backend.upload(directions.slice(), size, dim);
    return oneHotRows((await backend.nearest(rows, basis)).regions, size);
  });
}

/**
 * The `k` strongest features of every row with their values; of `k` 1 as a one-hot, whose value does not matter.
 *
 * @example
 * ```ts
 * import { strongestOfDense } from "./strongest_entries.ts";
 *
 * const { features, values } = keepStrongest(strongestOfDense(Float32Array.of(3, 7, 5), 1, 3, 3), 1);
 * if (features.join() !== "1" || values.join() !== "1") throw new Error(`${features} ${values}`);
 * ```
 */
export function keepStrongest(features: SparseFeatures, k: number): SparseFeatures {
  const kept = strongestEntries(features, k);
  return k === 1 ? { ...kept, values: kept.values.map(() => 1) } : kept;
}

/**
 * Mean number of features of a row that are not zero; of dense rows all.
 *
 * @example
 * ```ts
 * import { strongestOfDense } from "./strongest_entries.ts";
 *
 * const dense = { data: Float32Array.of(3, 0, 5, 0, 0, 2), rows: 2, dim: 3 };
 * const sparse = strongestOfDense(dense.data, 2, 3, 3);
 * if (meanActive(dense) !== 3 || meanActive(sparse) !== 1.5) throw new Error(`${meanActive(sparse)}`);
 * ```
 */
export function meanActive(features: FeatureRows): number {
  return isDense(features) ? featureCount(features) : features.features.length / features.rows;
}
