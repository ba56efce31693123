import type { HeadNorm } from "../spec.ts";
import { ropeOf } from "../frequencies.ts";
import type { CheckpointReader } from "../reader.ts";
import { type Family, layerNorm, layerTypes, llamaForm, ROPE_FIELDS, slides, windowOf } from "./common.ts";

const noBias = (path: string, epsilon: number) => layerNorm(path, epsilon, false);

/** Command R: parallel blocks behind one norm without a bias, neighbours rotated, logits scaled. */
export const cohere: Family = (c) => {
  const hasNorms = c.flag("use_qk_norm", false);
  // An absent `rope_theta` means what it meant to the transformers that wrote the file.
  const theta = versionOf(c) >= 5 ? 500_000 : 10_000;
  return cohereForm(c, {
    rope: { theta, interleaved: true },
    attention: (_layer: number, _plain: unknown, path: string, epsilon: number) => {
      const own = (name: string): HeadNorm => ({
        kind: "layer",
        weight: `${path}.self_attn.${name}.weight`,
        epsilon,
        over: "own head",
      });
      return hasNorms ? { qNorm: own("q_norm"), kNorm: own("k_norm") } : {};
    },
  });
};

/** Command R7B: a window and rotation in three of four blocks, neither in the fourth. */
export const cohere2: Family = (c) => {
  const window = windowOf(c, 4096);
  // The first files say again what the class does.
  c.only({ position_embedding_type: "rope_gptj", use_gated_activation: true, use_parallel_block: true, rotary_pct: 1 });
  c.ignore("layer_switch", "order_of_interleaved_layers", "use_embedding_sharing");
  const pattern = c.count("sliding_window_pattern", 4);
  // What the class writes and does not read.
  if (c.says("layer_types")) c.ignore("_sliding_window_pattern");
  else c.only({ _sliding_window_pattern: 4 });
  c.ignore(...ROPE_FIELDS);
  const types = layerTypes(
    c,
    c.count("num_hidden_layers"),
    (i) => (i + 1) % pattern === 0 ? "full_attention" : "sliding_attention",
  );
  return cohereForm(c, {
    headDim: undefined,
    rope: "by block",
    attention: (layer: number, { headDim }: { headDim: number }) =>
      types[layer] === "sliding_attention"
        ? { ...slides(types, layer, window), rope: ropeOf(c, headDim, { theta: 10_000, interleaved: true }) }
        : {},
  });
};

function cohereForm(c: CheckpointReader, form: NonNullable<Parameters<typeof llamaForm>[1]>) {
  const bias = c.flag("attention_bias", false);
  const scale = c.number("logit_scale", 0.0625);
  return llamaForm(c, {
    epsilonName: "layer_norm_eps",
    epsilon: 1e-5,
    tied: true,
    bias: { qkv: bias, output: bias },
    norm: noBias,
    norms: (path, epsilon) => ({
      attnNorm: noBias(`${path}.input_layernorm`, epsilon),
      mlpNorm: "attention's",
      parallel: true,
    }),
    decoder: ({ head }) => ({ head: { ...head, multiplier: scale } }),
    ...form,
  });
}

/** The major version of transformers that wrote config.json. */
function versionOf(c: CheckpointReader): number {
  return Number(/^\d+/.exec(String(c.config.transformers_version ?? "4"))?.[0]);
}
