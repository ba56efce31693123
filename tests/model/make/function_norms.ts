/**
 * LLaMA's decoder whose norms are calls of a local function with its epsilon as an attribute, as torch's exporter wrote
 * with `export_modules_as_functions`.
 */
import {
  attention,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoderOf,
  embedding,
  EPSILON,
  gatedMlp,
  llamaBlockOf,
  type Made,
  normWeight,
  tokenInputs,
  unembed,
} from "./layers.ts";
import { Body, type LocalFunction, withFunctions } from "./functions.ts";
import { Net } from "./net.ts";

/** Module of the family, which is the functions' domain. */
export const DOMAIN = "transformers.models.llama.modeling_llama";

export function functionNorms(): Made {
  const net = new Net();
  tokenInputs(net);
  const mask = causalMask(net);
  const block: Block = {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const normed = callNorm(net, `${path}/input_layernorm`, x);
      const middle = net.op("Add", path, [x, attention(net, `${path}/self_attn`, normed, layer, mask)]);
      const fed = gatedMlp(net, `${path}/mlp`, callNorm(net, `${path}/post_attention_layernorm`, middle));
      return net.op("Add", path, [middle, fed]);
    },
    plain: (x, layer) => llamaBlockOf(net, `/model/layers.${layer}`, x),
  };
  let x = embedding(net, "/model/embed_tokens");
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  unembed(net, "/lm_head", callNorm(net, "/model/norm", x));
  const expected = decoderOf(net, Array(BLOCKS).fill(block));
  const bytes = withFunctions(net.bytes(), [normFunction()]);
  return { bytes, config: configOf("llama", "LlamaForCausalLM"), expected };
}

/** The node that calls the function. */
export function callNorm(net: Net, path: string, x: string): string {
  return net.op("LlamaRMSNorm", path, [x, normWeight(net, path)], {
    domain: DOMAIN,
    attributes: { variance_epsilon: EPSILON },
  });
}

/** `LlamaRMSNorm(hidden_states, weight; variance_epsilon)`. */
export function normFunction(): LocalFunction {
  const body = new Body();
  const squares = body.op("Pow", "", ["hidden_states", body.number("", 2)]);
  const mean = body.op("ReduceMean", "", [squares], { attributes: { axes: [-1n] } });
  const root = body.op("Sqrt", "", [body.op("Add", "", [mean, body.attributeNumber("variance_epsilon")])]);
  const normed = body.op("Mul", "", ["hidden_states", body.op("Reciprocal", "", [root])]);
  body.op("Mul", "", ["weight", normed], { outputs: ["normed"] });
  return {
    domain: DOMAIN,
    name: "LlamaRMSNorm",
    inputs: ["hidden_states", "weight"],
    outputs: ["normed"],
    attributes: ["variance_epsilon"],
    body,
  };
}
