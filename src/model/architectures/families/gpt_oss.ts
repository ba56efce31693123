import { ModelError } from "../../error.ts";
import type { CheckpointReader } from "../reader.ts";
import type { Linear, Mlp } from "../spec.ts";
import { type Family, layerTypes, llamaForm, matrix, slides, windowOf } from "./common.ts";

/** What a file means that says nothing of its rotary positions. */
const YARN = {
  rope_type: "yarn",
  factor: 32,
  beta_fast: 32,
  beta_slow: 1,
  truncate: false,
  original_max_position_embeddings: 4096,
};

/** GPT-OSS: a sink beside the tokens of each head, windows in turn, experts that lie in one tensor together. */
export const gptOss: Family = (c) => {
  assertRope(c);
  // What its activation is, no field says; 1.702 is that of `quick_gelu`.
  c.only({ hidden_act: "silu", swiglu_alpha: 1.702 });
  c.ignore("initial_context_length");
  const bias = c.flag("attention_bias", true);
  const window = windowOf(c, 128);
  const types = layerTypes(
    c,
    c.count("num_hidden_layers"),
    (i) => i % 2 === 0 ? "sliding_attention" : "full_attention",
  );
  const experts = {
    count: c.agreed(["num_local_experts", "num_experts"], 128),
    perToken: c.agreed(["num_experts_per_tok", "experts_per_token"], 4),
    limit: c.number("swiglu_limit", 7),
  };
  return llamaForm(c, {
    keyHeads: 8,
    headDim: 64,
    epsilon: 1e-5,
    rope: { theta: 150_000, scaling: YARN },
    bias: { qkv: bias, output: bias },
    attention: (layer, _plain, path) => ({ sinks: `${path}.self_attn.sinks`, ...slides(types, layer, window) }),
    mlp: (_layer, path, width) => mixture(c, { path: `${path}.mlp`, width, ...experts }),
  });
};

/** Experts whose weights are stored `[experts, in, out]`, gate and up in turn. */
function mixture(
  c: CheckpointReader,
  { path, count, perToken, width, limit }: {
    path: string;
    count: number;
    perToken: number;
    width: number;
    limit: number;
  },
): Mlp {
  if (c.tensors.has(`${path}.experts.gate_up_proj_blocks`)) {
    throw new ModelError(
      `Expected experts in float32, float16 or bfloat16 but the tensor "${path}.experts.gate_up_proj_blocks" holds them in ` +
        "mxfp4: take a version of the model in bfloat16",
    );
  }
  const packed = (name: string, index: number): Linear => ({
    weight: `${path}.experts.${name}`,
    bias: `${path}.experts.${name}_bias`,
    transposed: true,
    part: { index, of: count },
  });
  const experts = Array.from({ length: count }, (_, i) => ({
    kind: "packed" as const,
    act: "quick_gelu" as const,
    gateUp: packed("gate_up_proj", i),
    inTurn: true,
    limit,
    down: packed("down_proj", i),
    width,
  }));
  // Its softmax over the chosen is the one over all, made to add to one.
  return { kind: "experts", router: matrix(`${path}.router`, true), experts, perToken, normed: true };
}

/** Versions of transformers make different things of a `rope_scaling` that is null. */
function assertRope(c: CheckpointReader): void {
  if (c.record("rope_parameters") || !c.says("rope_scaling") || c.record("rope_scaling")) return;
  throw new ModelError(
    'Expected "rope_scaling" of a gpt_oss model to be told or left out but config.json says that it is null, of which ' +
      "transformers' versions make different things: take an ONNX export",
  );
}
