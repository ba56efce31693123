import type { Attention } from "../spec.ts";
import type { CheckpointReader } from "../reader.ts";
import { type Family, llamaForm, matrix, packedMlp, plainMlp, rms } from "./common.ts";

/** GLM 4's first form: half of each head rotated, by neighbours; gate and up in one matrix. */
export const glm: Family = (c) => glmForm(c, {});

/** GLM 4 of 2025: norms behind both parts too. */
export const glm4: Family = (c) =>
  glmForm(c, {
    norms: (path: string, epsilon: number) => ({
      attnNorm: rms(`${path}.input_layernorm`, epsilon),
      attnPostNorm: rms(`${path}.post_self_attn_layernorm`, epsilon),
      mlpNorm: rms(`${path}.post_attention_layernorm`, epsilon),
      mlpPostNorm: rms(`${path}.post_mlp_layernorm`, epsilon),
    }),
  });

function glmForm(c: CheckpointReader, form: NonNullable<Parameters<typeof llamaForm>[1]>) {
  const bias = c.flag("attention_bias", true);
  return llamaForm(c, {
    keyHeads: 2,
    headDim: 128,
    epsilon: 1.5625e-7,
    rope: { partial: 0.5, interleaved: true },
    bias: { qkv: bias },
    mlp: (_layer, path, width, act) => packedMlp(path, width, act),
    ...form,
  });
}

/** ERNIE 4.5, dense. */
export const ernie: Family = (c) => {
  c.only({ compression_ratio: 1 });
  const bias = c.flag("use_bias", false);
  return llamaForm(c, {
    keyHeads: 2,
    headDim: 128,
    epsilon: 1e-5,
    tied: true,
    rope: { theta: 500_000, interleaved: true },
    bias: { qkv: bias, output: bias, mlp: bias },
  });
};

/** Helium. */
export const helium: Family = (c) => {
  const attention = c.flag("attention_bias", false);
  const mlp = c.flag("mlp_bias", false);
  return llamaForm(c, {
    keyHeads: 20,
    headDim: 128,
    epsilon: 1e-8,
    rope: { theta: 100_000, interleaved: true },
    bias: { qkv: attention, mlp },
  });
};

/** Arcee: squares of positive parts, no gate. */
export const arcee: Family = (c) => {
  const attention = c.flag("attention_bias", false);
  const bias = c.flag("mlp_bias", false);
  return llamaForm(c, {
    epsilon: 1e-5,
    actDefault: "relu2",
    bias: { qkv: attention, output: attention },
    mlp: (_layer, path, width, act) =>
      plainMlp(matrix(`${path}.mlp.up_proj`, bias), matrix(`${path}.mlp.down_proj`, bias), width, act),
  });
};

/** Nemotron: layer norms with `1 + weight`, squares of positive parts. */
export const nemotron: Family = (c) => {
  const attention = c.flag("attention_bias", false);
  const bias = c.flag("mlp_bias", false);
  const norm = (path: string, epsilon: number) => ({
    kind: "layer" as const,
    weight: `${path}.weight`,
    bias: `${path}.bias`,
    epsilon,
    plusOne: true,
  });
  return llamaForm(c, {
    epsilonName: "norm_eps",
    epsilon: 1e-5,
    actDefault: "relu2",
    rope: { partial: 0.5 },
    bias: { qkv: attention, output: attention },
    norm,
    mlp: (_layer, path, width, act) =>
      plainMlp(matrix(`${path}.mlp.up_proj`, bias), matrix(`${path}.mlp.down_proj`, bias), width, act),
  });
};

/** Hunyuan, dense: norms of heads after their rotation. */
export const hunyuan: Family = (c) => {
  c.only({ use_qk_norm: true, cla_share_factor: 1, norm_type: "rms" });
  c.ignore("attention_head_dim", "dense_list", "class_num", "pool_type", "org_vocab_size", "use_cla");
  const bias = c.flag("attention_bias", false);
  return llamaForm(c, {
    epsilon: 1e-5,
    bias: { qkv: bias, output: bias },
    attention: (_layer, _plain, path, epsilon): Partial<Attention> => {
      const norm = (name: string) => ({
        ...rms(`${path}.self_attn.${name}`, epsilon),
        over: "head" as const,
        afterRope: true,
      });
      return { qNorm: norm("query_layernorm"), kNorm: norm("key_layernorm") };
    },
  });
};
