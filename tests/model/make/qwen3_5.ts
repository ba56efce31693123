/**
 * Qwen3.5's decoder as transformers.js reads it: blocks of linear attention with a state of their own
 * (`past_conv.N`, `past_recurrent.N`) before blocks of full attention. The recurrence is a Scan, whose body reads
 * constants of the graph around it.
 */
import { graphModel, valueInfo } from "../../../src/compute/onnx/codec.ts";
import { causalConv } from "./conv.ts";
import {
  attention,
  type Block,
  BLOCKS,
  causalMask,
  decoder,
  DIM,
  fedMask,
  gatedMlp,
  HEADS,
  linear,
  type Made,
  moduleName,
  rmsNorm,
  siluNode,
  tokenInputs,
} from "./layers.ts";
import { Net } from "./net.ts";
import { CHANNELS, KINDS, LINEAR, PART, qwenBlockOf, qwenConfig, TINY } from "./qwen3_5_plain.ts";

export function qwen35(): Made {
  const net = new Net();
  tokenInputs(net);
  const [mask, fed] = [causalMask(net), fedMask(net)];
  const block: Block = {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const normed = rmsNorm(net, `${path}/input_layernorm`, x);
      const mixed = KINDS[layer] === "full_attention"
        ? gatedAttention(net, `${path}/self_attn`, normed, layer, mask)
        : deltaNet(net, `${path}/linear_attn`, net.op("Mul", `${path}/linear_attn`, [normed, fed]), layer);
      const middle = net.op("Add", path, [x, mixed]);
      return net.op("Add", path, [
        middle,
        gatedMlp(net, `${path}/mlp`, rmsNorm(net, `${path}/post_attention_layernorm`, middle)),
      ]);
    },
    plain: (x, layer) => qwenBlockOf(net, layer, x, "self_attn", HEADS),
  };
  const expected = decoder(net, Array(BLOCKS).fill(block));
  return { bytes: net.bytes(), config: qwenConfig(HEADS), expected };
}

/** Attention whose values are gated before the output projection. */
function gatedAttention(net: Net, path: string, x: string, layer: number, mask: string): string {
  const { heads, headDim } = HEADS;
  const width = heads * headDim;
  const both = linear(net, `${path}/q_proj`, x, 2 * width);
  const parts = net.op("Reshape", path, [both, net.ints(path, [0, 0, heads, 2 * headDim])]);
  const [queries, gate] = net.ops("Split", path, [parts, net.ints(path, [headDim, headDim])], {
    attributes: { axis: -1n },
    count: 2,
  }).map((half) => net.op("Reshape", path, [half, net.ints(path, [0, 0, width])]));
  return attention(net, path, x, layer, mask, {
    queries,
    before: (values) => net.op("Mul", path, [values, net.op("Sigmoid", path, [gate])]),
  });
}

/** Linear attention by the gated delta rule. */
function deltaNet(net: Net, path: string, x: string, layer: number): string {
  const { heads, size } = LINEAR;
  const project = (name: string, columns: number) => linear(net, `${path}/in_proj_${name}`, x, columns);
  const mixed = causalConv(net, path, project("qkv", CHANNELS), layer, CHANNELS, false);
  const [q, k, v] = net.ops("Split", path, [mixed, net.ints(path, [PART, PART, PART])], {
    attributes: { axis: -1n },
    count: 3,
  }).map((part) => net.op("Reshape", path, [part, net.ints(path, [0, 0, heads, size])]));
  const query = net.op("Mul", path, [unit(net, path, q), net.number(path, 1 / Math.sqrt(size))]);
  const z = project("z", PART);
  const rate = net.op("Sigmoid", path, [project("b", heads)]);
  const output = scan(net, path, [query, unit(net, path, k), v, decay(net, path, project("a", heads)), rate], layer);
  const weight = net.weight(`${path}/norm.weight`, [size], 0.2, 1, `${moduleName(path)}.norm.weight`);
  const flat = net.op("Reshape", path, [rmsNorm(net, `${path}/norm`, output, weight), net.ints(path, [0, 0, PART])]);
  return linear(net, `${path}/out_proj`, net.op("Mul", path, [flat, siluNode(net, `${path}/norm`, z)]), DIM, PART);
}

/** Rows of length 1. */
function unit(net: Net, path: string, x: string): string {
  const squares = net.op("Mul", path, [x, x]);
  const sum = net.op("ReduceSum", path, [squares, net.ints(path, [-1])]);
  const root = net.op("Sqrt", path, [net.op("Add", path, [sum, net.number(path, TINY)])]);
  return net.op("Mul", path, [x, net.op("Reciprocal", path, [root])]);
}

/** Logarithm of what is kept of the state. */
function decay(net: Net, path: string, a: string): string {
  const weight = (name: string, mean: number) =>
    net.weight(`${path}/${name}`, [LINEAR.heads], 0.4, mean, moduleName(`${path}/${name}`));
  const step = net.op("Softplus", path, [net.op("Add", path, [a, weight("dt_bias", 0)])]);
  return net.op("Mul", path, [weight("neg_exp_A", -0.6), step]);
}

/** The recurrence over positions. */
function scan(net: Net, path: string, inputs: readonly string[], layer: number): string {
  const { heads, size } = LINEAR;
  net.cache(`past_recurrent.${layer}`, `present_recurrent.${layer}`, ["batch_size", heads, size, size]);
  const axes = [2, 3].map((axis) => net.ints(path, [axis]));
  const [, output] = net.ops("Scan", path, [`past_recurrent.${layer}`, ...inputs], {
    attributes: {
      body: scanBody(net, axes),
      num_scan_inputs: BigInt(inputs.length),
      scan_input_axes: inputs.map(() => 1n),
      scan_output_axes: [1n],
    },
    outputs: [`present_recurrent.${layer}`, `${path}/Scan_output_1`],
  });
  return output;
}

/** One step: state, query, key, value, logarithm of the decay, rate. `axes` are tensors of the graph around it. */
function scanBody(outer: Net, [columns, rows]: readonly string[]) {
  const body = new Net();
  const [heads, size] = [LINEAR.heads, LINEAR.size];
  const inputs = ["state", "q", "k", "v", "g", "beta"];
  const kept = body.op("Unsqueeze", "", [body.op("Unsqueeze", "", [body.op("Exp", "", ["g"]), columns]), rows]);
  const faded = body.op("Mul", "", ["state", kept]);
  const key = body.op("Unsqueeze", "", ["k", rows]);
  const none = { attributes: { keepdims: 0n } };
  const stored = body.op("ReduceSum", "", [body.op("Mul", "", [faded, key]), columns], none);
  const missing = body.op("Mul", "", [body.op("Sub", "", ["v", stored]), body.op("Unsqueeze", "", ["beta", columns])]);
  const added = body.op("Mul", "", [key, body.op("Unsqueeze", "", [missing, columns])]);
  body.op("Add", "", [faded, added], { outputs: ["next"] });
  body.op("ReduceSum", "", [body.op("Mul", "", ["next", body.op("Unsqueeze", "", ["q", rows])]), columns], {
    ...none,
    outputs: ["read"],
  });
  const dims = (name: string) =>
    name === "state" ? ["batch_size", heads, size, size] : ["g", "beta"].includes(name) ? ["batch_size", heads] : [
      "batch_size",
      heads,
      size,
    ];
  const info = (name: string, as = name) => valueInfo(name, outer.type, dims(as));
  return graphModel({
    nodes: body.nodes,
    inputs: inputs.map((name) => info(name)),
    outputs: [info("next", "state"), info("read", "v")],
  }).graph!;
}
