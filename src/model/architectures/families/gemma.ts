import { anglesOf, ropeOf } from "../frequencies.ts";
import { ModelError } from "../../error.ts";
import type { CheckpointReader } from "../reader.ts";
import type { Activation, Block, DecoderSpec, Rope } from "../spec.ts";
import { activationOf, type Family, layerTypes, llamaForm, perHead, rms, slides, windowOf } from "./common.ts";

const onePlus = (path: string, epsilon: number) => rms(path, epsilon, true);

/** The embedding's rows are widened to the stream's size. */
const scaled = ({ dim, embedding }: DecoderSpec) => ({ embedding: { ...embedding, multiplier: Math.sqrt(dim) } });

/** Gemma 1. Its first files call its activation `gelu`, but it was trained with the tanh formula. */
export const gemma: Family = (c) => {
  const plain = (act: Activation) => act === "gelu" ? "gelu_tanh" : act;
  const named = plain(activationOf(c, "hidden_activation", c.text("hidden_act", "gelu_pytorch_tanh")!));
  if (plain(activationOf(c, "hidden_act", "gelu")) !== named && c.text("hidden_act") !== undefined) {
    throw new ModelError(
      "Expected hidden_act and hidden_activation of a gemma model to name one function but they differ",
    );
  }
  c.only({ use_bidirectional_attention: false });
  const bias = c.flag("attention_bias", false);
  return llamaForm(c, {
    keyHeads: 16,
    headDim: 256,
    tied: true,
    act: named,
    bias: { qkv: bias, output: bias },
    norm: onePlus,
    decoder: scaled,
  });
};

/** Norms before and after both parts. */
const fourNorms = (path: string, epsilon: number): Partial<Block> => ({
  attnNorm: onePlus(`${path}.input_layernorm`, epsilon),
  attnPostNorm: onePlus(`${path}.post_attention_layernorm`, epsilon),
  mlpNorm: onePlus(`${path}.pre_feedforward_layernorm`, epsilon),
  mlpPostNorm: onePlus(`${path}.post_feedforward_layernorm`, epsilon),
});

/** A soft cap; null means none, and a file that is silent means `otherwise`. */
function capOf(c: CheckpointReader, name: string, otherwise?: number): number | undefined {
  const cap = c.says(name) ? c.maybeNumber(name) : otherwise;
  if (cap === undefined || cap > 0) return cap;
  throw new ModelError(`Expected "${name}" in config.json to be above zero, or null for none, but it is ${cap}`);
}

/** Gemma 2: soft caps, and a window in every other block, from the first on. */
export const gemma2: Family = (c) => {
  const scale = c.number("query_pre_attn_scalar", 256) ** -0.5;
  const softcap = capOf(c, "attn_logit_softcapping", 50);
  const last = capOf(c, "final_logit_softcapping", 30);
  const told = c.agreed(["sliding_window", "sliding_window_size"], 4096);
  const window = c.config.sliding_window === null ? undefined : told;
  const types = layerTypes(
    c,
    c.count("num_hidden_layers"),
    (i) => i % 2 === 0 ? "sliding_attention" : "full_attention",
  );
  return gemmaForm(c, {
    attention: (layer) => ({ scale, softcap, ...slides(types, layer, window) }),
    decoder: (spec) => ({ ...scaled(spec), head: { ...spec.head, softcap: last } }),
  });
};

/** Gemma 3's text model: norms of heads, five blocks with a window and a rotation of its own before each without. */
export const gemma3: Family = (c) => {
  const scale = c.number("query_pre_attn_scalar", 256) ** -0.5;
  if (c.maybeNumber("attn_logit_softcapping") !== undefined) {
    throw new ModelError(
      "Expected no attn_logit_softcapping of a gemma3 model, which transformers does not heed: take an ONNX export",
    );
  }
  const last = capOf(c, "final_logit_softcapping");
  const window = windowOf(c, 4096);
  const pattern = c.count(["sliding_window_pattern", "_sliding_window_pattern"], 6);
  const types = layerTypes(
    c,
    c.count("num_hidden_layers"),
    (i) => (i + 1) % pattern === 0 ? "full_attention" : "sliding_attention",
  );
  c.only({ use_bidirectional_attention: false });
  const ropes = new Map<string, Rope>();
  const ropeFor = (type: string, headDim: number) => {
    const nested = c.record("rope_parameters");
    if (type === "full_attention" || nested) {
      return ropeOf(c, headDim, { theta: type === "full_attention" ? 1e6 : 1e4 }, type);
    }
    return { dims: headDim, ...anglesOf(c, {}, c.number("rope_local_base_freq", 1e4), headDim) };
  };
  const local = c.maybeNumber("rope_local_base_freq");
  const inNested = (c.record("rope_parameters")?.sliding_attention as { rope_theta?: unknown } | undefined)?.rope_theta;
  if (local !== undefined && inNested !== undefined && local !== inNested) {
    throw new ModelError(
      `Expected one base of the rotation in windows but config.json says ${inNested} in rope_parameters and ${local} in ` +
        "rope_local_base_freq",
    );
  }
  return gemmaForm(c, {
    heads: 8,
    vocab: 262_208,
    rope: "by block",
    attention: (layer, { headDim }, path, epsilon) => {
      const type = types[layer];
      if (!ropes.has(type)) ropes.set(type, ropeFor(type, headDim));
      return {
        scale,
        rope: ropes.get(type),
        qNorm: perHead(`${path}.self_attn.q_norm`, epsilon, true),
        kNorm: perHead(`${path}.self_attn.k_norm`, epsilon, true),
        ...slides(types, layer, window),
      };
    },
    decoder: (spec) => ({ ...scaled(spec), head: { ...spec.head, softcap: last } }),
  });
};

function gemmaForm(c: CheckpointReader, form: NonNullable<Parameters<typeof llamaForm>[1]>): DecoderSpec {
  const bias = c.flag("attention_bias", false);
  c.only({ use_bidirectional_attention: false });
  c.ignore("hidden_act");
  return llamaForm(c, {
    keyHeads: 4,
    headDim: 256,
    tied: true,
    act: activationOf(c, "hidden_activation", "gelu_pytorch_tanh"),
    bias: { qkv: bias, output: bias },
    norm: onePlus,
    norms: fourNorms,
    ...form,
  });
}
