import type { HeadNorm } from "../spec.ts";
import { type Family, layerNorm, llamaForm, matrix, plainMlp, windowOf } from "./common.ts";

/** StableLM: layer norms, a quarter of each head rotated. */
export const stablelm: Family = (c) => {
  c.only({ rotary_scaling_factor: 1 });
  const parallel = c.flag("use_parallel_residual", false);
  const hasNorms = c.flag("qk_layernorm", false);
  const bias = c.flag("use_qkv_bias", false);
  return llamaForm(c, {
    keyHeads: 32,
    epsilonName: "layer_norm_eps",
    epsilon: 1e-5,
    rope: { partial: 0.25 },
    bias: { qkv: bias },
    norm: layerNorm,
    norms: (path, epsilon) => ({
      attnNorm: layerNorm(`${path}.input_layernorm`, epsilon),
      mlpNorm: parallel ? "attention's" : layerNorm(`${path}.post_attention_layernorm`, epsilon),
      parallel,
    }),
    attention: (_layer, { heads, keyHeads }, path, epsilon) => {
      const norms = (name: string, count: number): HeadNorm => ({
        kind: "layer",
        weight: Array.from({ length: count }, (_, i) => `${path}.self_attn.${name}.norms.${i}.weight`),
        epsilon,
        over: "own head",
      });
      return hasNorms ? { qNorm: norms("q_layernorm", heads), kNorm: norms("k_layernorm", keyHeads) } : {};
    },
  });
};

/** StarCoder 2: layer norms, a plain feed-forward part, biases. */
export const starcoder2: Family = (c) => {
  const bias = c.flag("use_bias", true);
  const window = windowOf(c);
  c.only({ scale_attn_weights: true, norm_type: "layer_norm", mlp_type: "default" });
  // The first files say these twice.
  c.ignore("activation_function", "layer_norm_epsilon");
  return llamaForm(c, {
    keyHeads: 2,
    epsilonName: "norm_epsilon",
    epsilon: 1e-5,
    tied: true,
    actDefault: "gelu_pytorch_tanh",
    bias: { qkv: bias, output: bias },
    norm: layerNorm,
    attention: () => ({ window }),
    mlp: (_layer, path, width, act) =>
      plainMlp(matrix(`${path}.mlp.c_fc`, bias), matrix(`${path}.mlp.c_proj`, bias), width, act),
  });
};
