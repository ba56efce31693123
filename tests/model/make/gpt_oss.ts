/**
 * gpt-oss as torch exports transformers' modules: attention whose softmax has a column for a sink, a sliding window in
 * every other block, and a mixture whose experts all run and are weighted, most by 0.
 */
import {
  attention,
  type Block,
  BLOCKS,
  causalMask,
  decoder,
  DIM,
  HEADS,
  INNER,
  linear,
  type Made,
  moduleName,
  rmsNorm,
  tokenInputs,
} from "./layers.ts";
import { Net } from "./net.ts";
import { ALPHA, CHOSEN, EXPERTS, gptOssBlockOf, gptOssConfig, LIMIT, WINDOW } from "./gpt_oss_plain.ts";

const NAMES = { attention: "self_attn", mlp: "mlp" };

export function gptOss(): Made {
  const net = new Net();
  tokenInputs(net);
  const masks = [causalMask(net, WINDOW), causalMask(net)];
  const block: Block = {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const key = `${path}/self_attn/sinks`;
      const parts = { sinks: net.weight(key, [HEADS.heads], 1, 0.5, moduleName(key)), bias: true };
      const normed = rmsNorm(net, `${path}/input_layernorm`, x);
      const middle = net.op("Add", path, [
        x,
        attention(net, `${path}/self_attn`, normed, layer, masks[layer % 2], parts),
      ]);
      const fed = mixture(net, `${path}/mlp`, rmsNorm(net, `${path}/post_attention_layernorm`, middle));
      return net.op("Add", path, [middle, fed]);
    },
    plain: (x, layer) => gptOssBlockOf(net, layer, x, NAMES, HEADS),
  };
  const expected = decoder(net, Array(BLOCKS).fill(block));
  return { bytes: net.bytes(), config: gptOssConfig(HEADS), expected };
}

/** Every token through every expert. */
function mixture(net: Net, path: string, x: string): string {
  const rows = net.op("Reshape", path, [x, net.ints(path, [-1, DIM])]);
  const weights = router(net, `${path}/router`, rows);
  const inside = `${path}/experts`;
  const tiled = net.op("Tile", inside, [rows, net.ints(inside, [EXPERTS, 1])]);
  const copies = net.op("Reshape", inside, [tiled, net.ints(inside, [EXPERTS, -1, DIM])]);
  const outputs = product(
    net,
    inside,
    "down_proj",
    gated(net, inside, product(net, inside, "gate_up_proj", copies, DIM, 2 * INNER)),
    INNER,
    DIM,
  );
  const turned = net.op("Transpose", inside, [weights], { attributes: { perm: [1n, 0n] } });
  const weighted = net.op("Mul", inside, [outputs, net.op("Unsqueeze", inside, [turned, net.ints(inside, [-1])])]);
  const sum = net.op("ReduceSum", inside, [weighted, net.ints(inside, [0])], { attributes: { keepdims: 0n } });
  return net.op("Reshape", path, [sum, net.op("Shape", path, [x])]);
}

/** `[tokens, experts]`: softmax over the largest logits, 0 elsewhere. */
function router(net: Net, path: string, rows: string): string {
  const logits = linear(net, path, rows, EXPERTS, DIM, true);
  const [largest, chosen] = net.ops("TopK", path, [logits, net.ints(path, [CHOSEN])], { count: 2 });
  const weights = net.op("Softmax", path, [largest], { attributes: { axis: 1n } });
  const zeros = net.op("ConstantOfShape", path, [net.op("Shape", path, [logits])]);
  return net.op("ScatterElements", path, [zeros, chosen, weights], { attributes: { axis: 1n } });
}

/** A product with every expert's matrix, and its bias. */
function product(net: Net, path: string, name: string, x: string, rows: number, columns: number): string {
  const weight = (key: string, dims: number[], scale: number) => net.weight(key, dims, scale, 0, moduleName(key));
  const matrix = net.op("MatMul", path, [x, weight(`${path}/${name}`, [EXPERTS, rows, columns], 0.6)]);
  const bias = weight(`${path}/${name}_bias`, [EXPERTS, columns], 0.3);
  return net.op("Add", path, [matrix, net.op("Unsqueeze", path, [bias, net.ints(path, [1])])]);
}

function gated(net: Net, path: string, both: string): string {
  const half = (start: number) =>
    net.op("Slice", path, [both, ...[[start], [2 * INNER], [2], [2]].map((list) => net.ints(path, list))]);
  const limit = net.number(path, LIMIT);
  const gate = net.op("Clip", path, [half(0), "", limit]);
  const up = net.op("Clip", path, [half(1), net.number(path, -LIMIT), limit]);
  const open = net.op("Sigmoid", path, [net.op("Mul", path, [gate, net.number(path, ALPHA)])]);
  const glu = net.op("Mul", path, [gate, open]);
  return net.op("Mul", path, [net.op("Add", path, [up, net.number(path, 1)]), glu]);
}
