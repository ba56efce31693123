import { anglesOf, ropeOf } from "../frequencies.ts";
import type { Block, DecoderSpec, Mlp } from "../spec.ts";
import { activationOf, type Family, headOf, layerNorm, matrix, sizesOf } from "./common.ts";

/** GPT-NeoX (Pythia): parallel blocks behind two norms, queries, keys and values by head, part of each rotated. */
export const gptNeox: Family = (c) => {
  const root = c.prefix("gpt_neox.", "embed_in.weight");
  const table = `${root}embed_in.weight`;
  const { dim, layers, heads, headDim, vocab } = sizesOf(c);
  const epsilon = c.number("layer_norm_eps", 1e-5);
  const width = c.maybeNumber("intermediate_size") ?? 4 * dim;
  const act = activationOf(c, "hidden_act", "gelu");
  const parallel = c.flag("use_parallel_residual", true);
  const bias = c.flag("attention_bias", true);
  const rope = ropeOf(c, headDim, {
    partial: 0.25,
    partialNames: ["rotary_pct", "partial_rotary_factor"],
    thetaNames: ["rotary_emb_base", "rope_theta"],
  });
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}layers.${i}`;
    const mlp: Mlp = {
      kind: "plain",
      act,
      up: matrix(`${path}.mlp.dense_h_to_4h`, true),
      down: matrix(`${path}.mlp.dense_4h_to_h`, true),
      width,
    };
    return {
      parallel,
      attnNorm: layerNorm(`${path}.input_layernorm`, epsilon),
      attention: {
        heads,
        keyHeads: heads,
        headDim,
        projections: { kind: "by head", qkv: matrix(`${path}.attention.query_key_value`, bias) },
        output: matrix(`${path}.attention.dense`, bias),
        scale: 1 / Math.sqrt(headDim),
        rope,
      },
      mlpNorm: layerNorm(`${path}.post_attention_layernorm`, epsilon),
      mlp,
    };
  });
  return {
    dim,
    vocab,
    embedding: { weight: table },
    blocks,
    norm: layerNorm(`${root}final_layer_norm`, epsilon),
    head: headOf(c, table, false, matrix("embed_out")),
  };
};

/** GPT-J: parallel blocks behind one norm, neighbours of the first `rotary_dim` dimensions rotated, a bias at the head. */
export const gptj: Family = (c) => {
  const root = c.prefix("transformer.", "wte.weight");
  const table = `${root}wte.weight`;
  const { dim, layers, heads, headDim, vocab } = sizesOf(c);
  const epsilon = c.number("layer_norm_epsilon", 1e-5);
  const width = c.maybeNumber(["n_inner", "intermediate_size"]) ?? 4 * dim;
  const act = activationOf(c, "activation_function", "gelu_new");
  // Its angles are fixed: no setting of rotary positions is heeded.
  const dims = c.count("rotary_dim", 64);
  const rope = { dims, interleaved: true, ...anglesOf(c, {}, 10_000, dims) };
  c.only({ rotary: true, scale_attn_weights: true });
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}h.${i}`;
    return {
      parallel: true,
      attnNorm: layerNorm(`${path}.ln_1`, epsilon),
      attention: {
        heads,
        keyHeads: heads,
        headDim,
        projections: {
          kind: "apart",
          q: matrix(`${path}.attn.q_proj`),
          k: matrix(`${path}.attn.k_proj`),
          v: matrix(`${path}.attn.v_proj`),
        },
        output: matrix(`${path}.attn.out_proj`),
        scale: 1 / Math.sqrt(headDim),
        rope,
      },
      mlpNorm: "attention's",
      mlp: {
        kind: "plain",
        act,
        up: matrix(`${path}.mlp.fc_in`, true),
        down: matrix(`${path}.mlp.fc_out`, true),
        width,
      },
    };
  });
  const spec: DecoderSpec = {
    dim,
    vocab,
    embedding: { weight: table },
    blocks,
    norm: layerNorm(`${root}ln_f`, epsilon),
    head: { ...headOf(c, table, false, matrix("lm_head")), bias: "lm_head.bias" },
  };
  return spec;
};
