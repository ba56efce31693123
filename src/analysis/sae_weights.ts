/** What every file of a sparse autoencoder comes down to, and the checks that all of them need. */

/** How a sparse autoencoder activates its features. */
export type SaeArchitecture = "standard" | "jumprelu" | "topk";

/** Where a sparse autoencoder comes from, as far as its file tells. */
export interface SaeSource {
  /** The file or folder that was read. */
  readonly path: string;
  /** Its format. */
  readonly format: "gemma-scope" | "saelens";
  /** Name of the model that it was trained on. */
  readonly model?: string;
  /** Hook point in TransformerLens's words, such as `blocks.12.hook_resid_post`. */
  readonly hook?: string;
  /** The layer whose output it reads, as `{ layer, at: "resid_post" }`; absent for other hook points. */
  readonly layer?: number;
}

/**
 * Weights on the host, in the one form that all architectures share:
 *
 *     pre = x encoder^T + encoderBias;  x_hat = acts decoder + decoderBias
 *
 * where `acts` are the `pre` above their thresholds, of which at most `most` in a row, and 0 elsewhere.
 */
export interface SaeWeights {
  /** How the features activate. */
  readonly architecture: SaeArchitecture;
  /** Length of an activation. */
  readonly dim: number;
  /** Number of features. */
  readonly size: number;
  /** `size x dim`, a row a feature. */
  readonly encoder: Float32Array<ArrayBuffer>;
  /** Length `size`. */
  readonly encoderBias: Float32Array<ArrayBuffer>;
  /** Length `size`; at least 0, because no activation is negative. */
  readonly thresholds: Float32Array<ArrayBuffer>;
  /** Most active features of a row (the k of top-k). */
  readonly most?: number;
  /** `size x dim`, a row a feature. */
  readonly decoder: Float32Array<ArrayBuffer>;
  /** Length `dim`. */
  readonly decoderBias: Float32Array<ArrayBuffer>;
  /** Where they come from. */
  readonly source: SaeSource;
}

/** A file that holds no sparse autoencoder that can be run. The message says which file, and why. */
export class SaeError extends Error {
  /** Tells it from other errors. */
  override name = "SaeError";
}

/** The thresholds of features that activate when they are positive and, where `thresholds` are given, above these. */
export function positiveThresholds(size: number, thresholds?: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: size }, (_, feature) => Math.max(0, thresholds?.[feature] ?? 0));
}

/** `columns x rows` from `rows x columns`. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(data.length);
  // In squares that fit the cache: a whole column at a time would touch a new cache line for every number.
  const step = 64;
  for (let top = 0; top < rows; top += step) {
    for (let left = 0; left < columns; left += step) {
      const [bottom, right] = [Math.min(top + step, rows), Math.min(left + step, columns)];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) result[column * rows + row] = data[row * columns + column];
      }
    }
  }
  return result;
}

/**
 * `bias - encoder center`: moves the centring of `(x - center) encoder^T + bias` into the bias, so that no operation
 * needs it. Added up in float64.
 */
export function withCenter(
  encoder: Float32Array,
  bias: Float32Array,
  center: Float32Array,
): Float32Array<ArrayBuffer> {
  const dim = center.length;
  return Float32Array.from(bias, (value, feature) => {
    let dot = 0;
    for (let d = 0; d < dim; d++) dot += encoder[feature * dim + d] * center[d];
    return value - dot;
  });
}

/** Throws unless every number of a tensor is finite. */
export function assertFinite(data: Float32Array, name: string, path: string): void {
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new SaeError(
      `Expected finite numbers in ${name} of ${path} but number ${bad} is ${data[bad]}: get the file anew`,
    );
  }
}
