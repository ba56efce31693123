/** Falcon-H1's decoder: each block adds Mamba 2 and attention of one normed stream, and has caches of both kinds. */
import {
  attention,
  attentionOf,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoder,
  EPSILON,
  fedMask,
  gatedMlp,
  gatedMlpOf,
  type Made,
  rmsNorm,
  tokenInputs,
} from "./layers.ts";
import { mamba, MAMBA_FIELDS, mambaOf } from "./mamba_layer.ts";
import { Net } from "./net.ts";
import { plus, rmsNormOf, type Rows, twoSums } from "./plain.ts";

const PATHS = { embed: "/model/embed_tokens", norm: "/model/final_layernorm", head: "/lm_head" };

export function falconH1(): Made {
  const net = new Net();
  tokenInputs(net);
  const [mask, fed] = [causalMask(net), fedMask(net)];
  const block: Block = {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const normed = rmsNorm(net, `${path}/input_layernorm`, x);
      const recurrent = mamba(net, `${path}/mamba`, normed, layer, fed);
      const attended = attention(net, `${path}/self_attn`, normed, layer, mask);
      const middle = net.op("Add", path, [x, net.op("Add", path, [recurrent, attended])]);
      const fedForward = gatedMlp(net, `${path}/feed_forward`, rmsNorm(net, `${path}/pre_ff_layernorm`, middle));
      return net.op("Add", path, [middle, fedForward]);
    },
    plain: (x, layer) => falconBlockOf(net, `/model/layers.${layer}`, x),
  };
  const expected = decoder(net, Array(BLOCKS).fill(block), PATHS);
  return { bytes: net.bytes(), config: configOf("falcon_h1", "FalconH1ForCausalLM", MAMBA_FIELDS), expected };
}

function falconBlockOf(net: Net, path: string, x: Rows) {
  const both = (x: Rows) => {
    const normed = rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON);
    return plus(mambaOf(net, `${path}/mamba`, normed), attentionOf(net, `${path}/self_attn`, normed));
  };
  return twoSums(
    x,
    both,
    (x) => gatedMlpOf(net, `${path}/feed_forward`, rmsNormOf(net, `${path}/pre_ff_layernorm`, x, EPSILON)),
  );
}
