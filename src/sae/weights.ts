/** What every file of a sparse autoencoder comes down to, and the checks that all of them need. */
import { visibleLines } from "../files/visible_text.ts";
import type { HookPoint } from "../model/types.ts";
import type { Normalization } from "./normalization.ts";

/**
 * How a sparse autoencoder activates its features: `pre` that are positive (`standard`), beyond a gate of their own
 * (`gated`) or a threshold (`jumprelu`), the k largest of a row (`topk`) or k a row on average, the largest of the whole
 * batch (`batchtopk`), or the k largest by magnitude, which keep their sign (`abstopk`). Batch top-k that was saved for
 * use has one threshold instead and is `jumprelu`, Matryoshka or not.
 */
export type SaeArchitecture = "standard" | "gated" | "jumprelu" | "topk" | "batchtopk" | "abstopk";

/** The format of a sparse autoencoder's files, by who writes them. */
export type SaeFormat = "gemma-scope" | "gemma-scope-2" | "saelens" | "sparsify" | "dictionary-learning";

/** A place in a model, as far as it is told and known here. */
export interface SaePlace {
  /** Its name: as the file has it, else TransformerLens' name, such as `blocks.12.hook_resid_post`. */
  readonly hook?: string;
  /**
   * The hook point, if that is known here; what enters a layer is told as what the layer before has put out. Absent where
   * one head of several is read.
   */
  readonly hookPoint?: HookPoint;
}

/** Where a sparse autoencoder comes from and what it is of, as far as its file tells: the place that it reads. */
export interface SaeSource extends SaePlace {
  /** The file or folder that was read. */
  readonly path: string;
  /** Its format. */
  readonly format: SaeFormat;
  /** Name of the model that it was trained on. */
  readonly model?: string;
  /** The layer after which it reads the residual stream; absent if it reads anything else, or does not tell. */
  readonly layer?: number;
  /**
   * What a transcoder predicts: `decode` gives activations of this place, which are no reconstruction of what was encoded.
   * Empty if the file does not tell; absent of autoencoders.
   */
  readonly output?: SaePlace;
  /**
   * Whether it was trained on a model whose writing weights were centred (`center_writing_weights` of TransformerLens):
   * activations are read without their mean, and `decode` gives them without it.
   */
  readonly isCentred?: true;
}

/**
 * Weights on the host, in the one form that all architectures share:
 *
 *     pre = in encoder^T + encoderBias;  x_hat = acts decoder + decoderBias + skip x
 *
 * where `acts` are the `pre` above their thresholds, of which at most `most` in a row, and 0 elsewhere; and `in` is `x`, or
 * `x` normalised, which `x_hat` is not.
 */
export interface SaeWeights {
  /** How the features activate. */
  readonly architecture: SaeArchitecture;
  /** Length of an activation. */
  readonly dim: number;
  /** Number of features. */
  readonly size: number;
  /** Length of what is decoded, `dim` by default; a transcoder's may be another. */
  readonly outputDim?: number;
  /** `size x dim`, a row a feature. */
  readonly encoder: Float32Array<ArrayBuffer>;
  /** Length `size`. */
  readonly encoderBias: Float32Array<ArrayBuffer>;
  /** Length `size`; at least 0, because no activation is negative (that of `abstopk` before it gets its sign). */
  readonly thresholds: Float32Array<ArrayBuffer>;
  /** Most active features of a row (the k of top-k), in `batchtopk` on average. */
  readonly most?: number;
  /** `size x outputDim`, a row a feature. */
  readonly decoder: Float32Array<ArrayBuffer>;
  /** Length `outputDim`. */
  readonly decoderBias: Float32Array<ArrayBuffer>;
  /** What is done to every activation before it is encoded; nothing by default. */
  readonly normalization?: Normalization;
  /** `outputDim x dim`: what of an activation is added to what is decoded; nothing by default. */
  readonly skip?: Float32Array<ArrayBuffer>;
  /** Where they come from. */
  readonly source: SaeSource;
}

/**
 * A file that holds no sparse autoencoder that can be run. The message says which file, and why.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { readSae } from "./sae.ts";
 *
 * await assertRejects(() => readSae("fixtures/corpora", { backend: "cpu" }), SaeError, "fixtures/corpora");
 * ```
 */
export class SaeError extends Error {
  /** Tells it from other errors. */
  override name = "SaeError";

  /** An error with this message; what it quotes of a file is made visible. */
  constructor(message: string, options?: ErrorOptions) {
    super(visibleLines(message), options);
  }
}

/** The thresholds of features that activate when they are positive and, where `thresholds` are given, above these. */
export function positiveThresholds(size: number, thresholds?: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: size }, (_, feature) => Math.max(0, thresholds?.[feature] ?? 0));
}
