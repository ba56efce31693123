import { type Family, llamaForm } from "./common.ts";

/** Granite: multipliers of embedding, attention, residual and logits. */
export const granite: Family = (c) => {
  const attention = c.flag("attention_bias", false);
  const mlp = c.flag("mlp_bias", false);
  const embedding = c.number("embedding_multiplier", 1);
  const scale = c.number("attention_multiplier", 1);
  const multiplier = c.number("residual_multiplier", 1);
  const logits = c.number("logits_scaling", 1);
  return llamaForm(c, {
    bias: { qkv: attention, output: attention, mlp },
    attention: () => ({ scale }),
    block: () => multiplier === 1 ? {} : { multiplier },
    decoder: (spec) => ({
      embedding: { ...spec.embedding, ...embedding === 1 ? {} : { multiplier: embedding } },
      head: { ...spec.head, ...logits === 1 ? {} : { multiplier: 1 / logits } },
    }),
  });
};
