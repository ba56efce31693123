/** LLaMA's decoder whose inputs and outputs have dynamic sizes without names, as some conversions leave them. */
import { encodeModel, type ValueInfoProto } from "../../../src/compute/onnx/codec.ts";
import { type Branch, genaiDecoder, genaiMlp, genaiPaths, GROUPED, groupQuery } from "./genai.ts";
import {
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoder,
  decoderOf,
  DIM,
  linear,
  llamaBlock,
  llamaBlockOf,
  type Made,
  tokenInputs,
} from "./layers.ts";
import { Net } from "./net.ts";

/** In the exporters' style, which does not mind a cache of the wrong batch as long as it is empty. */
export function unnamedDims(): Made {
  const net = new Net();
  tokenInputs(net);
  const block = llamaBlock(net, causalMask(net));
  const expected = decoder(net, Array(BLOCKS).fill(block));
  return { bytes: withoutNames(net), config: configOf("llama", "LlamaForCausalLM"), expected };
}

/** In the builder's style, whose attention wants the batch in the empty cache too. */
export function genaiUnnamedDims(): Made {
  const net = new Net("builder");
  const { heads, keyHeads, headDim } = GROUPED;
  const attention: Branch = (x, layer, mask) => {
    const path = `/model/layers.${layer}/attn`;
    const qkv = [["q_proj", heads], ["k_proj", keyHeads], ["v_proj", keyHeads]] as const;
    const projected = qkv.map(([name, count]) => linear(net, `${path}/${name}`, x, count * headDim));
    return linear(net, `${path}/o_proj`, groupQuery(net, layer, projected, mask, GROUPED), DIM, heads * headDim);
  };
  genaiDecoder(net, Array(BLOCKS).fill(attention), genaiMlp(net));
  const block: Pick<Block, "plain"> = {
    plain: (x, layer) => llamaBlockOf(net, `/model/layers.${layer}`, x, GROUPED, "attn"),
  };
  return {
    bytes: withoutNames(net),
    config: configOf("llama", "LlamaForCausalLM", { num_key_value_heads: keyHeads }),
    expected: decoderOf(net, Array(BLOCKS).fill(block), genaiPaths(BLOCKS)),
  };
}

function withoutNames(net: Net): Uint8Array<ArrayBuffer> {
  const model = net.model();
  for (const info of [...model.graph!.input, ...model.graph!.output]) dropNames(info);
  return encodeModel(model);
}

function dropNames({ type }: ValueInfoProto): void {
  for (const dim of type!.tensorType!.shape!.dim) {
    if (dim.value.case === "dimParam") dim.value = { case: undefined };
  }
}
