/** What most families share. */
import { ModelError } from "../../error.ts";
import { type RopeDefaults, ropeOf } from "../frequencies.ts";
import type { CheckpointReader } from "../reader.ts";
import type { Activation, Attention, Block, DecoderSpec, HeadNorm, Linear, Mlp, Norm } from "../spec.ts";

/** A family: config.json and tensors to a decoder. */
export type Family = (c: CheckpointReader) => DecoderSpec;

/** transformers' names of activation functions. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  // One formula under three names.
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  relu: "relu",
  relu2: "relu2",
  quick_gelu: "quick_gelu",
};

/** The activation that a field names. */
export function activationOf(c: CheckpointReader, names: string | readonly string[], otherwise: string): Activation {
  const name = c.text(names, otherwise)!;
  const known = ACTIVATIONS[name];
  if (known) return known;
  throw new ModelError(
    `Expected an activation function that is known (${
      Object.keys(ACTIVATIONS).join(", ")
    }) but config.json says "${name}": ` +
      "take an ONNX export",
  );
}

/** A matrix with a bias if asked. */
export function matrix(path: string, bias = false): Linear {
  return { weight: `${path}.weight`, ...(bias ? { bias: `${path}.bias` } : {}) };
}

/** A root-mean-square norm. */
export function rms(path: string, epsilon: number, plusOne = false): Norm {
  return { kind: "rms", weight: `${path}.weight`, epsilon, plusOne };
}

/** A layer norm, with a bias unless told otherwise. */
export function layerNorm(path: string, epsilon: number, bias = true): Norm {
  return { kind: "layer", weight: `${path}.weight`, ...(bias ? { bias: `${path}.bias` } : {}), epsilon };
}

/** Names of sizes, newest first. */
const NAMES = {
  dim: ["hidden_size", "n_embd", "n_embed", "d_model"],
  layers: ["num_hidden_layers", "n_layer", "n_layers", "num_layers"],
  heads: ["num_attention_heads", "n_head", "n_heads", "num_heads"],
};

/** Sizes that every decoder has. */
export interface Sizes {
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly vocab: number;
}

/** Width of a head, at most: rotations are computed for each of its numbers before weights are looked at. */
const WIDEST_HEAD = 2 ** 16;

/**
 * The sizes that a checkpoint's configuration tells.
 *
 * @param told What absent ones mean: `keyHeads` `num_key_value_heads`, default as many as heads; `headDim` `head_dim`, default
 * `hidden_size / heads`; `layers`, `heads` and `vocab`, default that is an error.
 */
export function sizesOf(
  c: CheckpointReader,
  told: { keyHeads?: number; headDim?: number; layers?: number; heads?: number; vocab?: number } = {},
): Sizes {
  const dim = c.count(NAMES.dim);
  const heads = c.count(NAMES.heads, told.heads);
  const layers = c.count(NAMES.layers, told.layers);
  const own = told.headDim ?? dim / heads;
  const width = c.number("head_dim", own);
  const groups = c.number("num_key_value_heads", told.keyHeads ?? heads);
  if (!Number.isInteger(width) || width < 1 || width > WIDEST_HEAD) {
    throw new ModelError(
      `Expected heads of a whole width (head_dim), 1 to ${WIDEST_HEAD}, but config.json says ${width}`,
    );
  }
  if (!Number.isInteger(heads / groups)) {
    throw new ModelError(`Expected key heads that divide the ${heads} heads but config.json says ${groups}`);
  }
  return { dim, layers, heads, keyHeads: groups, headDim: width, vocab: c.count("vocab_size", told.vocab) };
}

/** The layer types that config.json lists, or those that the family means. */
export function layerTypes(c: CheckpointReader, layers: number, otherwise: (layer: number) => string): string[] {
  const told = c.list("layer_types");
  const types = told?.map(String) ?? Array.from({ length: layers }, (_, i) => otherwise(i));
  const known = ["full_attention", "sliding_attention"];
  const odd = types.find((type) => !known.includes(type));
  if (odd !== undefined) {
    throw new ModelError(`Expected blocks of ${known.join(" or ")} but config.json says "${odd}": take an ONNX export`);
  }
  if (types.length !== layers) {
    throw new ModelError(`Expected "layer_types" of ${layers} blocks but config.json lists ${types.length}`);
  }
  return types;
}

/** The output matrix: the embedding's table where both are one. */
export function headOf(
  c: CheckpointReader,
  embedding: string,
  tiedByDefault: boolean,
  own: Linear = matrix("lm_head"),
): Linear {
  return c.flag("tie_word_embeddings", tiedByDefault) ? { weight: embedding } : own;
}

/** How a family of Llama's form differs from Llama. */
export interface LlamaForm {
  /** Before all names but the head's; default `model.`. */
  readonly prefix?: string;
  readonly heads?: number;
  readonly vocab?: number;
  readonly keyHeads?: number;
  readonly headDim?: number;
  readonly epsilonName?: string;
  readonly epsilon?: number;
  readonly tied?: boolean;
  /** What an absent word on rotary positions means; `"by block"` where `attention` says it. */
  readonly rope?: RopeDefaults | "by block";
  /** The activation function, where another field or none says it; default what `hidden_act` says. */
  readonly act?: Activation;
  /** transformers' name of the one that an absent `hidden_act` means; default `silu`. */
  readonly actDefault?: string;
  /** Biases of queries, keys, values and of the output. */
  readonly bias?: { readonly qkv?: boolean; readonly output?: boolean; readonly mlp?: boolean };
  /** Makes a norm of a path; default a root-mean-square one. */
  readonly norm?: (path: string, epsilon: number) => Norm;
  /** Norms of a block; default before attention and before the feed-forward part. */
  readonly norms?: (path: string, epsilon: number) => Partial<Block>;
  readonly attention?: (layer: number, attention: Attention, path: string, epsilon: number) => Partial<Attention>;
  readonly mlp?: (layer: number, path: string, width: number, act: Activation) => Mlp | undefined;
  readonly block?: (layer: number) => Partial<Block>;
  readonly decoder?: (spec: DecoderSpec) => Partial<DecoderSpec>;
}

/** A decoder of Llama's form. */
export function llamaForm(c: CheckpointReader, form: LlamaForm = {}): DecoderSpec {
  const root = c.prefix(form.prefix ?? "model.", "embed_tokens.weight");
  const table = `${root}embed_tokens.weight`;
  const sizes = sizesOf(c, form);
  const { dim, layers, heads, keyHeads, headDim, vocab } = sizes;
  const epsilon = c.number(form.epsilonName ?? "rms_norm_eps", form.epsilon ?? 1e-6);
  const normOf = form.norm ?? rms;
  const act = form.act ?? activationOf(c, "hidden_act", form.actDefault ?? "silu");
  const width = c.maybeNumber("intermediate_size") ?? 4 * dim;
  const { qkv = false, output = false, mlp: mlpBias = false } = form.bias ?? {};
  const rope = form.rope === "by block" ? undefined : ropeOf(c, headDim, form.rope);
  c.ignore("max_position_embeddings");

  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}layers.${i}`;
    const projections = {
      kind: "apart" as const,
      q: matrix(`${path}.self_attn.q_proj`, qkv),
      k: matrix(`${path}.self_attn.k_proj`, qkv),
      v: matrix(`${path}.self_attn.v_proj`, qkv),
    };
    const plain: Attention = {
      heads,
      keyHeads,
      headDim,
      projections,
      output: matrix(`${path}.self_attn.o_proj`, output),
      scale: 1 / Math.sqrt(headDim),
      ...(rope ? { rope } : {}),
    };
    const gated: Mlp = {
      kind: "gated",
      act,
      gate: matrix(`${path}.mlp.gate_proj`, mlpBias),
      up: matrix(`${path}.mlp.up_proj`, mlpBias),
      down: matrix(`${path}.mlp.down_proj`, mlpBias),
      width,
    };
    return {
      // What the family says comes last and replaces Llama's.
      attention: { ...plain, ...form.attention?.(i, plain, path, epsilon) },
      mlp: form.mlp?.(i, path, width, act) ?? gated,
      ...(form.norms?.(path, epsilon) ?? {
        attnNorm: normOf(`${path}.input_layernorm`, epsilon),
        mlpNorm: normOf(`${path}.post_attention_layernorm`, epsilon),
      }),
      ...form.block?.(i),
    };
  });
  const spec: DecoderSpec = {
    dim,
    vocab,
    embedding: { weight: table },
    blocks,
    norm: normOf(`${root}norm`, epsilon),
    head: headOf(c, table, form.tied ?? false),
  };
  return { ...spec, ...form.decoder?.(spec) };
}

/** A feed-forward part without a gate, of two matrices. */
export function plainMlp(up: Linear, down: Linear, width: number, act: Activation): Mlp {
  return { kind: "plain", act, up, down, width };
}

/** A gated one whose gate and up matrix are one. */
export function packedMlp(path: string, width: number, act: Activation): Mlp {
  return {
    kind: "packed",
    act,
    gateUp: matrix(`${path}.mlp.gate_up_proj`),
    down: matrix(`${path}.mlp.down_proj`),
    width,
  };
}

/** A norm of each head of queries or keys. */
export function perHead(path: string, epsilon: number, plusOne = false): HeadNorm {
  return { kind: "rms", weight: `${path}.weight`, epsilon, plusOne, over: "head" };
}

/** Tokens that a window lets a token see; null means that there is none, and a file that is silent means `otherwise`. */
export function windowOf(c: CheckpointReader, otherwise?: number): number | undefined {
  if (!c.says("sliding_window")) return otherwise;
  return c.config.sliding_window === null ? undefined : c.count("sliding_window");
}

/** A window for blocks that slide. */
export function slides(types: readonly string[], layer: number, window: number | undefined): Partial<Attention> {
  if (types[layer] !== "sliding_attention") return {};
  if (window !== undefined && Number.isInteger(window) && window > 0) return { window };
  throw new ModelError(
    `Expected a window of whole tokens for block ${layer}, which slides, but config.json says ${window ?? "none"}`,
  );
}

/** Fields on rotary positions, for families some of whose blocks have none: of files whose blocks all have none, too. */
export const ROPE_FIELDS = ["rope_parameters", "rope_scaling", "rope_theta"];
