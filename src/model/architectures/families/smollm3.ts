import { ropeOf } from "../frequencies.ts";
import { ModelError } from "../../error.ts";
import { type Family, layerTypes, llamaForm, ROPE_FIELDS, slides, windowOf } from "./common.ts";

/** SmolLM 3: every fourth block without rotation. */
export const smollm3: Family = (c) => {
  const layers = c.count("num_hidden_layers");
  const attention = c.flag("attention_bias", false);
  const mlp = c.flag("mlp_bias", false);
  const interval = c.count("no_rope_layer_interval", 4);
  // Despite its name a 1 in `no_rope_layers` means that the block rotates.
  const rotated = c.list("no_rope_layers") ??
    Array.from({ length: layers }, (_, i) => Number((i + 1) % interval !== 0));
  const isUsed = c.flag("use_sliding_window", false);
  const window = windowOf(c);
  if (rotated.length !== layers) {
    throw new ModelError(`Expected "no_rope_layers" of ${layers} blocks but config.json lists ${rotated.length}`);
  }
  const types = layerTypes(
    c,
    layers,
    (i) => isUsed && window !== undefined && !rotated[i] ? "sliding_attention" : "full_attention",
  );
  c.ignore("max_window_layers", ...ROPE_FIELDS);
  return llamaForm(c, {
    keyHeads: 4,
    tied: true,
    rope: "by block",
    bias: { qkv: attention, output: attention, mlp },
    attention: (layer, { headDim }) => ({
      ...slides(types, layer, window),
      ...rotated[layer] ? { rope: ropeOf(c, headDim, { theta: 2e6 }) } : {},
    }),
  });
};
