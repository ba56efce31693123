import type { CheckpointReader } from "../reader.ts";
import { type Family, layerTypes, llamaForm, perHead, slides, windowOf } from "./common.ts";
import { mixtureOf } from "./experts.ts";

/** Qwen 2 and 2.5: queries, keys and values have biases, whatever config.json says. */
export const qwen2: Family = (c) => {
  const windowOf = windows(c);
  return llamaForm(c, { keyHeads: 32, bias: { qkv: true }, attention: windowOf });
};

/** Qwen 3: norms of each head in the place of biases. */
export const qwen3: Family = (c) => qwen3Form(c, { keyHeads: 32, headDim: 128 });

/** Qwen 3 with experts in some or all blocks. */
export const qwen3Moe: Family = (c) => {
  const count = c.count(["num_experts", "num_local_experts"], 128);
  const perToken = c.count("num_experts_per_tok", 8);
  const width = c.count("moe_intermediate_size", 768);
  const step = c.count("decoder_sparse_step", 1);
  const dense = c.list("mlp_only_layers") ?? [];
  const normed = c.flag("norm_topk_prob", false);
  // Its class has no `max_window_layers`: all blocks have a window, or none.
  const own = windowOf(c, 4096);
  const window = c.flag("use_sliding_window", false) ? own : undefined;
  c.ignore("max_window_layers");
  return qwen3Form(c, {
    keyHeads: 4,
    mlp: (layer: number, path: string) =>
      dense.includes(layer) || (layer + 1) % step !== 0
        ? undefined
        : mixtureOf(c, { path: `${path}.mlp`, count, perToken, width, normed }),
  }, () => window === undefined ? {} : { window });
};

function qwen3Form(
  c: CheckpointReader,
  form: Parameters<typeof llamaForm>[1],
  windowOf: (layer: number) => { window?: number } = windows(c),
) {
  const bias = c.flag("attention_bias", false);
  return llamaForm(c, {
    ...form,
    bias: { qkv: bias, output: bias },
    attention: (layer, _plain, path, epsilon) => ({
      ...windowOf(layer),
      qNorm: perHead(`${path}.self_attn.q_norm`, epsilon),
      kNorm: perHead(`${path}.self_attn.k_norm`, epsilon),
    }),
  });
}

/** Blocks from `max_window_layers` on have a window, if `use_sliding_window` says so. */
function windows(c: CheckpointReader): (layer: number) => { window?: number } {
  const layers = c.count("num_hidden_layers");
  const isUsed = c.flag("use_sliding_window", false);
  const first = c.number("max_window_layers", 28);
  const window = windowOf(c, 4096);
  const types = layerTypes(c, layers, (i) => isUsed && i >= first ? "sliding_attention" : "full_attention");
  return (layer) => slides(types, layer, isUsed ? window : undefined);
}
