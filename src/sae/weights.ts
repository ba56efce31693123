/** What every file of a sparse autoencoder comes down to, and the checks that all of them need. */
import { visibleLines } from "../files/visible_text.ts";
import type { HookPoint } from "../model/types.ts";

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
  /** What the file calls the hook point, such as `blocks.12.hook_resid_post`. */
  readonly hook?: string;
  /**
   * Where it reads, if that is known here; what enters a layer is told as what the layer before has put out. Absent
   * where it reads one head of several.
   */
  readonly hookPoint?: HookPoint;
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
