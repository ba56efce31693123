/** LLaMA's decoder in float16, norms in float32: the stream is float16 and is cast where a norm reads it. */
import { BLOCKS, causalMask, configOf, decoder, llamaBlock, type Made, tokenInputs } from "./layers.ts";
import { Net } from "./net.ts";

export function halfStream(): Made {
  const net = new Net("torch", true);
  tokenInputs(net);
  const block = llamaBlock(net, causalMask(net));
  const expected = decoder(net, Array(BLOCKS).fill(block));
  return { bytes: net.bytes(), config: configOf("llama", "LlamaForCausalLM"), expected };
}
