/**
 * A decoder as data: which tensors it has and what is done with them. A family's table makes one from config.json;
 * `build` makes a graph of it.
 */

/** A matrix of weights and its bias, by the names of their tensors. */
export interface Linear {
  readonly weight: string;
  readonly bias?: string;
  /** Whether the weight is stored `[in, out]`, as GPT-2's Conv1D has it; else `[out, in]`. */
  readonly transposed?: boolean;
  /** Which one of several that its tensors hold, one after the other along their first axis. */
  readonly part?: Part;
}

/** One of several equal parts. */
export interface Part {
  readonly index: number;
  readonly of: number;
}

/** A norm over the last axis. */
export interface Norm {
  readonly kind: "rms" | "layer";
  /** None: ones. */
  readonly weight?: string;
  readonly bias?: string;
  readonly epsilon: number;
  /** Whether the factor is `1 + weight`. */
  readonly plusOne?: boolean;
}

/** A norm of queries or keys. */
export interface HeadNorm extends Omit<Norm, "weight"> {
  /** One tensor, or one a head. */
  readonly weight?: string | readonly string[];
  /** What it is over: each head, all heads side by side, or each head with a weight of its own (`[heads, width]`). */
  readonly over: "head" | "all" | "own head";
  /** Whether it comes after the rotation; default before. */
  readonly afterRope?: boolean;
}

/** How queries, keys and values come from a stream. */
export type Projections =
  | { readonly kind: "apart"; readonly q: Linear; readonly k: Linear; readonly v: Linear }
  /** All queries, all keys, all values. */
  | { readonly kind: "side by side"; readonly qkv: Linear }
  /** For each head of keys: its queries, its key, its value. */
  | { readonly kind: "by head"; readonly qkv: Linear };

/** Rotation of queries and keys by position. */
export interface Rope {
  /** Dimensions of a head that are rotated, from the first on. */
  readonly dims: number;
  /** Whether pairs are neighbours; else the first half is paired with the second. */
  readonly interleaved?: boolean;
  /** Angle a position, one a pair. */
  readonly frequencies: RopeFrequencies;
  /** Factor of sines and cosines. */
  readonly factor?: number;
}

/** Angles: the same at every length, or of two kinds, or falling with the length of the text. */
export type RopeFrequencies =
  | { readonly kind: "fixed"; readonly values: Float32Array<ArrayBuffer> }
  | {
    readonly kind: "by length";
    readonly short: Float32Array<ArrayBuffer>;
    readonly long: Float32Array<ArrayBuffer>;
    /** Tokens up to which the short ones hold. */
    readonly original: number;
  }
  | { readonly kind: "dynamic"; readonly theta: number; readonly factor: number; readonly original: number };

/** Attention of one block. */
export interface Attention {
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly projections: Projections;
  readonly output: Linear;
  /** Factor of the scores. */
  readonly scale: number;
  readonly qNorm?: HeadNorm;
  readonly kNorm?: HeadNorm;
  readonly rope?: Rope;
  /** Queries, keys and values are cut to this size. */
  readonly clip?: number;
  /** Tokens that a token sees, itself included; none: all before it. */
  readonly window?: number;
  /** `cap * tanh(scores / cap)`. */
  readonly softcap?: number;
  /** Slopes of a bias by distance, one a head; added after the scale. */
  readonly alibi?: readonly number[];
  /** The tensor of a score a head that softmax sees beside those of tokens: its weight goes to none of them. */
  readonly sinks?: string;
}

/** Activation functions, by transformers' names. */
export type Activation = "silu" | "gelu" | "gelu_tanh" | "relu" | "relu2" | "quick_gelu";

/** A feed-forward part. */
export type Mlp =
  | {
    readonly kind: "plain";
    readonly act: Activation;
    readonly up: Linear;
    readonly down: Linear;
    readonly width: number;
  }
  | {
    readonly kind: "gated";
    readonly act: Activation;
    readonly gate: Linear;
    readonly up: Linear;
    readonly down: Linear;
    readonly width: number;
  }
  /** Gate and up in one matrix, the gate first; or column by column in turn. */
  | {
    readonly kind: "packed";
    readonly act: Activation;
    readonly gateUp: Linear;
    readonly inTurn?: boolean;
    /** GPT-OSS' form: the gate is cut above this, up on both sides, and up counts one more. */
    readonly limit?: number;
    readonly down: Linear;
    readonly width: number;
  }
  | {
    readonly kind: "experts";
    readonly router: Linear;
    readonly experts: readonly Exclude<Mlp, { kind: "experts" }>[];
    readonly perToken: number;
    /** Whether the chosen experts' weights are made to add to one. */
    readonly normed: boolean;
  };

/** One block. */
export interface Block {
  readonly attention: Attention;
  readonly mlp: Mlp;
  /** Norm that attention reads through; none: it reads the stream. */
  readonly attnNorm?: Norm;
  /** Norm that the feed-forward part reads through; `"attention's"` where both read through one. */
  readonly mlpNorm?: Norm | "attention's";
  /** Norms of what is added to the stream. */
  readonly attnPostNorm?: Norm;
  readonly mlpPostNorm?: Norm;
  /** Norms of the stream after the sums, which then is what the norm gives. */
  readonly attnSumNorm?: Norm;
  readonly mlpSumNorm?: Norm;
  /** Whether attention and feed-forward part read the same stream. */
  readonly parallel?: boolean;
  /** Factor of what is added to the stream. */
  readonly multiplier?: number;
}

/** A decoder. */
export interface DecoderSpec {
  readonly dim: number;
  readonly vocab: number;
  readonly embedding: {
    readonly weight: string;
    /** Width of the table, if it is not the stream's; then `project` widens it. */
    readonly dim?: number;
    readonly project?: Linear;
    readonly multiplier?: number;
    readonly norm?: Norm;
    /** Learned positions: rows of a table, from `offset` on. */
    readonly positions?: { readonly weight: string; readonly offset: number; readonly count: number };
  };
  readonly blocks: readonly Block[];
  readonly norm?: Norm;
  readonly head: Linear & {
    /** Narrows the stream before the head. */
    readonly project?: Linear;
    readonly multiplier?: number;
    readonly softcap?: number;
  };
}
