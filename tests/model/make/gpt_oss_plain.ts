/** What the blocks of gpt-oss compute, in plain loops, and its sizes. */
import { attentionOf, BLOCKS, configOf, DIM, EPSILON, INNER } from "./layers.ts";
import type { Net } from "./net.ts";
import { type BlockRun, type Heads, linearOf, rmsNormOf, type Rows, sigmoid, softmax, twoSums } from "./plain.ts";

export const EXPERTS = 4;
export const CHOSEN = 2;
export const ALPHA = 1.702;
/** Where activations are cut off; small, so that some are. */
export const LIMIT = 1.5;
/** Positions that the even blocks see. */
export const WINDOW = 3;

/** Names of a block's attention and feed-forward modules, and of the weights in them. */
export interface GptOssNames {
  readonly attention: string;
  readonly mlp: string;
}

export function gptOssConfig(shape: Heads): Record<string, unknown> {
  return configOf("gpt_oss", "GptOssForCausalLM", {
    num_key_value_heads: shape.keyHeads,
    num_local_experts: EXPERTS,
    num_experts_per_tok: CHOSEN,
    sliding_window: WINDOW,
    swiglu_limit: LIMIT,
    layer_types: Array.from({ length: BLOCKS }, (_, layer) => layer % 2 ? "full_attention" : "sliding_attention"),
  });
}

export function gptOssBlockOf(net: Net, layer: number, x: Rows, names: GptOssNames, shape: Heads): BlockRun {
  const path = `/model/layers.${layer}`;
  const [attention, mlp] = [`${path}/${names.attention}`, `${path}/${names.mlp}`];
  const sinks = net.values(`${attention}/sinks`).values;
  const seen = { ...shape, sinks, window: layer % 2 ? undefined : WINDOW };
  return twoSums(
    x,
    (x) => attentionOf(net, attention, rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON), seen),
    (x) => expertsOf(net, mlp, rmsNormOf(net, `${path}/post_attention_layernorm`, x, EPSILON)),
  );
}

/** The experts with the largest logits, weighted by the softmax of those. */
function expertsOf(net: Net, path: string, x: Rows): Rows {
  return linearOf(net, `${path}/router`, x).map((logits, p) => {
    const chosen = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]).slice(0, CHOSEN);
    const weights = softmax(chosen.map((expert) => logits[expert]));
    const outputs = chosen.map((expert) => expertOf(net, `${path}/experts`, expert, x[p]));
    return x[p].map((_, i) => outputs.reduce((sum, output, n) => sum + weights[n] * output[i], 0));
  });
}

/** Even columns of the first product are the gate's, odd ones those it multiplies. */
function expertOf(net: Net, path: string, expert: number, x: number[]): number[] {
  const product = (name: string, row: number[], columns: number) => {
    const { values } = net.values(`${path}/${name}`);
    const bias = net.values(`${path}/${name}_bias`).values;
    return Array.from({ length: columns }, (_, j) =>
      row.reduce(
        (sum, value, i) => sum + value * values[(expert * row.length + i) * columns + j],
        bias[expert * columns + j],
      ));
  };
  const both = product("gate_up_proj", x, 2 * INNER);
  const inner = Array.from({ length: INNER }, (_, i) => {
    const gate = Math.min(both[2 * i], LIMIT);
    const up = Math.max(-LIMIT, Math.min(both[2 * i + 1], LIMIT));
    return (up + 1) * gate * sigmoid(ALPHA * gate);
  });
  return product("down_proj", inner, DIM);
}
