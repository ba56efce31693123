import type { Block } from "../spec.ts";
import { activationOf, type Family, headOf, layerNorm, matrix, sizesOf } from "./common.ts";

/** OPT: learned positions from row 2 on; its 350M has its norms after the sums and a narrow embedding. */
export const opt: Family = (c) => {
  const base = c.prefix("model.", "decoder.embed_tokens.weight");
  const root = `${base}decoder.`;
  const table = `${root}embed_tokens.weight`;
  const { dim, layers, heads, headDim, vocab } = sizesOf(c);
  const width = c.count(["ffn_dim", "intermediate_size"], 4 * dim);
  const act = activationOf(c, "activation_function", "relu");
  const before = c.flag("do_layer_norm_before", true);
  const narrow = c.count("word_embed_proj_dim", dim);
  const hasLast = !c.flag("_remove_final_layer_norm", false) && before;
  // Its table has two rows before that of position 0, as transformers' OPTLearnedPositionalEmbedding reads it.
  const count = c.count("max_position_embeddings", 2048) + 2;
  const bias = c.flag("enable_bias", true);
  c.only({ layer_norm_elementwise_affine: true, learned_embeddings: true });
  const norm = (path: string) => layerNorm(path, 1e-5);
  const blocks = Array.from({ length: layers }, (_, i): Block => {
    const path = `${root}layers.${i}`;
    const prefix = `${path}.self_attn`;
    const [first, second] = [norm(`${path}.self_attn_layer_norm`), norm(`${path}.final_layer_norm`)];
    return {
      ...before ? { attnNorm: first, mlpNorm: second } : { attnSumNorm: first, mlpSumNorm: second },
      attention: {
        heads,
        keyHeads: heads,
        headDim,
        projections: {
          kind: "apart",
          q: matrix(`${prefix}.q_proj`, bias),
          k: matrix(`${prefix}.k_proj`, bias),
          v: matrix(`${prefix}.v_proj`, bias),
        },
        output: matrix(`${prefix}.out_proj`, bias),
        scale: 1 / Math.sqrt(headDim),
      },
      mlp: { kind: "plain", act, up: matrix(`${path}.fc1`, bias), down: matrix(`${path}.fc2`, bias), width },
    };
  });
  const isNarrow = narrow !== dim;
  return {
    dim,
    vocab,
    embedding: {
      weight: table,
      positions: { weight: `${root}embed_positions.weight`, offset: 2, count },
      ...isNarrow ? { dim: narrow, project: matrix(`${root}project_in`) } : {},
    },
    blocks,
    ...hasLast ? { norm: norm(`${root}final_layer_norm`) } : {},
    head: { ...headOf(c, table, true), ...isNarrow ? { project: matrix(`${root}project_out`) } : {} },
  };
};
