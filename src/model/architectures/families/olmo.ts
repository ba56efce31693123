import type { HeadNorm, Norm } from "../spec.ts";
import { ModelError } from "../../error.ts";
import { ropeOf } from "../frequencies.ts";
import type { CheckpointReader } from "../reader.ts";
import { type Family, layerTypes, llamaForm, rms, slides, windowOf } from "./common.ts";
import { mixtureOf } from "./experts.ts";

/** OLMo 1: layer norms without parameters, cut queries, keys and values. */
export const olmo: Family = (c) => {
  const clip = c.maybeNumber("clip_qkv");
  const bias = c.flag("attention_bias", false);
  const bare = (): Norm => ({ kind: "layer", epsilon: 1e-5 });
  c.ignore("rms_norm_eps");
  return llamaForm(c, { bias: { qkv: bias, output: bias }, norm: bare, attention: () => ({ clip }) });
};

/** Norms of all queries and of all keys, heads side by side. */
const whole = (path: string, epsilon: number): { qNorm: HeadNorm; kNorm: HeadNorm } => {
  const norm = (name: string): HeadNorm => ({ ...rms(`${path}.self_attn.${name}`, epsilon), over: "all" });
  return { qNorm: norm("q_norm"), kNorm: norm("k_norm") };
};

/** Norms behind both parts. */
const behind = (path: string, epsilon: number) => ({
  attnPostNorm: rms(`${path}.post_attention_layernorm`, epsilon),
  mlpPostNorm: rms(`${path}.post_feedforward_layernorm`, epsilon),
});

/** OLMo 2. */
export const olmo2: Family = (c) => olmo2Form(c, (_layer, path, epsilon) => whole(path, epsilon));

/** OLMo 3: OLMo 2 with a window in three of four blocks. */
export const olmo3: Family = (c) => {
  const window = windowOf(c, 4096);
  const types = layerTypes(
    c,
    c.count("num_hidden_layers"),
    (i) => (i + 1) % 4 === 0 ? "full_attention" : "sliding_attention",
  );
  // An absent `rope_theta` means what it meant to the transformers that wrote the file.
  const theta = Number(/^\d+/.exec(String(c.config.transformers_version ?? "5"))?.[0]) >= 5 ? 500_000 : 10_000;
  if (c.record("rope_scaling") !== undefined) {
    throw new ModelError(
      "Expected rotary positions of an olmo3 model by kind of block (rope_parameters) but config.json has one rope_scaling, which " +
        "versions of transformers read differently: save it with transformers 5, or take an ONNX export",
    );
  }
  return olmo2Form(c, (layer, path, epsilon, headDim) => {
    const rope = ropeOf(c, headDim, { theta }, types[layer]);
    return { ...whole(path, epsilon), ...slides(types, layer, window), rope };
  }, "by block");
};

function olmo2Form(
  c: CheckpointReader,
  attention: (layer: number, path: string, epsilon: number, headDim: number) => object,
  rope?: "by block",
) {
  const bias = c.flag("attention_bias", false);
  return llamaForm(c, {
    rope,
    epsilon: 1e-5,
    bias: { qkv: bias, output: bias },
    norms: behind,
    attention: (layer, { headDim }, path, epsilon) => attention(layer, path, epsilon, headDim),
  });
}

/** OLMoE: experts, norms of all queries and keys, norms before the parts. */
export const olmoe: Family = (c) => {
  const clip = c.maybeNumber("clip_qkv");
  const bias = c.flag("attention_bias", false);
  const count = c.count(["num_experts", "num_local_experts"], 64);
  const perToken = c.count("num_experts_per_tok", 8);
  const normed = c.flag("norm_topk_prob", false);
  return llamaForm(c, {
    epsilon: 1e-5,
    bias: { qkv: bias, output: bias },
    attention: (_layer, _plain, path, epsilon) => ({ clip, ...whole(path, epsilon) }),
    mlp: (_layer, path, width) => mixtureOf(c, { path: `${path}.mlp`, count, perToken, width, normed }),
  });
};
