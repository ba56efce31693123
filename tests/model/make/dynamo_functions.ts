/**
 * LLaMA's decoder as `torch.onnx.dynamo_export` wrote it before it inlined: a block is a function of its own, named
 * after its class and its place, as its feed-forward part is; the norms and sums in it are functions of torch's library
 * (`aten_add` with an `alpha` that calls leave out).
 */
import { attribute } from "../../../src/compute/onnx/codec.ts";
import { Body, type LocalFunction, withFunctions } from "./functions.ts";
import { blockBody, callBlock, mlpFunction } from "./function_blocks.ts";
import {
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoderOf,
  embedding,
  EPSILON,
  llamaBlockOf,
  type Made,
  rmsNorm,
  tokenInputs,
  unembed,
} from "./layers.ts";
import { Net } from "./net.ts";

const MODULES = "pkg.transformers.4.38.2";
const LIBRARY = "pkg.onnxscript.torch_lib";
const FAMILY = "transformers_models_llama_modeling_llama";

export function dynamoFunctions(): Made {
  const net = new Net();
  tokenInputs(net);
  const mask = causalMask(net);
  const block: Block = {
    graph: (x, layer) => callBlock(net, x, layer, mask, { domain: MODULES, label: blockName(layer) }),
    plain: (x, layer) => llamaBlockOf(net, `/model/layers.${layer}`, x),
  };
  let x = embedding(net, "/model/embed_tokens");
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  unembed(net, "/lm_head", rmsNorm(net, "/model/norm", x));
  const layers = Array.from({ length: BLOCKS }, (_, layer) => layerFunctions(layer)).flat();
  return {
    bytes: withFunctions(net.bytes(), [addFunction(), normFunction(), ...layers]),
    config: configOf("llama", "LlamaForCausalLM"),
    expected: decoderOf(net, Array(BLOCKS).fill(block)),
  };
}

function blockName(layer: number): string {
  return `${FAMILY}_LlamaDecoderLayer_model_layers_${layer}_1`;
}

/** A block's function and that of its feed-forward part. */
function layerFunctions(layer: number): LocalFunction[] {
  const mlp = `${FAMILY}_LlamaMLP_model_layers_${layer}_mlp_1`;
  const parts = blockBody({
    norm: (body, x, weight) => body.op("aten_rms_norm", "", [x, weight], { domain: LIBRARY }),
    mlp: (body, x, weights) => body.op(mlp, "", [x, ...weights], { domain: MODULES }),
    sum: (body, x, branch, outputs) => body.op("aten_add", "", [x, branch], { domain: LIBRARY, outputs }),
  });
  const block = { ...parts, domain: MODULES, name: blockName(layer), calls: [MODULES, LIBRARY] };
  return [block, mlpFunction(MODULES, mlp)];
}

/** `aten_add(self, other; alpha = 1)`. */
function addFunction(): LocalFunction {
  const body = new Body();
  const scaled = body.op("Mul", "", ["other", body.attributeNumber("alpha")]);
  body.op("Add", "", ["self", scaled], { outputs: ["return_val"] });
  return {
    domain: LIBRARY,
    name: "aten_add",
    inputs: ["self", "other"],
    outputs: ["return_val"],
    defaults: [attribute("alpha", 1)],
    body,
  };
}

/** `aten_rms_norm(self, weight; eps)`. */
function normFunction(): LocalFunction {
  const body = new Body();
  const squares = body.op("Mul", "", ["self", "self"]);
  const mean = body.op("ReduceMean", "", [squares], { attributes: { axes: [-1n] } });
  const root = body.op("Sqrt", "", [body.op("Add", "", [mean, body.attributeNumber("eps")])]);
  body.op("Mul", "", [body.op("Div", "", ["self", root]), "weight"], { outputs: ["return_val"] });
  return {
    domain: LIBRARY,
    name: "aten_rms_norm",
    inputs: ["self", "weight"],
    outputs: ["return_val"],
    defaults: [attribute("eps", EPSILON)],
    body,
  };
}
