import { finiteFloatsOf, floatsOf, tensorOf, type Tensors } from "../files/tensor.ts";
import { transposed } from "../compute/transposed.ts";
import { SaeError } from "./weights.ts";

/** The tensors that every sparse autoencoder has. */
export interface SaeTensors {
  /** Length of an activation. */
  readonly dim: number;
  /** Number of features. */
  readonly size: number;
  /** `W_enc`, `size x dim`: transposed, so that a feature is a row. */
  readonly encoder: Float32Array<ArrayBuffer>;
  /** `b_enc`, length `size`. */
  readonly encoderBias: Float32Array<ArrayBuffer>;
  /** `W_dec`, `size x dim`. */
  readonly decoder: Float32Array<ArrayBuffer>;
  /** `b_dec`, length `dim`. */
  readonly decoderBias: Float32Array<ArrayBuffer>;
}

/**
 * `W_enc` (`dim x size`), `b_enc`, `W_dec` (`size x dim`) and `b_dec`, as Gemma Scope and SAELens name and shape them.
 *
 * @param path The file, for messages.
 * @throws {Error} A sentence if one is missing, of another shape or not finite.
 */
export function saeTensors(tensors: Tensors, path: string): SaeTensors {
  const { shape } = tensorOf(tensors, "W_enc", path);
  if (shape.length !== 2 || shape[0] < 1 || shape[1] < 1) {
    throw new SaeError(`Expected W_enc of ${path} to be dim x features but its shape is (${shape.join(", ")}).`);
  }
  const [dim, size] = shape;
  const finite = (name: string, shape: readonly number[]) => finiteFloatsOf(tensors, name, shape, path);
  return {
    dim,
    size,
    encoder: transposed(finite("W_enc", [dim, size]), dim, size),
    encoderBias: finite("b_enc", [size]),
    decoder: finite("W_dec", [size, dim]),
    decoderBias: finite("b_dec", [dim]),
  };
}

/**
 * A tensor of one number a feature that must not be NaN: thresholds may be infinite, for features that never activate.
 */
export function thresholdsOf(tensors: Tensors, size: number, path: string): Float32Array<ArrayBuffer> {
  const thresholds = floatsOf(tensors, "threshold", [size], path);
  const bad = thresholds.findIndex(Number.isNaN);
  if (bad >= 0) {
    throw new SaeError(`Expected thresholds in ${path} but that of feature ${bad} is NaN: get the file anew`);
  }
  return thresholds;
}
