/** What the blocks of Qwen3.5 compute, in plain loops, and its sizes. */
import { causalConvOf, KERNEL } from "./conv.ts";
import { configOf, EPSILON, gatedMlpOf } from "./layers.ts";
import type { Net } from "./net.ts";
import {
  attend,
  type BlockRun,
  dot,
  type Heads,
  linearOf,
  rmsNormOf,
  rmsNormRow,
  type Rows,
  sigmoid,
  silu,
  softplus,
  twoSums,
} from "./plain.ts";

/** Heads of linear attention, and the length of a head's keys and values. */
export const LINEAR = { heads: 2, size: 4 } as const;
/** Queries, keys or values of all heads. */
export const PART = LINEAR.heads * LINEAR.size;
export const CHANNELS = 3 * PART;
export const TINY = 1e-6;
/** Kinds of the blocks. */
export const KINDS = ["linear_attention", "full_attention"] as const;

export function qwenConfig(shape: Heads): Record<string, unknown> {
  return configOf("qwen3_5_text", "Qwen3_5ForCausalLM", {
    num_key_value_heads: shape.keyHeads,
    layer_types: KINDS,
    linear_num_key_heads: LINEAR.heads,
    linear_num_value_heads: LINEAR.heads,
    linear_key_head_dim: LINEAR.size,
    linear_value_head_dim: LINEAR.size,
    linear_conv_kernel_dim: KERNEL,
  });
}

/** `attention`: the name of a full attention's module. */
export function qwenBlockOf(net: Net, layer: number, x: Rows, attention: string, shape: Heads): BlockRun {
  const path = `/model/layers.${layer}`;
  const mix = (x: Rows) =>
    KINDS[layer] === "full_attention"
      ? gatedAttentionOf(net, `${path}/${attention}`, x, shape)
      : deltaNetOf(net, `${path}/linear_attn`, x);
  return twoSums(
    x,
    (x) => mix(rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON)),
    (x) => gatedMlpOf(net, `${path}/mlp`, rmsNormOf(net, `${path}/post_attention_layernorm`, x, EPSILON)),
  );
}

/** Attention whose queries' projection gives a gate beside each head's query. */
function gatedAttentionOf(net: Net, path: string, x: Rows, shape: Heads): Rows {
  const { heads, headDim } = shape;
  const both = linearOf(net, `${path}/q_proj`, x);
  const half = (row: number[], second: number) =>
    Array.from({ length: heads }, (_, head) => {
      const start = (2 * head + second) * headDim;
      return row.slice(start, start + headDim);
    }).flat();
  const q = both.map((row) => half(row, 0));
  const values = attend(q, linearOf(net, `${path}/k_proj`, x), linearOf(net, `${path}/v_proj`, x), shape);
  const gated = values.map((row, p) => half(both[p], 1).map((gate, i) => row[i] * sigmoid(gate)));
  return linearOf(net, `${path}/o_proj`, gated);
}

/** The gated delta rule: a matrix a head that forgets, and is corrected towards each value at its key. */
function deltaNetOf(net: Net, path: string, x: Rows): Rows {
  const mixed = causalConvOf(net, `${path}/conv1d`, linearOf(net, `${path}/in_proj_qkv`, x));
  const [z, a, b] = ["z", "a", "b"].map((name) => linearOf(net, `${path}/in_proj_${name}`, x));
  const [rates, shifts] = ["neg_exp_A", "dt_bias"].map((name) => net.values(`${path}/${name}`).values);
  const norm = net.values(`${path}/norm.weight`).values;
  const heads = Array.from({ length: LINEAR.heads }, (_, head) => {
    const steps = mixed.map((row, p) => ({
      ...headParts(row, head),
      decay: Math.exp(rates[head] * softplus(a[p][head] + shifts[head])),
      rate: sigmoid(b[p][head]),
    }));
    return deltaRule(steps);
  });
  const gated = x.map((_, p) =>
    heads.flatMap((rows, head) =>
      rmsNormRow(rows[p], norm, EPSILON).map((value, i) => value * silu(z[p][head * LINEAR.size + i]))
    )
  );
  return linearOf(net, `${path}/out_proj`, gated);
}

interface Step {
  readonly q: number[];
  readonly k: number[];
  readonly v: number[];
  readonly decay: number;
  readonly rate: number;
}

/** Query and key of length 1, the query divided by the root of its size, and the value. */
function headParts(row: number[], head: number): Pick<Step, "q" | "k" | "v"> {
  const { size } = LINEAR;
  const [q, k, v] = [0, 1, 2].map((part) => row.slice(part * PART + head * size, part * PART + (head + 1) * size));
  const unit = (x: number[]) => x.map((value) => value / Math.sqrt(dot(x, x) + TINY));
  return { q: unit(q).map((value) => value / Math.sqrt(size)), k: unit(k), v };
}

function deltaRule(steps: readonly Step[]): Rows {
  let state: Rows = Array.from({ length: LINEAR.size }, () => Array<number>(LINEAR.size).fill(0));
  const read = (at: number[]) => at.map((_, j) => dot(at, state.map((row) => row[j])));
  return steps.map(({ q, k, v, decay, rate }) => {
    state = state.map((row) => row.map((value) => value * decay));
    const stored = read(k);
    state = state.map((row, i) => row.map((value, j) => value + k[i] * rate * (v[j] - stored[j])));
    return read(q);
  });
}
