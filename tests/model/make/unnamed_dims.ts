/** LLaMA's decoder whose inputs and outputs have dynamic sizes without names, as some conversions leave them. */
import { encodeModel, type ValueInfoProto } from "../../../src/compute/onnx/codec.ts";
import { BLOCKS, causalMask, configOf, decoder, llamaBlock, type Made, tokenInputs } from "./layers.ts";
import { Net } from "./net.ts";

export function unnamedDims(): Made {
  const net = new Net();
  tokenInputs(net);
  const block = llamaBlock(net, causalMask(net));
  const expected = decoder(net, Array(BLOCKS).fill(block));
  const model = net.model();
  for (const info of [...model.graph!.input, ...model.graph!.output]) dropNames(info);
  return { bytes: encodeModel(model), config: configOf("llama", "LlamaForCausalLM"), expected };
}

function dropNames({ type }: ValueInfoProto): void {
  for (const dim of type!.tensorType!.shape!.dim) {
    if (dim.value.case === "dimParam") dim.value = { case: undefined };
  }
}
