/** Qwen3's decoder as optimum exports it: each head's queries and keys are normed before attention. */
import {
  attention,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoder,
  DIM,
  EPSILON,
  gatedMlp,
  gatedMlpOf,
  HEADS,
  linear,
  type Made,
  normWeight,
  rmsNorm,
  tokenInputs,
} from "./layers.ts";
import { Net } from "./net.ts";
import { attend, linearOf, rmsNormOf, type Rows, twoSums } from "./plain.ts";

const { heads, headDim } = HEADS;

/** @param blocks As many as the real one has for a test that names its blocks. */
export function qwen3(blocks = BLOCKS, half = false): Made {
  const net = new Net("torch", half);
  tokenInputs(net);
  const mask = causalMask(net);
  const block: Block = {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const normed = rmsNorm(net, `${path}/input_layernorm`, x);
      const [queries, keys] = ["q", "k"].map((part) => headNorm(net, `${path}/self_attn`, part, normed));
      const middle = net.op("Add", path, [
        x,
        attention(net, `${path}/self_attn`, normed, layer, mask, { queries, keys }),
      ]);
      const fed = gatedMlp(net, `${path}/mlp`, rmsNorm(net, `${path}/post_attention_layernorm`, middle));
      return net.op("Add", path, [middle, fed]);
    },
    plain: (x, layer) => blockOf(net, `/model/layers.${layer}`, x),
  };
  const expected = decoder(net, Array(blocks).fill(block));
  return {
    bytes: net.bytes(),
    config: configOf("qwen3", "Qwen3ForCausalLM", { num_hidden_layers: blocks, bos_token_id: null }),
    expected,
  };
}

/** Queries or keys, each head's normed by itself. */
function headNorm(net: Net, path: string, part: string, x: string): string {
  const norm = `${path}/${part}_norm`;
  const columns = linear(net, `${path}/${part}_proj`, x, heads * headDim, DIM);
  const split = net.op("Reshape", path, [columns, net.ints(path, [0, 0, heads, headDim])]);
  const normed = rmsNorm(net, norm, split, normWeight(net, norm, headDim));
  return net.op("Reshape", path, [normed, net.ints(path, [0, 0, heads * headDim])]);
}

function blockOf(net: Net, path: string, x: Rows) {
  const attended = (x: Rows) => {
    const [q, k, v] = ["q", "k", "v"].map((part) => linearOf(net, `${path}/self_attn/${part}_proj`, x));
    const normed = [["q", q], ["k", k]].map(([part, rows]) =>
      headNormOf(net, `${path}/self_attn/${part}_norm`, rows as Rows)
    );
    return linearOf(net, `${path}/self_attn/o_proj`, attend(normed[0], normed[1], v, HEADS));
  };
  return twoSums(
    x,
    (x) => attended(rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON)),
    (x) => gatedMlpOf(net, `${path}/mlp`, rmsNormOf(net, `${path}/post_attention_layernorm`, x, EPSILON)),
  );
}

function headNormOf(net: Net, path: string, rows: Rows): Rows {
  return rows.map((row) =>
    Array.from({ length: heads }, (_, head) => row.slice(head * headDim, (head + 1) * headDim))
      .flatMap((part) => rmsNormOf(net, path, [part], EPSILON)[0])
  );
}
