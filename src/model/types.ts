import type { BackendName } from "../compute/backend.ts";
import type { HubOptions } from "../hub/options.ts";

/** The storage types that hub models come in. */
export type Dtype =
  | ("fp32" | "fp16" | "q8" | "int8" | "uint8")
  | ("q4" | "q4f16" | "q2" | "q2f16" | "q1" | "q1f16" | "bnb4");

/**
 * Where in a block activations are read and changed, by TransformerLens' names: the residual stream before the block
 * (`resid_pre`), after its attention (`resid_mid`) and after the block (`resid_post`); what attention and feed-forward
 * part add to it (`attn_out`, `mlp_out`); what attention's output projection reads, all heads side by side (`z`); the
 * attention weights (`pattern`); the probabilities of a mixture's experts, or what its operator makes them of
 * (`router`). Any other text is the name of a tensor of the graph, in which `{layer}` stands for the number of the
 * block.
 */
export type HookSite =
  | "resid_pre"
  | "resid_mid"
  | "resid_post"
  | "attn_out"
  | "mlp_out"
  | "z"
  | "pattern"
  | "router"
  | (string & Record<never, never>);

/** One place in a model: a site in a block. */
export interface HookPoint {
  /** Number of the block, from 0. */
  readonly layer: number;
  /** Where in it. */
  readonly at: HookSite;
}

/**
 * Whether `<bos>` stands before a text: `"always"` wherever the tokenizer has one, as TransformerLens does, whether or
 * not the tokenizer adds it by itself; `"tokenizer"` where the tokenizer adds it; `"never"`. It never stands there
 * twice.
 */
export type BosRule = "always" | "tokenizer" | "never";

/**
 * What control tokens in texts and in a chat's messages (`<end_of_turn>`, `<|im_start|>`) are read as: `"text"`, as any
 * other characters, so that no document ends a turn or opens the model's; or `"tokens"`, where texts were written so on
 * purpose. Control tokens are those that the tokenizer's files call special and those that its chat template writes. The
 * `<bos>` that a text begins with, and what a template writes itself, are tokens by either.
 */
export type ControlTokenRule = "text" | "tokens";

/** Where and how to load a model; of a model of the hub also how it is fetched. */
export interface LoadOptions extends HubOptions {
  /** Where the model's activations are read and changed unless a call says otherwise; default `"resid_post"`. */
  hook?: HookSite;
  /** Default `"always"`. */
  bos?: BosRule;
  /** Default `"text"`. */
  controlTokens?: ControlTokenRule;
  /**
   * The day that a chat template is told it is, if it asks, as Llama 3's do; default `"2024-07-26"`, whatever the day, so
   * that the same texts are the same tokens tomorrow.
   */
  templateDate?: string;
  /** `"auto"` (default) takes WebGPU on a real GPU and the CPU otherwise. */
  device?: "auto" | BackendName;
  /**
   * Storage type of the weights; default `"fp32"`. Of a checkpoint without an export in it also `"q8"` and `"q4"`,
   * matrices in blocks of 32 weights with a scale, and on WebGPU `"fp16"`. A `modelFile` in full tells its own.
   */
  dtype?: Dtype;
  /**
   * Whether an ONNX graph is run, or one that is built over the checkpoint's own files; default the latter, for
   * float32, where its family is known. One that is refused leaves it to an export beside it, with a note, unless it is
   * asked for here.
   */
  weights?: "onnx" | "safetensors";
  /**
   * Branch, tag or commit of a model of the hub; default `main`. `owner/name@revision` as the model's id says it too.
   */
  revision?: string;
  /**
   * Folder of the graph in the model's folder; default `onnx`, else the folder itself. Its other files may be there
   * too.
   */
  subfolder?: string;
  /**
   * Name of the graph's file: in full (`model_q4.onnx`), or without storage type and ending (`decoder_model_merged`);
   * default `model`. The files of its weights are found in it, however many there are and whatever they are called.
   */
  modelFile?: string;
  /** Called with each of the model's {@link LanguageModel.notes}, also with one that turns out late. */
  onNote?: (note: string) => void;
  /**
   * Called while a checkpoint's weights are quantised: those that are done, all. It is done once, and kept in the
   * cache.
   */
  onQuantise?: (done: number, total: number) => void;
  /** Called while files are downloaded from the hub: file, bytes so far, bytes in all. */
  onDownload?: (file: string, loaded: number, total: number) => void;
}

/**
 * The activations at one hook point for one padded batch: `(batch * width) x dim`. At `pattern` they are
 * `batch x heads x width x width`: of each head, how much a position (row) attends to each (column).
 */
export interface Residual extends Disposable {
  /** Length of an activation: all that the tensor holds for one position; at `pattern` `heads * width`. */
  readonly dim: number;
  /** Host values, on the CPU device. Throws once it is disposed, as `buffer` does. */
  readonly data?: Float32Array<ArrayBuffer>;
  /** Device values, on the process's GPU device: the first `batch * width * dim` float32 (buffers are rounded up). */
  readonly buffer?: GPUBuffer;
  /** Gives a device buffer back; a second time it does nothing. */
  dispose(): void;
}

/** What a capture returns. */
export interface Capture {
  /** Number of prompts. */
  readonly batch: number;
  /** Padded length: prompt `i`'s position `p` is row `i * width + p` of each residual. */
  readonly width: number;
  /** Activations by layer. */
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

/** A change of the activations at one hook point, at every position that is not padding. */
export interface Intervention {
  /** The block. */
  readonly layer: number;
  /** Where in it; default the model's own {@link LanguageModel.hook}. */
  readonly at?: HookSite;
  /**
   * Ablation: `x' = center + (I - Q Q^T)(x - center)`, Q an orthonormal basis of these directions; center default zero.
   * Several ablations at one layer remove all their directions together and must have one center.
   */
  readonly ablate?: { readonly directions: readonly Float32Array[]; readonly center?: Float32Array };
  /** Steering: `x' = x + alpha * direction`, after ablation; several at one layer add up. */
  readonly steer?: { readonly direction: Float32Array; readonly alpha: number };
  /** Patching: sets activations at chosen positions, after ablation and steering. */
  readonly replace?: Replacement;
}

/** Activations to put in the place of a model's own. */
export interface Replacement {
  /** Token positions of every prompt, `<bos>` being 0; negative ones count from the prompt's end, -1 its last token. */
  readonly positions: readonly number[];
  /** `dim` numbers for all positions, `positions x dim` for all prompts, or `prompts x positions x dim`. */
  readonly values: Float32Array;
}

/** How to generate. */
export interface GenerateOptions {
  /** Default 60. */
  maxNewTokens?: number;
  /** Changes of activations while prompts are read and tokens are generated. */
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
export interface LanguageModel extends AsyncDisposable {
  /** Folder or hub id it was loaded from. */
  readonly id: string;
  /** Number of blocks. */
  readonly layers: number;
  /** Where activations are read and changed unless a call says otherwise. */
  readonly hook: HookSite;
  /** Length of an activation at {@link hook}. */
  readonly dim: number;
  /** Width of the residual stream, which the lens takes; {@link dim} at the sites of the stream. */
  readonly streamDim: number;
  /** Size of the vocabulary. */
  readonly vocab: number;
  /** Ids of the tokens that the tokenizer calls special, such as `<bos>` and `<start_of_turn>`, ascending. */
  readonly specialTokens: readonly number[];
  /**
   * Tokens that a text may have: as many as config.json tells of positions, or as the graph's table of them has rows, if
   * that is less; Infinity where neither is there.
   */
  readonly maxContext: number;
  /** Where it runs. */
  readonly device: BackendName;
  /** Storage type of its weights. */
  readonly dtype: Dtype;
  /** Whether its graph is an ONNX export, or was built over its checkpoint. */
  readonly weights: "onnx" | "safetensors";
  /** Branch, tag or commit of the hub that was asked for; undefined for a folder. */
  readonly revision?: string;
  /** The commit that this was; undefined for a folder. */
  readonly commit?: string;
  /** Whether `<bos>` stands before texts. */
  readonly bos: BosRule;
  /** What control tokens in texts are read as. */
  readonly controlTokens: ControlTokenRule;
  /** The day that its chat template writes; absent where that asks for none. */
  readonly templateDate?: string;
  /** What a user should know of how this model is run, a sentence each; mostly none. */
  readonly notes: readonly string[];
  /** What ends its work early, see {@link withSignal}; mostly absent. */
  readonly signal?: AbortSignal;

  /** Token ids of a text, `<bos>` first as {@link bos} says, cut to `context` tokens (default: not cut). */
  encode(text: string, context?: number): Int32Array<ArrayBuffer>;
  /** Token ids of a chat as the model's template writes it, `<bos>` too, ready for the model's turn. */
  encodeChat(messages: readonly ChatMessage[], context?: number): Int32Array<ArrayBuffer>;
  /** Text of token ids. */
  decode(tokens: ArrayLike<number>, options?: { skipSpecial?: boolean }): string;

  /**
   * Reads the activations at `at` (default {@link hook}) in each of `layers` for prompts given as token ids (each at
   * least one long). Runs only the part of the graph that the deepest layer needs.
   *
   * @throws {ModelError} if the model has no such place in one of the layers.
   */
  capture(prompts: readonly Int32Array[], layers: readonly number[], at?: HookSite): Promise<Capture>;

  /**
   * This model, read and changed at another site by default. Both share their sessions: disposing either disposes both.
   *
   * @throws {ModelError} if the model has no such site, or one without a fixed width (`pattern`), which `capture` alone
   * can read.
   */
  withHook(at: HookSite): Promise<LanguageModel>;

  /**
   * This model, whose work ends with the signal: between two pieces of it, each about a second's on two cores, and between
   * two new tokens, whatever it was asked for throws the signal's reason. What is under way in one piece is not cut off,
   * nor is loading. Both share their sessions, as those of {@link withHook} do, which keep the signal.
   */
  withSignal(signal: AbortSignal): LanguageModel;

  /** Logits of the whole model, right-padded. */
  logits(prompts: readonly Int32Array[], interventions?: readonly Intervention[]): Promise<Logits>;

  /**
   * Greedy continuation of each prompt, the most likely token each time, as text without special tokens. Of the model's
   * generation_config.json the ids that end a text (`eos_token_id`) count and nothing else: what it says of sampling,
   * penalties, suppressed or forced tokens and lengths is not applied, and {@link notes} say what that is. A text also ends
   * where the model cannot read on, past {@link maxContext}.
   */
  generate(prompts: readonly Int32Array[], options?: GenerateOptions): Promise<string[]>;

  /**
   * Logit lens: pushes each direction (row of `rows x dim`) through the model's final norm and unembedding and
   * gives its `k` (default 5) largest tokens.
   */
  lens(directions: Float32Array<ArrayBuffer>, rows: number, k?: number): Promise<LensToken[][]>;

  /**
   * Gives all sessions back when what runs has ended; a second time it does nothing. Tokens can still be encoded and
   * decoded; whatever needs a session throws a {@link "./error.ts".ModelError}.
   */
  dispose(): Promise<void>;
}
