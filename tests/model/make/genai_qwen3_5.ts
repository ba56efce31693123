/**
 * Qwen3.5's decoder as onnxruntime-genai's builder writes it: linear attention in two operators that carry their states
 * (`past_key_values.N.conv_state`, `past_key_values.N.recurrent_state`), full attention in GroupQueryAttention, gated
 * before its output projection. Nothing of linear attention reads the mask.
 */
import { convWeights, KERNEL } from "./conv.ts";
import {
  type Branch,
  genaiDecoder,
  genaiMlp,
  genaiPaths,
  GROUPED,
  groupQuery,
  microsoft,
  moduleWeight,
} from "./genai.ts";
import { type Block, BLOCKS, decoderOf, DIM, EPSILON, linear, type Made } from "./layers.ts";
import { Net } from "./net.ts";
import { CHANNELS, KINDS, LINEAR, PART, qwenBlockOf, qwenConfig, TINY } from "./qwen3_5_plain.ts";

export function genaiQwen35(): Made {
  const net = new Net("builder");
  const attention = KINDS.map((kind) => kind === "full_attention" ? fullAttention(net) : linearAttention(net));
  genaiDecoder(net, attention, genaiMlp(net));
  const block: Pick<Block, "plain"> = { plain: (x, layer) => qwenBlockOf(net, layer, x, "attn", GROUPED) };
  const expected = decoderOf(net, Array(BLOCKS).fill(block), genaiPaths(BLOCKS));
  return { bytes: net.bytes(), config: qwenConfig(GROUPED), expected };
}

function fullAttention(net: Net): Branch {
  return (x, layer, mask) => {
    const path = `/model/layers.${layer}/attn`;
    const { heads, keyHeads, headDim } = GROUPED;
    const width = heads * headDim;
    const both = linear(net, `${path}/q_proj`, x, 2 * width);
    const parts = net.op("Reshape", `${path}/q_gate_reshape`, [both, net.ints(path, [0, 0, heads, 2 * headDim])]);
    const halves = net.ops("Split", `${path}/q_gate_split`, [parts, net.ints(path, [headDim, headDim])], {
      attributes: { axis: -1n },
      count: 2,
    });
    const [q, gate] = ["q_reshape", "gate_reshape"].map((name, i) =>
      net.op("Reshape", `${path}/${name}`, [halves[i], net.ints(path, [0, 0, width])])
    );
    const [k, v] = ["k_proj", "v_proj"].map((name) => linear(net, `${path}/${name}`, x, keyHeads * headDim));
    const values = groupQuery(net, layer, [q, k, v], mask, GROUPED);
    const gated = net.op("Mul", `${path}/gate`, [values, net.op("Sigmoid", `${path}/gate`, [gate])]);
    return linear(net, `${path}/o_proj`, gated, DIM, width);
  };
}

function linearAttention(net: Net): Branch {
  return (x, layer) => {
    const path = `/model/layers.${layer}/linear_attn`;
    const project = (name: string, columns: number) => linear(net, `${path}/in_proj_${name}`, x, columns);
    const mixed = convolved(net, path, project("qkv", CHANNELS), layer);
    const [q, k, v] = net.ops("Split", `${path}/split_qkv`, [mixed, net.ints(path, [PART, PART, PART])], {
      attributes: { axis: -1n },
      count: 3,
    });
    const query = net.op("Mul", `${path}/q_scaled`, [
      unit(net, `${path}/q_l2norm`, q),
      net.number(path, 1 / Math.sqrt(LINEAR.size)),
    ]);
    const z = project("z", PART);
    const rate = net.op("Sigmoid", `${path}/beta`, [project("b", LINEAR.heads)]);
    const decayed = decay(net, path, project("a", LINEAR.heads));
    const read = recurrence(net, path, [query, unit(net, `${path}/k_l2norm`, k), v], [decayed, rate], layer);
    return linear(net, `${path}/out_proj`, gatedNorm(net, path, read, z), DIM, PART);
  };
}

/** CausalConvWithState, between two transpositions. */
function convolved(net: Net, path: string, x: string, layer: number): string {
  const [past, present] = [`past_key_values.${layer}.conv_state`, `present.${layer}.conv_state`];
  net.cache(past, present, ["batch_size", CHANNELS, KERNEL - 1]);
  const turn = (of: string, name: string) =>
    net.op("Transpose", `${path}/${name}`, [of], { attributes: { perm: [0n, 2n, 1n] } });
  const [weight] = convWeights(net, `${path}/conv1d`, CHANNELS, false);
  const bias = moduleWeight(net, `${path}/conv1d_no_bias`, [CHANNELS], 0);
  const output = microsoft(net, "CausalConvWithState", path, [turn(x, "qkv_transpose"), weight, bias, past], {
    ndim: 1n,
    activation: "silu",
  }, [`${path}/CausalConvWithState/output_0`, present]);
  return turn(output, "conv_out");
}

/** LinearAttention by the gated delta rule. */
function recurrence(net: Net, path: string, qkv: readonly string[], gates: readonly string[], layer: number): string {
  const { heads, size } = LINEAR;
  const [past, present] = [`past_key_values.${layer}.recurrent_state`, `present.${layer}.recurrent_state`];
  net.cache(past, present, ["batch_size", heads, size, size]);
  return microsoft(net, "LinearAttention", path, [...qkv, past, ...gates], {
    q_num_heads: BigInt(heads),
    kv_num_heads: BigInt(heads),
    update_rule: "gated_delta",
    scale: 1,
  }, [`${path}/LinearAttention/output_0`, present]);
}

/** Heads of length 1. */
function unit(net: Net, path: string, x: string): string {
  const heads = net.op("Reshape", `${path}/flat`, [x, net.ints(path, [0, 0, LINEAR.heads, LINEAR.size])]);
  const squares = net.op("Mul", `${path}/Square`, [heads, heads]);
  const sum = net.op("ReduceSum", `${path}/SumSq`, [squares, net.ints(path, [-1])]);
  const root = net.op("Sqrt", `${path}/Rsqrt`, [net.op("Add", `${path}/AddEps`, [sum, net.number(path, TINY)])]);
  const divided = net.op("Div", `${path}/Rsqrt`, [net.number(path, 1), root]);
  const normed = net.op("Mul", `${path}/Normalize`, [heads, divided]);
  return net.op("Reshape", `${path}/unflat`, [normed, net.ints(path, [0, 0, PART])]);
}

/** Logarithm of what is kept of the state. */
function decay(net: Net, path: string, a: string): string {
  const shifted = net.op("Add", `${path}/decay`, [a, moduleWeight(net, `${path}/dt_bias`, [LINEAR.heads], 0.4)]);
  const rates = moduleWeight(net, `${path}/neg_exp_A`, [LINEAR.heads], 0.4, -0.6);
  return net.op("Mul", `${path}/decay`, [rates, net.op("Softplus", `${path}/decay`, [shifted])]);
}

/** A norm of each head, times SiLU of the gate. */
function gatedNorm(net: Net, path: string, x: string, z: string): string {
  const base = `${path}/gated_norm`;
  const heads = net.op("Reshape", `${base}/input_flat`, [x, net.ints(base, [0, 0, LINEAR.heads, LINEAR.size])]);
  const weight = moduleWeight(net, `${path}/norm.weight`, [LINEAR.size], 0.2, 1);
  const normed = net.op("SimplifiedLayerNormalization", base, [heads, weight], {
    attributes: { epsilon: EPSILON, axis: -1n, stash_type: 1n },
  });
  const flat = net.op("Reshape", `${base}/norm_unflat`, [normed, net.ints(base, [0, 0, PART])]);
  const gate = net.op("Mul", `${base}/z_silu`, [z, net.op("Sigmoid", `${base}/z_sigmoid`, [z])]);
  return net.op("Mul", `${base}/gated_fp32`, [flat, gate]);
}
