/** LLaMA's decoder whose blocks give their sum times a learned number, as Gemma 4's `layer_scalar` does. */
import {
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoder,
  llamaBlock,
  type Made,
  moduleName,
  tokenInputs,
} from "./layers.ts";
import { Net } from "./net.ts";
import { scaled } from "./plain.ts";

export function scaledBlocks(): Made {
  const net = new Net();
  tokenInputs(net);
  const inner = llamaBlock(net, causalMask(net));
  const block: Block = {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const key = `${path}/layer_scalar`;
      const sum = inner.graph(x, layer);
      return net.op("Mul", path, [sum, net.weight(key, [1], 0.3, 0.8, moduleName(key))]);
    },
    plain(x, layer) {
      const run = inner.plain(x, layer);
      const [scalar] = net.values(`/model/layers.${layer}/layer_scalar`).values;
      return { ...run, stream: scaled(run.stream, scalar) };
    },
  };
  const expected = decoder(net, Array(BLOCKS).fill(block));
  return { bytes: net.bytes(), config: configOf("llama", "LlamaForCausalLM"), expected };
}
