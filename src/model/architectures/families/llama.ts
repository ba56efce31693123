import { type Family, llamaForm } from "./common.ts";

/** Llama 1 to 3.x, and what took its form. */
export const llama: Family = (c) => {
  c.only({ rope_interleaved: false });
  const attention = c.flag("attention_bias", false);
  const mlp = c.flag("mlp_bias", false);
  return llamaForm(c, { bias: { qkv: attention, output: attention, mlp } });
};
