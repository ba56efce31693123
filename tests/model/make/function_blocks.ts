/**
 * LLaMA's decoder whose whole blocks are calls of one local function, which calls others for its norms and its
 * feed-forward part and hands its epsilon on to them. The sums of the stream are nowhere in the graph itself, and the
 * function's names are the same in every call.
 */
import { Body, type LocalFunction, withFunctions } from "./functions.ts";
import { callNorm, DOMAIN, normFunction } from "./function_norms.ts";
import {
  attentionCore,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoderOf,
  DIM,
  embedding,
  EPSILON,
  HEADS,
  INNER,
  joinHeads,
  keyValueCache,
  llamaBlockOf,
  type Made,
  moduleName,
  normWeight,
  siluNode,
  splitHeads,
  tokenInputs,
  unembed,
} from "./layers.ts";
import { Net } from "./net.ts";

/** Matrices of a block, in the order in which the function takes them: name, rows, columns. */
export const MATRICES: readonly [name: string, rows: number, columns: number][] = [
  ["self_attn.q_proj", DIM, DIM],
  ["self_attn.k_proj", DIM, DIM],
  ["self_attn.v_proj", DIM, DIM],
  ["self_attn.o_proj", DIM, DIM],
  ["mlp.gate_proj", DIM, INNER],
  ["mlp.up_proj", DIM, INNER],
  ["mlp.down_proj", INNER, DIM],
];
export const NORMS = ["input_layernorm", "post_attention_layernorm"];
/** Inputs of the block's function before its weights, and its outputs. */
const ARGUMENTS = ["hidden_states", "mask", "past_key", "past_value"];
const RESULTS = ["hidden_states_out", "present_key", "present_value"];

export function functionBlocks(): Made {
  const net = new Net();
  tokenInputs(net);
  const mask = causalMask(net);
  const block: Block = {
    graph: (x, layer) =>
      callBlock(net, x, layer, mask, {
        domain: DOMAIN,
        label: "LlamaDecoderLayer",
        attributes: { variance_epsilon: EPSILON },
      }),
    plain: (x, layer) => llamaBlockOf(net, `/model/layers.${layer}`, x),
  };
  let x = embedding(net, "/model/embed_tokens");
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  unembed(net, "/lm_head", callNorm(net, "/model/norm", x));
  const functions = [normFunction(), mlpFunction(), blockFunction()];
  return {
    bytes: withFunctions(net.bytes(), functions),
    config: configOf("llama", "LlamaForCausalLM"),
    expected: decoderOf(net, Array(BLOCKS).fill(block)),
  };
}

/** The node that calls a block's function, with its weights; gives the stream after it. */
export function callBlock(
  net: Net,
  x: string,
  layer: number,
  mask: string,
  call: { domain: string; label: string; attributes?: Record<string, number> },
): string {
  const path = `/model/layers.${layer}`;
  const { past, present } = keyValueCache(net, layer);
  const weights = [
    ...MATRICES.map(([name, rows, columns]) => {
      const key = `${path}/${name.replace(".", "/")}.weight`;
      return net.weight(key, [rows, columns], 0.6, 0, moduleName(key));
    }),
    ...NORMS.map((name) => normWeight(net, `${path}/${name}`)),
  ];
  const [stream] = net.ops(call.label, path, [x, mask, `${past}.key`, `${past}.value`, ...weights], {
    domain: call.domain,
    attributes: call.attributes,
    outputs: [`${path}/${call.label}_output_0`, `${present}.key`, `${present}.value`],
  });
  return stream;
}

/** `LlamaMLP(x, gate, up, down)`. */
export function mlpFunction(domain = DOMAIN, name = "LlamaMLP"): LocalFunction {
  const body = new Body();
  const [gate, up] = ["gate", "up"].map((weight) => body.op("MatMul", `/${weight}_proj`, ["x", weight]));
  const product = body.op("Mul", "", [siluNode(body, "/act_fn", gate), up]);
  body.op("MatMul", "/down_proj", [product, "down"], { outputs: ["y"] });
  return { domain, name, inputs: ["x", "gate", "up", "down"], outputs: ["y"], body };
}

/** What the body of a block's function does its own way. */
export interface BodyParts {
  norm(body: Body, x: string, weight: string): string;
  mlp(body: Body, x: string, weights: readonly string[]): string;
  sum(body: Body, x: string, branch: string, outputs?: readonly string[]): string;
}

/** The signature of a block's function, and its body. */
export function blockBody(parts: BodyParts): Pick<LocalFunction, "inputs" | "outputs" | "body"> {
  const body = new Body();
  const [q, k, v, o, ...mlp] = MATRICES.map(([name]) => name);
  const normed = parts.norm(body, "hidden_states", NORMS[0]);
  const project = (weight: string) =>
    splitHeads(body, "/self_attn", body.op("MatMul", "/self_attn", [normed, weight]), HEADS, HEADS.heads);
  const [keys, values] = [[k, "key"], [v, "value"]].map(([weight, part]) =>
    body.op("Concat", "/self_attn", [`past_${part}`, project(weight)], {
      attributes: { axis: 2n },
      outputs: [`present_${part}`],
    })
  );
  const core = attentionCore(body, "/self_attn", [project(q), keys, values], "mask", HEADS);
  const attended = body.op("MatMul", "/self_attn", [joinHeads(body, "/self_attn", core, HEADS), o]);
  const middle = parts.sum(body, "hidden_states", attended);
  const fed = parts.mlp(body, parts.norm(body, middle, NORMS[1]), mlp);
  parts.sum(body, middle, fed, [RESULTS[0]]);
  return { inputs: [...ARGUMENTS, ...MATRICES.map(([name]) => name), ...NORMS], outputs: RESULTS, body };
}

/** `LlamaDecoderLayer(hidden_states, mask, past_key, past_value, weights...; variance_epsilon)`. */
function blockFunction(): LocalFunction {
  const parts = blockBody({
    norm(body, x, weight) {
      const output = body.op("LlamaRMSNorm", `/${weight}`, [x, weight], { domain: DOMAIN });
      body.refer("variance_epsilon", "variance_epsilon");
      return output;
    },
    mlp: (body, x, weights) => body.op("LlamaMLP", "/mlp", [x, ...weights], { domain: DOMAIN }),
    sum: (body, x, branch, outputs) => body.op("Add", "", [x, branch], { outputs }),
  });
  return {
    ...parts,
    domain: DOMAIN,
    name: "LlamaDecoderLayer",
    attributes: ["variance_epsilon"],
    calls: [DOMAIN],
  };
}
