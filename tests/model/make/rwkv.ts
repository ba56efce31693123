/**
 * RWKV 4's decoder, exported without its state: it reads token ids alone. Each block has two sums, of time mixing (a
 * decaying average instead of attention) and of channel mixing, which both see the position before.
 */
import { ElementType } from "../../../src/compute/onnx/codec.ts";
import {
  type Block,
  BLOCKS,
  configOf,
  DIM,
  embedding,
  embeddingOf,
  INNER,
  linear,
  type Made,
  moduleName,
  unembed,
} from "./layers.ts";
import { Net } from "./net.ts";
import { dot, expectedOf, layerNormOf, linearOf, type Rows, sigmoid, softmax, twoSums } from "./plain.ts";

const ROOT = "/rwkv";
const EPSILON = 1e-5;

export function rwkv(): Made {
  const net = new Net();
  net.input("input_ids", ElementType.int64, ["batch_size", "sequence_length"]);
  const block = rwkvBlock(net, distances(net));
  let x = layerNorm(net, `${ROOT}/blocks.0/pre_ln`, embedding(net, `${ROOT}/embeddings`));
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  unembed(net, "/head", layerNorm(net, `${ROOT}/ln_out`, x));
  const expected = expectedOf({
    embed: (token) =>
      layerNormOf(net, `${ROOT}/blocks.0/pre_ln`, [embeddingOf(net, `${ROOT}/embeddings`, token)], EPSILON)[0],
    blocks: Array.from({ length: BLOCKS }, (_, layer) => (x) => block.plain(x, layer)),
    head: (x) => linearOf(net, "/head", layerNormOf(net, `${ROOT}/ln_out`, [x], EPSILON))[0],
  });
  return { bytes: net.bytes(), config: configOf("rwkv", "RwkvForCausalLM", { attention_hidden_size: DIM }), expected };
}

function rwkvBlock(net: Net, apart: string): Block {
  return {
    graph(x, layer) {
      const path = `${ROOT}/blocks.${layer}`;
      const middle = net.op("Add", path, [
        x,
        timeMixing(net, `${path}/attention`, layerNorm(net, `${path}/ln1`, x), apart),
      ]);
      const fed = channelMixing(net, `${path}/feed_forward`, layerNorm(net, `${path}/ln2`, middle));
      return net.op("Add", path, [middle, fed]);
    },
    plain(x, layer) {
      const path = `${ROOT}/blocks.${layer}`;
      return twoSums(
        x,
        (x) => timeMixingOf(net, `${path}/attention`, layerNormOf(net, `${path}/ln1`, x, EPSILON)),
        (x) => channelMixingOf(net, `${path}/feed_forward`, layerNormOf(net, `${path}/ln2`, x, EPSILON)),
      );
    },
  };
}

function layerNorm(net: Net, path: string, x: string): string {
  const weight = net.weight(`${path}.weight`, [DIM], 0.2, 1, `${moduleName(path)}.weight`);
  const bias = net.weight(`${path}.bias`, [DIM], 0.2, 0, `${moduleName(path)}.bias`);
  return net.op("LayerNormalization", path, [x, weight, bias], { attributes: { axis: -1n, epsilon: EPSILON } });
}

/** `[length, length, 1]`: how far a position is behind another, as a number. */
function distances(net: Net): string {
  const length = net.op("Gather", ROOT, [net.op("Shape", ROOT, ["input_ids"]), net.int(ROOT, 1)], {
    attributes: { axis: 0n },
  });
  const range = net.op("Range", ROOT, [net.int(ROOT, 0), length, net.int(ROOT, 1)]);
  const apart = net.op("Sub", ROOT, [net.op("Unsqueeze", ROOT, [range, net.ints(ROOT, [1])]), range]);
  return net.op("Unsqueeze", ROOT, [net.cast(ROOT, apart, net.type), net.ints(ROOT, [2])]);
}

/** A weight a channel. */
function channels(net: Net, path: string, name: string, scale = 0.5, mean = 0.5): string {
  return net.weight(`${path}/${name}`, [DIM], scale, mean, moduleName(`${path}/${name}`));
}

/** Each channel between the position before and the own one. */
function mixed(net: Net, path: string, x: string, name: string): string {
  const shifted = net.op("Slice", path, [
    net.op("Pad", path, [x, net.ints(path, [0, 1, 0, 0, 0, 0])]),
    ...[[0], [-1], [1]].map((list) => net.ints(path, list)),
  ]);
  const share = channels(net, path, `time_mix_${name}`);
  const rest = net.op("Sub", path, [net.number(path, 1), share]);
  return net.op("Add", path, [net.op("Mul", path, [x, share]), net.op("Mul", path, [shifted, rest])]);
}

function mixedOf(net: Net, path: string, x: Rows, name: string): Rows {
  const { values } = net.values(`${path}/time_mix_${name}`);
  return x.map((row, p) => row.map((value, i) => value * values[i] + (x[p - 1]?.[i] ?? 0) * (1 - values[i])));
}

/** `softmax` over positions, a channel at a time: keys, less the faster the channel forgets; a bonus for the own. */
function timeMixing(net: Net, path: string, x: string, apart: string): string {
  const project = (name: string, of: string) => linear(net, `${path}/${name}`, mixed(net, path, x, of), DIM);
  const [k, v, r] = [project("key", "key"), project("value", "value"), project("receptance", "receptance")];
  const speed = net.op("Exp", path, [channels(net, path, "time_decay", 1, -1)]);
  const bonus = net.op("Add", path, [
    channels(net, path, "time_first"),
    net.op("Unsqueeze", path, [k, net.ints(path, [1])]),
  ]);
  const waited = net.op("Sub", path, [apart, net.number(path, 1)]);
  const faded = net.op("Sub", path, [
    net.op("Unsqueeze", path, [k, net.ints(path, [1])]),
    net.op("Mul", path, [waited, speed]),
  ]);
  const zero = net.number(path, 0);
  const earlier = net.op("Where", path, [net.op("Greater", path, [apart, zero]), faded, net.number(path, -1e9)]);
  const scores = net.op("Where", path, [net.op("Equal", path, [apart, zero]), bonus, earlier]);
  const weights = net.op("Softmax", path, [scores], { attributes: { axis: 2n } });
  const weighted = net.op("Mul", path, [weights, net.op("Unsqueeze", path, [v, net.ints(path, [1])])]);
  const sum = net.op("ReduceSum", path, [weighted, net.ints(path, [2])], { attributes: { keepdims: 0n } });
  return linear(net, `${path}/output`, net.op("Mul", path, [net.op("Sigmoid", path, [r]), sum]), DIM);
}

function timeMixingOf(net: Net, path: string, x: Rows): Rows {
  const [k, v, r] = ["key", "value", "receptance"].map((name) =>
    linearOf(net, `${path}/${name}`, mixedOf(net, path, x, name))
  );
  const [decay, first] = ["time_decay", "time_first"].map((name) => net.values(`${path}/${name}`).values);
  const gated = x.map((row, p) =>
    row.map((_, i) => {
      const scores = k.slice(0, p + 1).map((key, s) =>
        s === p ? key[i] + first[i] : key[i] - (p - s - 1) * Math.exp(decay[i])
      );
      return sigmoid(r[p][i]) * dot(softmax(scores), v.slice(0, p + 1).map((value) => value[i]));
    })
  );
  return linearOf(net, `${path}/output`, gated);
}

function channelMixing(net: Net, path: string, x: string): string {
  const key = linear(net, `${path}/key`, mixed(net, path, x, "key"), INNER);
  const root = net.op("Relu", path, [key]);
  const value = linear(net, `${path}/value`, net.op("Mul", path, [root, root]), DIM, INNER);
  const open = net.op("Sigmoid", path, [linear(net, `${path}/receptance`, mixed(net, path, x, "receptance"), DIM)]);
  return net.op("Mul", path, [open, value]);
}

function channelMixingOf(net: Net, path: string, x: Rows): Rows {
  const key = linearOf(net, `${path}/key`, mixedOf(net, path, x, "key"));
  const value = linearOf(net, `${path}/value`, key.map((row) => row.map((number) => Math.max(0, number) ** 2)));
  const open = linearOf(net, `${path}/receptance`, mixedOf(net, path, x, "receptance"));
  return value.map((row, p) => row.map((number, i) => number * sigmoid(open[p][i])));
}
