import { ModelError } from "../../error.ts";
import type { CheckpointReader } from "../reader.ts";
import type { Block, DecoderSpec, Linear, Mlp, Projections } from "../spec.ts";
import { activationOf, type Family, headOf, layerNorm, matrix, sizesOf } from "./common.ts";

/** The form of GPT-2: learned positions, two layer norms a block, a plain feed-forward part. */
function gptForm(
  c: CheckpointReader,
  { block, keyHeads, act }: {
    block: (
      path: string,
      layer: number,
    ) => { projections: Projections; output: Linear; scale?: number; window?: number };
    keyHeads?: number;
    act: string;
  },
  linear: (path: string) => Linear,
): DecoderSpec {
  const root = c.prefix("transformer.", "wte.weight");
  const table = `${root}wte.weight`;
  const { dim, layers, heads, headDim, vocab } = sizesOf(c);
  const epsilon = c.number("layer_norm_epsilon", 1e-5);
  const width = c.maybeNumber(["n_inner", "intermediate_size"]) ?? 4 * dim;
  const activation = activationOf(c, "activation_function", act);
  const count = c.count(["n_positions", "max_position_embeddings"], 1024);
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}h.${i}`;
    const mlp: Mlp = {
      kind: "plain",
      act: activation,
      up: linear(`${path}.mlp.c_fc`),
      down: linear(`${path}.mlp.c_proj`),
      width,
    };
    return {
      attnNorm: layerNorm(`${path}.ln_1`, epsilon),
      attention: {
        heads,
        keyHeads: keyHeads ?? heads,
        headDim,
        scale: 1 / Math.sqrt(headDim),
        ...definedOnly(block(path, i)),
      },
      mlpNorm: layerNorm(`${path}.ln_2`, epsilon),
      mlp,
    };
  });
  return {
    dim,
    vocab,
    embedding: { weight: table, positions: { weight: `${root}wpe.weight`, offset: 0, count } },
    blocks,
    norm: layerNorm(`${root}ln_f`, epsilon),
    head: headOf(c, table, true),
  };
}

function definedOnly<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}

/** GPT-2, whose matrices are stored `[in, out]`. */
export const gpt2: Family = (c) => {
  const turned = (path: string): Linear => ({ ...matrix(path, true), transposed: true });
  const byLayer = c.flag("scale_attn_by_inverse_layer_idx", false);
  const isScaled = c.flag("scale_attn_weights", true);
  const headDim = c.count(["n_embd", "hidden_size"]) / c.count(["n_head", "num_attention_heads"]);
  return gptForm(c, {
    act: "gelu_new",
    block: (path, layer) => ({
      projections: { kind: "side by side", qkv: turned(`${path}.attn.c_attn`) },
      output: turned(`${path}.attn.c_proj`),
      scale: (isScaled ? 1 / Math.sqrt(headDim) : 1) / (byLayer ? layer + 1 : 1),
    }),
  }, turned);
};

/** GPT-BigCode (StarCoder, SantaCoder): one head of keys for all queries. */
export const gptBigcode: Family = (c) => {
  const isShared = c.flag("multi_query", true);
  c.only({ scale_attn_weights: true });
  c.ignore("num_key_value_heads");
  const qkv = (path: string): Projections => ({
    kind: isShared ? "side by side" : "by head",
    qkv: matrix(`${path}.attn.c_attn`, true),
  });
  return gptForm(c, {
    act: "gelu_pytorch_tanh",
    keyHeads: isShared ? 1 : undefined,
    block: (path) => ({ projections: qkv(path), output: matrix(`${path}.attn.c_proj`, true) }),
  }, (path) => matrix(path, true));
};

/** GPT-Neo: scores are not scaled; every other block sees the last 256 tokens only. */
export const gptNeo: Family = (c) => {
  const window = c.count("window_size", 256);
  const layers = c.count(["num_layers", "num_hidden_layers"]);
  c.ignore("attention_types");
  const told = c.list("attention_layers") ?? expanded(c.list("attention_types"), layers);
  if (told.length !== layers || !told.every((kind) => kind === "global" || kind === "local")) {
    throw new ModelError(
      `Expected "attention_layers" of ${layers} blocks, each global or local, but it is ${JSON.stringify(told)}`,
    );
  }
  return gptForm(c, {
    act: "gelu_new",
    block: (path, layer) => {
      const prefix = `${path}.attn.attention`;
      return {
        projections: {
          kind: "apart",
          q: matrix(`${prefix}.q_proj`),
          k: matrix(`${prefix}.k_proj`),
          v: matrix(`${prefix}.v_proj`),
        },
        output: matrix(`${prefix}.out_proj`, true),
        scale: 1,
        ...told[layer] === "local" ? { window } : {},
      };
    },
  }, (path) => matrix(path, true));
};

/** `[[["global", "local"], 12]]` as a list of blocks. */
function expanded(types: unknown[] | undefined, layers: number): unknown[] {
  const pairs = (types ?? [[["global", "local"], layers / 2]]) as [unknown[], number][];
  if (!pairs.every((pair) => Array.isArray(pair) && Array.isArray(pair[0]) && Number.isInteger(pair[1]))) {
    throw new ModelError(
      `Expected "attention_types" such as [[["global", "local"], 12]] but config.json says ${JSON.stringify(types)}`,
    );
  }
  const list = pairs.flatMap(([kinds, times]) => Array.from({ length: times }, () => kinds).flat());
  if (list.length === layers) return list;
  throw new ModelError(`Expected "attention_types" of ${layers} blocks but config.json tells of ${list.length}`);
}
