/** The features that an autoencoder gives, and the choices among them that no kernel makes. */
import type { SparseFeatures } from "../compute/sparse.ts";
import type { Denormalization } from "./normalization.ts";

/**
 * Active features of activations, with what `Sae.decode` needs of these beside them. Features that something else made of
 * them, such as the strongest alone, lack it.
 */
export interface SaeFeatures extends SparseFeatures {
  /** Of an autoencoder that normalises activations: how that is undone. */
  readonly undo?: Denormalization;
  /** Of one with a skip connection: what that adds to each row, `rows x outputDim`. */
  readonly skipped?: Float32Array<ArrayBuffer>;
}

/**
 * Batch top-k: of a batch's features as many of the largest as there are rows times k, whatever row they are of; of equal
 * ones the first.
 */
export function largestOfBatch(features: SparseFeatures, k: number): SparseFeatures {
  const { rows, offsets, values } = features;
  const most = Math.floor(k * rows);
  if (values.length <= most) return features;
  const smallest = values.toSorted()[values.length - most];
  let room = most - values.reduce((count, value) => count + Number(value > smallest), 0);
  const kept: number[] = [];
  const ends = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      if (values[i] > smallest || (values[i] === smallest && room-- > 0)) kept.push(i);
    }
    ends[row + 1] = kept.length;
  }
  return {
    ...features,
    offsets: ends,
    features: Int32Array.from(kept, (i) => features.features[i]),
    values: Float32Array.from(kept, (i) => values[i]),
  };
}

/**
 * Features of twice as many, of which the second half stands for the negative values of the first, as the features of one
 * half with their sign.
 */
export function withSigns(features: SparseFeatures): SparseFeatures {
  const size = features.size / 2;
  const [numbers, values] = [features.features.slice(), features.values.slice()];
  for (let row = 0; row < features.rows; row++) {
    const [start, end] = [features.offsets[row], features.offsets[row + 1]];
    const own = Array.from({ length: end - start }, (_, i): [number, number] => {
      const [feature, value] = [features.features[start + i], features.values[start + i]];
      return feature < size ? [feature, value] : [feature - size, -value];
    }).sort(([a], [b]) => a - b);
    own.forEach(([feature, value], i) => {
      numbers[start + i] = feature;
      values[start + i] = value;
    });
  }
  return { ...features, size, features: numbers, values };
}
