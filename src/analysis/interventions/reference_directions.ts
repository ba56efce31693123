import { hypot } from "../../compute/long_lists.ts";

/**
 * The unit direction from one group's mean to the other's (difference in means; Arditi et al., "Refusal in Language Models Is
 * Mediated by a Single Direction", 2024): the supervised counterpart of a region's direction.
 *
 * @param data Activations, `rows x dim`.
 * @param labels For each row, whether it belongs to the group that the direction points to.
 * @throws {RangeError} if a group is empty, or both have one mean.
 *
 * @example
 * ```ts
 * const [x, y] = differenceInMeans(Float32Array.of(3, 0, 5, 8, 1, 0, 1, 0), 2, [true, true, false, false]);
 * if (x !== Math.fround(0.6) || y !== Math.fround(0.8)) throw new Error(`${x} ${y}`);
 * ```
 */
export function differenceInMeans(
  data: Float32Array,
  dim: number,
  labels: readonly boolean[],
): Float32Array<ArrayBuffer> {
  const labelled = labels.filter(Boolean).length;
  if (labelled === 0 || labelled === labels.length) {
    throw new RangeError(
      `Expected rows of two groups but ${labelled} of ${labels.length} are labelled: compare two groups`,
    );
  }
  const difference = new Float64Array(dim);
  labels.forEach((label, row) => {
    const weight = label ? 1 / labelled : -1 / (labels.length - labelled);
    for (let j = 0; j < dim; j++) difference[j] += weight * data[row * dim + j];
  });
  return unit(difference, "two groups of different means");
}

/**
 * The unit direction from the center to the mean of all rows.
 *
 * @param data Activations, `rows x dim`, at least one.
 * @param center Length `dim`.
 * @throws {RangeError} if the mean is the center.
 *
 * @example
 * ```ts
 * const direction = meanDirection(Float32Array.of(3, 1, 5, 1), 2, Float32Array.of(0, 1));
 * if (direction.join() !== "1,0") throw new Error(direction.join());
 * ```
 */
export function meanDirection(data: Float32Array, dim: number, center: Float32Array): Float32Array<ArrayBuffer> {
  const rows = data.length / dim;
  const mean = new Float64Array(dim);
  data.forEach((value, i) => mean[i % dim] += value / rows);
  return unit(mean.map((value, j) => value - center[j]), "rows whose mean is not the center");
}

/**
 * Mean Euclidean distance of the rows from the center: a natural unit of steering.
 *
 * @param data Activations, `rows x dim`, at least one.
 * @param center Length `dim`.
 *
 * @example
 * ```ts
 * const distance = meanDistance(Float32Array.of(4, 5, 1, 2), 2, Float32Array.of(1, 1));
 * if (distance !== 3) throw new Error(`5 and 1: ${distance}`);
 * ```
 */
export function meanDistance(data: Float32Array, dim: number, center: Float32Array): number {
  let total = 0;
  for (let from = 0; from < data.length; from += dim) {
    let square = 0;
    for (let j = 0; j < dim; j++) square += (data[from + j] - center[j]) ** 2;
    total += Math.sqrt(square);
  }
  return total / (data.length / dim);
}

function unit(vector: Float64Array, expected: string): Float32Array<ArrayBuffer> {
  const norm = hypot(vector);
  if (!(norm > 0)) throw new RangeError(`Expected ${expected} but found a direction of length ${norm}`);
  return Float32Array.from(vector, (value) => value / norm);
}
