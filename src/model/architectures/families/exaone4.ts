import { ropeOf } from "../frequencies.ts";
import { type Family, layerTypes, llamaForm, perHead, rms, ROPE_FIELDS, slides, windowOf } from "./common.ts";

/** EXAONE 4: norms behind both parts; where blocks have windows, those without have no rotation either. */
export const exaone4: Family = (c) => {
  const layers = c.count("num_hidden_layers");
  const window = windowOf(c, 4096);
  const told = c.config.sliding_window_pattern;
  // A text such as `LLLG` names the blocks of one round, a number counts them.
  const pattern = typeof told === "string" && told !== "" ? told.length : c.count("sliding_window_pattern", 4);
  c.ignore("sliding_window_pattern", ...ROPE_FIELDS);
  const types = layerTypes(
    c,
    layers,
    (i) => window !== undefined && (i + 1) % pattern !== 0 ? "sliding_attention" : "full_attention",
  );
  return llamaForm(c, {
    keyHeads: 32,
    epsilon: 1e-5,
    rope: "by block",
    norms: (path, epsilon) => ({
      attnPostNorm: rms(`${path}.post_attention_layernorm`, epsilon),
      mlpPostNorm: rms(`${path}.post_feedforward_layernorm`, epsilon),
    }),
    attention: (layer, { headDim }, path, epsilon) => ({
      ...slides(types, layer, window),
      ...window === undefined || types[layer] === "sliding_attention" ? { rope: ropeOf(c, headDim) } : {},
      qNorm: perHead(`${path}.self_attn.q_norm`, epsilon),
      kNorm: perHead(`${path}.self_attn.k_norm`, epsilon),
    }),
  });
};
