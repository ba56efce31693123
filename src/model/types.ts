import type { BackendName } from "../compute/backend.ts";

/** The storage types that hub models come in. */
export type Dtype = "fp32" | "fp16" | "q8" | "q4" | "q4f16" | "int8" | "uint8" | "bnb4";

/** Where and how to load a model. */
export interface LoadOptions {
  /** `"auto"` (default) takes WebGPU on a real GPU and the CPU otherwise. */
  device?: "auto" | BackendName;
  /** Storage type of the graph file; default `"fp32"`. */
  dtype?: Dtype;
  /** Called while files are downloaded from the hub: file, bytes so far, bytes in all. */
  onDownload?: (file: string, loaded: number, total: number) => void;
}

/** The residual stream after one block for one padded batch: `(batch * width) x dim`. */
export interface Residual {
  /** Host values, on the CPU device. */
  readonly data?: Float32Array<ArrayBuffer>;
  /** Device values, on the process's GPU device: the first `batch * width * dim` float32 (buffers are rounded up). */
  readonly buffer?: GPUBuffer;
  /** Gives a device buffer back. */
  dispose(): void;
}

/** What a capture returns. */
export interface Capture {
  /** Number of prompts. */
  readonly batch: number;
  /** Padded length: prompt `i`'s position `p` is row `i * width + p` of each residual. */
  readonly width: number;
  /** Residual streams by layer. */
  readonly residuals: ReadonlyMap<number, Residual>;
}

/** One token that the logit lens reads off a direction. */
export interface LensToken {
  /** Text of the token. */
  readonly token: string;
  /** Its id. */
  readonly id: number;
  /** Its logit, soft-capped if the model does so. */
  readonly logit: number;
}

/** A change of the residual stream at one hook point, at every position that is not padding. */
export interface Intervention {
  /** The stream after this block is changed. */
  readonly layer: number;
  /**
   * Ablation: `x' = center + (I - Q Q^T)(x - center)`, Q an orthonormal basis of these directions; center default zero.
   * Several ablations at one layer remove all their directions together and must have one center.
   */
  readonly ablate?: { readonly directions: readonly Float32Array[]; readonly center?: Float32Array };
  /** Steering: `x' = x + alpha * direction`, after ablation; several at one layer add up. */
  readonly steer?: { readonly direction: Float32Array; readonly alpha: number };
}

/** How to generate. */
export interface GenerateOptions {
  /** Default 60. */
  maxNewTokens?: number;
  /** Changes of the residual stream while prompts are read and tokens are generated. */
  interventions?: readonly Intervention[];
  /** Called after each generated batch with the number of prompts done. */
  onProgress?: (done: number) => void;
  /** Prompts a batch; default 32. */
  batchSize?: number;
}

/** Logits of a padded batch. */
export interface Logits {
  /** Number of prompts. */
  readonly batch: number;
  /** Padded length. */
  readonly width: number;
  /** Size of the vocabulary. */
  readonly vocab: number;
  /** `batch x width x vocab`, row-major; rows past a prompt's length are of padding. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** A message of a chat. */
export interface ChatMessage {
  /** Who speaks. */
  readonly role: "user" | "assistant" | "system";
  /** What is said. */
  readonly content: string;
}

/** A language model that can be read and changed inside. */
export interface LanguageModel {
  /** Folder or hub id it was loaded from. */
  readonly id: string;
  /** Number of blocks. */
  readonly layers: number;
  /** Width of the residual stream. */
  readonly dim: number;
  /** Size of the vocabulary. */
  readonly vocab: number;
  /** Where it runs. */
  readonly device: BackendName;
  /** Storage type of its weights. */
  readonly dtype: Dtype;

  /** Token ids of a text, `<bos>` first, cut to `context` tokens (default: not cut). */
  encode(text: string, context?: number): Int32Array<ArrayBuffer>;
  /** Token ids of a chat in the model's template, ready for the model's turn. */
  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer>;
  /** Text of token ids. */
  decode(tokens: ArrayLike<number>, options?: { skipSpecial?: boolean }): string;

  /**
   * Reads the residual stream after each of `layers` for prompts given as token ids (each at least one long). Runs only
   * the part of the graph that the deepest layer needs.
   */
  capture(prompts: readonly Int32Array[], layers: readonly number[]): Promise<Capture>;

  /** Logits of the whole model, right-padded. */
  logits(prompts: readonly Int32Array[], interventions?: readonly Intervention[]): Promise<Logits>;

  /** Greedy continuation of each prompt, as text without special tokens. */
  generate(prompts: readonly Int32Array[], options?: GenerateOptions): Promise<string[]>;

  /**
   * Logit lens: pushes each direction (row of `rows x dim`) through the model's final norm and unembedding and
   * gives its `k` (default 5) largest tokens.
   */
  lens(directions: Float32Array<ArrayBuffer>, rows: number, k?: number): Promise<LensToken[][]>;

  /** Gives all sessions back. */
  dispose(): Promise<void>;
}
