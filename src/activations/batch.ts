import type { Matrix } from "../compute/backend.ts";

/**
 * Activations of one batch, `rows x dim`, row-major. They live on the host (`data`), on a backend (`matrix`), or both;
 * {@link "./values.ts".onBackend} and {@link "./values.ts".hostValues} get at them wherever they are.
 */
export interface ActivationBatch {
  /** Number of activations. */
  readonly rows: number;
  /** Length of an activation. */
  readonly dim: number;
  /** The values, `rows x dim`; absent while the batch lives on a backend only. */
  readonly data?: Float32Array<ArrayBuffer>;
  /** The values on a backend. Its owner disposes it. */
  readonly matrix?: Matrix;
  /** Where each row comes from; without it regions keep no contexts. */
  readonly provenance?: Provenance;
}

/** Where the rows of a batch come from. */
export interface Provenance {
  /** The prompts of the batch, in stream order. */
  readonly prompts: readonly Prompt[];
  /** For each row, an index into `prompts`. */
  readonly prompt: Int32Array<ArrayBuffer>;
  /** For each row, its token position; `<bos>` is 0. */
  readonly position: Int32Array<ArrayBuffer>;
  /** For each row, its token id. */
  readonly token: Int32Array<ArrayBuffer>;
  /** Layer of the hook point, for messages. */
  readonly layer?: number;
}

/** One prompt of the stream, as the model read it. */
export interface Prompt {
  /** Identifier from the corpus, or the stream index. */
  readonly id: string;
  /** Token ids, `<bos>` first, cut to the context. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** The text around a token position. Decoded when asked for: few positions ever are. */
  excerpt(position: number): Excerpt;
}

/** A token in its surroundings. */
export interface Excerpt {
  /** What stands before the token. */
  readonly before: string;
  /** The token. */
  readonly token: string;
  /** What follows. */
  readonly after: string;
}
