import { ModelError } from "../../error.ts";
import type { Block, Norm, Projections } from "../spec.ts";
import { ropeOf } from "../frequencies.ts";
import { activationOf, type Family, headOf, layerNorm, matrix, sizesOf } from "./common.ts";

/** Slopes of the heads' biases: a geometric series, filled up from the one of twice as many heads. */
function slopesOf(heads: number): number[] {
  // Press et al., "Train short, test long", 2022, as transformers' `build_alibi_tensor` has it.
  const power = 2 ** Math.floor(Math.log2(heads));
  const series = (count: number) => Array.from({ length: count }, (_, i) => 2 ** (-8 * (i + 1) / count));
  const between = series(2 * power).filter((_, i) => i % 2 === 0).slice(0, heads - power);
  return [...series(power), ...between];
}

/** BLOOM: a norm of the embedding, queries, keys and values by head. */
export const bloom: Family = (c) => {
  const root = c.prefix("transformer.", "word_embeddings.weight");
  const table = `${root}word_embeddings.weight`;
  const { dim, layers, heads, headDim, vocab } = sizesOf(c, { layers: 2 });
  const epsilon = c.number("layer_norm_epsilon", 1e-5);
  c.only({ apply_residual_connection_post_layernorm: false, n_inner: 4 * dim, slow_but_exact: false });
  const slopes = slopesOf(heads);
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}h.${i}`;
    return {
      attnNorm: layerNorm(`${path}.input_layernorm`, epsilon),
      attention: {
        heads,
        keyHeads: heads,
        headDim,
        projections: { kind: "by head", qkv: matrix(`${path}.self_attention.query_key_value`, true) },
        output: matrix(`${path}.self_attention.dense`, true),
        scale: 1 / Math.sqrt(headDim),
        alibi: slopes,
      },
      mlpNorm: layerNorm(`${path}.post_attention_layernorm`, epsilon),
      mlp: {
        kind: "plain",
        act: "gelu_tanh",
        up: matrix(`${path}.mlp.dense_h_to_4h`, true),
        down: matrix(`${path}.mlp.dense_4h_to_h`, true),
        width: 4 * dim,
      },
    };
  });
  return {
    dim,
    vocab,
    embedding: { weight: table, norm: layerNorm(`${root}word_embeddings_layernorm`, epsilon) },
    blocks,
    norm: layerNorm(`${root}ln_f`, epsilon),
    head: headOf(c, table, true),
  };
};

/** MPT: layer norms without biases, no other biases. */
export const mpt: Family = (c) => {
  const root = c.prefix("transformer.", "wte.weight");
  const table = `${root}wte.weight`;
  const { dim, layers, heads, headDim, vocab } = sizesOf(c);
  const epsilon = c.number("layer_norm_epsilon", 1e-5);
  // transformers makes it so, whatever `expansion_ratio` says.
  const width = 4 * dim;
  const attn = c.record("attn_config") ?? {};
  c.only({ logit_scale: null, embedding_fraction: 1, no_bias: true, norm_type: "low_precision_layernorm" });
  c.ignore(
    "expansion_ratio",
    "max_seq_len",
    "learned_pos_emb",
    "verbose",
    "init_device",
    "init_config",
    "fc_type",
    "use_norm_bias",
  );
  const only: Record<string, unknown> = {
    attn_type: "multihead_attention",
    prefix_lm: false,
    qk_ln: false,
    alibi: true,
    alibi_bias_max: 8,
    attn_uses_sequence_id: false,
  };
  for (const [name, value] of Object.entries(only)) {
    if (
      attn[name] !== undefined && attn[name] !== null && attn[name] !== value &&
      !(name === "attn_type" && attn[name] === "multihead")
    ) {
      c.only({ attn_config: { [name]: value } });
    }
  }
  const clip = (attn.clip_qkv ?? undefined) as number | undefined;
  if (clip !== undefined && !(typeof clip === "number" && clip > 0)) {
    throw new ModelError(
      `Expected "clip_qkv" of attn_config in config.json to be above zero, or null for none, but it is ${
        JSON.stringify(clip)
      }`,
    );
  }
  const scale = typeof attn.softmax_scale === "number" ? attn.softmax_scale : 1 / Math.sqrt(headDim);
  const slopes = mptSlopes(heads);
  const norm = (path: string): Norm => layerNorm(path, epsilon, false);
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}blocks.${i}`;
    return {
      attnNorm: norm(`${path}.norm_1`),
      attention: {
        heads,
        keyHeads: heads,
        headDim,
        projections: { kind: "side by side", qkv: matrix(`${path}.attn.Wqkv`) },
        output: matrix(`${path}.attn.out_proj`),
        scale,
        alibi: slopes,
        ...clip === undefined ? {} : { clip },
      },
      mlpNorm: norm(`${path}.norm_2`),
      mlp: {
        kind: "plain",
        act: "gelu",
        up: matrix(`${path}.ffn.up_proj`),
        down: matrix(`${path}.ffn.down_proj`),
        width,
      },
    };
  });
  return {
    dim,
    vocab,
    embedding: { weight: table },
    blocks,
    norm: norm(`${root}norm_f`),
    head: headOf(c, table, true),
  };
};

/** MPT fills its series up from the other end. */
function mptSlopes(heads: number): number[] {
  const power = 2 ** Math.ceil(Math.log2(heads));
  const series = Array.from({ length: power }, (_, i) => 2 ** (-8 * (i + 1) / power));
  if (power === heads) return series;
  return [...series.filter((_, i) => i % 2 === 1), ...series.filter((_, i) => i % 2 === 0)].slice(0, heads);
}

/** Falcon: the new form has groups of heads and two norms; the old one shares one key head, or has rotation's place taken by slopes. */
export const falcon: Family = (c) => {
  const root = c.prefix("transformer.", "word_embeddings.weight");
  const table = `${root}word_embeddings.weight`;
  const isNew = c.flag("new_decoder_architecture", false);
  const isShared = c.flag("multi_query", true);
  const groups = c.maybeNumber(["num_kv_heads", "n_head_kv"]);
  c.ignore("num_key_value_heads");
  const { dim, layers, heads, headDim, vocab } = sizesOf(c);
  const keyHeads = isNew ? groups ?? heads : isShared ? 1 : heads;
  const epsilon = c.number("layer_norm_epsilon", 1e-5);
  const width = c.maybeNumber(["ffn_hidden_size", "intermediate_size"]) ?? 4 * dim;
  const act = activationOf(c, "activation", "gelu");
  const parallel = c.flag("parallel_attn", true) || isNew;
  const bias = c.flag("bias", false);
  const norms = c.maybeNumber("num_ln_in_parallel_attn") ?? (isNew ? 2 : 1);
  if (c.flag("alibi", false)) {
    // Its eager attention adds the slopes twice, its other one once: nobody can say what the model is.
    throw new ModelError(
      "Expected a Falcon with rotary positions but config.json says alibi, of which transformers' own two attentions give " +
        "different values: take an ONNX export",
    );
  }
  const scale = 1 / Math.sqrt(headDim);
  const rope = ropeOf(c, headDim);
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}h.${i}`;
    const qkv = matrix(`${path}.self_attention.query_key_value`, bias);
    const projections: Projections = { kind: isNew || !isShared ? "by head" : "side by side", qkv };
    return {
      parallel,
      ...falconNorms(path, epsilon, { parallel, isNew, norms }),
      attention: {
        heads,
        keyHeads,
        headDim,
        projections,
        output: matrix(`${path}.self_attention.dense`, bias),
        scale,
        rope,
      },
      mlp: {
        kind: "plain",
        act,
        up: matrix(`${path}.mlp.dense_h_to_4h`, bias),
        down: matrix(`${path}.mlp.dense_4h_to_h`, bias),
        width,
      },
    };
  });
  return {
    dim,
    vocab,
    embedding: { weight: table },
    blocks,
    norm: layerNorm(`${root}ln_f`, epsilon),
    head: headOf(c, table, true),
  };
};

function falconNorms(
  path: string,
  epsilon: number,
  { parallel, isNew, norms }: { parallel: boolean; isNew: boolean; norms: number },
): Pick<Block, "attnNorm" | "mlpNorm"> {
  if (isNew && norms === 2) {
    return { attnNorm: layerNorm(`${path}.ln_attn`, epsilon), mlpNorm: layerNorm(`${path}.ln_mlp`, epsilon) };
  }
  const attnNorm = layerNorm(`${path}.input_layernorm`, epsilon);
  return { attnNorm, mlpNorm: parallel ? "attention's" : layerNorm(`${path}.post_attention_layernorm`, epsilon) };
}
