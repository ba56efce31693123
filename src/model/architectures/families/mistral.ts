import { type Family, llamaForm, windowOf } from "./common.ts";
import { mixtureOf } from "./experts.ts";

/** Without a word on it the window is of 4096 tokens; `null` means none. */
export const mistral: Family = (c) => {
  const window = windowOf(c, 4096);
  return llamaForm(c, { heads: 32, keyHeads: 8, attention: () => ({ window }) });
};

/** Mistral's form with experts. */
export const mixtral: Family = (c) => {
  const window = windowOf(c);
  const count = c.count(["num_local_experts", "num_experts"], 8);
  const perToken = c.count("num_experts_per_tok", 2);
  return llamaForm(c, {
    keyHeads: 8,
    epsilon: 1e-5,
    rope: { theta: 1e6 },
    attention: () => ({ window }),
    mlp: (_layer, path, width) =>
      mixtureOf(c, {
        path: `${path}.block_sparse_moe`,
        count,
        perToken,
        width,
        normed: true,
        names: ["w1", "w3", "w2"],
      }),
  });
};
