/**
 * OPT's decoder whose stream has two dimensions, `[batch * length, dim]`, and is reshaped between the sums; only
 * attention sees `[batch, length, dim]`.
 */
import { ElementType } from "../../../src/compute/onnx/codec.ts";
import {
  attention,
  attentionOf,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  DIM,
  embedding,
  embeddingOf,
  INNER,
  linear,
  type Made,
  moduleName,
  tokenInputs,
  unembed,
} from "./layers.ts";
import { Net } from "./net.ts";
import { expectedOf, layerNormOf, linearOf, plus, type Rows, twoSums } from "./plain.ts";

const ROOT = "/model/decoder";
const POSITIONS = 64;
/** OPT's. */
const EPSILON = 1e-5;

export function flatStream(): Made {
  const net = new Net();
  tokenInputs(net);
  net.input("position_ids", ElementType.int64, ["batch_size", "sequence_length"]);
  const block = optBlock(net, causalMask(net));
  let x = flat(net, ROOT, embedded(net));
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  unembed(net, "/lm_head", deep(net, ROOT, layerNorm(net, `${ROOT}/final_layer_norm`, x)));
  const expected = expectedOf({
    embed: (token, position) => embeddedOf(net, token, position),
    blocks: Array.from({ length: BLOCKS }, (_, layer) => (x) => block.plain(x, layer)),
    head: (x) => linearOf(net, "/lm_head", layerNormOf(net, `${ROOT}/final_layer_norm`, [x], EPSILON))[0],
  });
  const fields = { word_embed_proj_dim: DIM, ffn_dim: INNER, do_layer_norm_before: true };
  return { bytes: net.bytes(), config: configOf("opt", "OPTForCausalLM", fields), expected };
}

/** Token and position embeddings. */
function embedded(net: Net): string {
  const path = `${ROOT}/embed_positions`;
  const table = net.weight(`${path}.weight`, [POSITIONS, DIM], 0.5, 0, `${moduleName(path)}.weight`);
  const positions = net.op("Gather", path, [table, "position_ids"]);
  return net.op("Add", ROOT, [embedding(net, `${ROOT}/embed_tokens`), positions]);
}

function embeddedOf(net: Net, token: number, position: number): number[] {
  const { values } = net.values(`${ROOT}/embed_positions.weight`);
  const row = Array.from(values.subarray(position * DIM, (position + 1) * DIM));
  return plus([embeddingOf(net, `${ROOT}/embed_tokens`, token)], [row])[0];
}

function optBlock(net: Net, mask: string): Block {
  return {
    graph(x, layer) {
      const path = `${ROOT}/layers.${layer}`;
      const normed = deep(net, path, layerNorm(net, `${path}/self_attn_layer_norm`, x));
      const attended = flat(net, path, attention(net, `${path}/self_attn`, normed, layer, mask, { bias: true }));
      const middle = flat(net, path, net.op("Add", path, [x, attended]));
      const wide = linear(net, `${path}/fc1`, layerNorm(net, `${path}/final_layer_norm`, middle), INNER, DIM, true);
      const fed = linear(net, `${path}/fc2`, net.op("Relu", `${path}/activation_fn`, [wide]), DIM, INNER, true);
      return flat(net, path, net.op("Add", path, [middle, fed]));
    },
    plain(x, layer) {
      const path = `${ROOT}/layers.${layer}`;
      return twoSums(
        x,
        (x) => attentionOf(net, `${path}/self_attn`, layerNormOf(net, `${path}/self_attn_layer_norm`, x, EPSILON)),
        (x) => feedForwardOf(net, path, layerNormOf(net, `${path}/final_layer_norm`, x, EPSILON)),
      );
    },
  };
}

function feedForwardOf(net: Net, path: string, x: Rows): Rows {
  const wide = linearOf(net, `${path}/fc1`, x).map((row) => row.map((value) => Math.max(0, value)));
  return linearOf(net, `${path}/fc2`, wide);
}

function layerNorm(net: Net, path: string, x: string): string {
  const weight = net.weight(`${path}.weight`, [DIM], 0.2, 1, `${moduleName(path)}.weight`);
  const bias = net.weight(`${path}.bias`, [DIM], 0.2, 0, `${moduleName(path)}.bias`);
  return net.op("LayerNormalization", path, [x, weight, bias], { attributes: { axis: -1n, epsilon: EPSILON } });
}

/** As `[batch * length, dim]`. */
function flat(net: Net, path: string, x: string): string {
  return net.op("Reshape", path, [x, net.ints(path, [-1, DIM])]);
}

/** As `[batch, length, dim]`. */
function deep(net: Net, path: string, x: string): string {
  const shape = net.op("Concat", path, [net.op("Shape", path, ["input_ids"]), net.ints(path, [DIM])], {
    attributes: { axis: 0n },
  });
  return net.op("Reshape", path, [x, shape]);
}
