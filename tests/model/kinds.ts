/** LLaMA's decoder as other exports have it: merged, cut, quantised, without names, without a cache. */
import {
  clone,
  decodeModel,
  ElementType,
  encodeModel,
  graphModel,
  type GraphProto,
  initializer,
  node,
  type NodeProto,
  type TensorProto,
  valueInfo,
} from "../../src/compute/onnx/codec.ts";
import { rename } from "../../src/model/functions.ts";
import { GraphIndex } from "../../src/model/graph.ts";
import { findSums } from "../../src/model/sums.ts";
import {
  attention,
  attentionOf,
  type Block,
  BLOCKS,
  causalMask,
  configOf,
  decoder,
  DIM,
  embedding,
  embeddingOf,
  EPSILON,
  gatedMlp,
  gatedMlpOf,
  LLAMA_PATHS,
  llamaBlock,
  type Made,
  moduleName,
  rmsNorm,
  tokenInputs,
  unembed,
} from "./make/layers.ts";
import { Net } from "./make/net.ts";
import { expectedOf, linearOf, plus, rmsNormOf, type Rows } from "./make/plain.ts";
import type { MadeModel } from "./made_model.ts";

const CONFIG = configOf("llama", "LlamaForCausalLM");

/** A decoder of LLaMA's blocks, or others, its graph changed by `edit`. */
export function decoderWith(
  edit: (graph: GraphProto) => void = () => {},
  block: (net: Net) => Block = (net) => llamaBlock(net, causalMask(net)),
): Made {
  const net = new Net();
  tokenInputs(net);
  const expected = decoder(net, Array(BLOCKS).fill(block(net)));
  const model = net.model();
  edit(model.graph!);
  return { bytes: encodeModel(model), config: CONFIG, expected };
}

/** `(stream + attention) + mlp`, both of one normed stream. */
export function parallelBlock(net: Net): Block {
  const mask = causalMask(net);
  return {
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const normed = rmsNorm(net, `${path}/input_layernorm`, x);
      const attended = attention(net, `${path}/self_attn`, normed, layer, mask);
      return net.op("Add", path, [net.op("Add", path, [x, attended]), gatedMlp(net, `${path}/mlp`, normed)]);
    },
    plain(x, layer) {
      const path = `/model/layers.${layer}`;
      const normed = rmsNormOf(net, `${path}/input_layernorm`, x, EPSILON);
      const [attnOut, mlpOut] = [attentionOf(net, `${path}/self_attn`, normed), gatedMlpOf(net, `${path}/mlp`, normed)];
      return { attnOut, mlpOut, stream: plus(plus(x, attnOut), mlpOut) };
    },
  };
}

/** LLaMA's block whose feed-forward part adds to rows of all prompts in one axis. */
export function reshapedBlock(net: Net): Block {
  const mask = causalMask(net);
  const { plain } = llamaBlock(net, mask);
  return {
    plain,
    graph(x, layer) {
      const path = `/model/layers.${layer}`;
      const attended = attention(net, `${path}/self_attn`, rmsNorm(net, `${path}/input_layernorm`, x), layer, mask);
      const middle = net.op("Add", path, [x, attended]);
      const rows = net.op("Reshape", path, [middle, net.ints(path, [-1, DIM])]);
      const fed = gatedMlp(net, `${path}/mlp`, rmsNorm(net, `${path}/post_attention_layernorm`, rows));
      return net.op("Reshape", path, [net.op("Add", path, [rows, fed]), net.op("Shape", path, [x])]);
    },
  };
}

/** Gives all nodes and tensors but inputs and outputs names that tell nothing. */
export function withoutNames(graph: GraphProto): void {
  const kept = new Set([...graph.input, ...graph.output].map(({ name }) => name));
  const names = new Map<string, string>();
  const newName = (name: string) => {
    if (name === "" || kept.has(name)) return name;
    if (!names.has(name)) names.set(name, `t${names.size}`);
    return names.get(name)!;
  };
  rename(graph.node, newName);
  for (const tensor of graph.initializer) tensor.name = newName(tensor.name);
  graph.node.forEach((node, i) => node.name = `n${i}`);
}

/** Drops the cache: keys and values are those of the tokens fed. */
export function withoutCache(graph: GraphProto): void {
  graph.node = graph.node.map((n) => n.input[0]?.startsWith("past") ? node("Identity", [n.input[1]], n.output) : n);
  graph.input = graph.input.filter(({ name }) => !name.startsWith("past"));
  graph.output = graph.output.filter(({ name }) => name === "logits");
}

/** Makes the mask in the graph: ones for all tokens up to now, padding or not. */
export function withoutMask(graph: GraphProto): void {
  graph.input = graph.input.filter(({ name }) => name !== "attention_mask");
  const one = (name: string, value: bigint) => initializer(name, ElementType.int64, [1], BigInt64Array.of(value));
  graph.initializer.push(one("axis_1", 1n), one("axis_2", 2n), one("axis_0", 0n), one("a_one", 1n));
  graph.node.unshift(
    node("Shape", ["past_key_values.0.key"], ["past_shape"]),
    node("Gather", ["past_shape", "axis_2"], ["past_tokens"]),
    node("Shape", ["input_ids"], ["ids_shape"]),
    node("Gather", ["ids_shape", "axis_1"], ["new_tokens"]),
    node("Gather", ["ids_shape", "axis_0"], ["prompts"]),
    node("Add", ["past_tokens", "new_tokens"], ["all_tokens"]),
    node("Concat", ["prompts", "all_tokens"], ["mask_shape"], { axis: 0n }),
    node("Expand", ["a_one", "mask_shape"], ["attention_mask"]),
  );
}

/** Takes one prompt at a time, cache and all. */
export function ofOnePrompt(graph: GraphProto): void {
  for (const { name, type } of [...graph.input, ...graph.output]) {
    const dims = type!.tensorType!.shape!.dim;
    if (name !== "use_cache_branch") dims[0].value = { case: "dimValue", value: 1n };
  }
}

/** Adds with `Sum`. */
export function withSums(graph: GraphProto): void {
  for (const { branches: _, tensor } of findSums(graph, new GraphIndex(graph), 1000)) {
    graph.node.find(({ output }) => output[0] === tensor)!.opType = "Sum";
  }
}

/** Puts the graph in the branches of an `If`, one of which has no cache, as optimum's merged decoders have it. */
export function merged(graph: GraphProto): void {
  const plain = clone(graph);
  withoutCache(plain);
  const inner = [...graph.node, ...plain.node];
  const branch = (nodes: NodeProto[], prefix: string) => {
    rename(nodes, (name) => inner.some(({ output }) => name && output.includes(name)) ? `${prefix}/${name}` : name);
    const outputs = graph.output.map((output) => ({ ...output, name: `${prefix}/${output.name}` }));
    return graphModel({ nodes, inputs: [], outputs }).graph!;
  };
  const [then_branch, else_branch] = [branch(graph.node.map((n) => clone(n)), "with"), branch(plain.node, "without")];
  graph.node = [
    node("If", ["use_cache_branch"], graph.output.map(({ name }) => name), { else_branch, then_branch }),
  ];
  graph.input.push(valueInfo("use_cache_branch", ElementType.bool, [1]));
}

/** A decoder of embeddings, and the graph that makes them; a tensor of each has the same name. */
export function ofEmbeddings(): Made & MadeModel {
  let embed: GraphProto | undefined;
  const made = decoderWith((graph) => {
    const at = graph.node.findIndex(({ opType, input }) => opType === "Gather" && input[1] === "input_ids");
    const [gather] = graph.node.splice(at, 1);
    const table = graph.initializer.find(({ name }) => name === gather.input[0])!;
    graph.initializer = graph.initializer.filter((tensor) => tensor !== table);
    rename(graph.node, (name) => name === gather.output[0] || name === "input_ids" ? "inputs_embeds" : name);
    graph.input = [
      valueInfo("inputs_embeds", ElementType.float32, ["batch_size", "sequence_length", DIM]),
      ...graph.input.filter(({ name }) => name !== "input_ids"),
    ];
    embed = embedder({ ...table, name: "model.norm.weight" });
  });
  return { ...made, others: { "embed_tokens.onnx": encodeModel({ ...decodeModel(made.bytes), graph: embed }) } };
}

function embedder(table: TensorProto): GraphProto {
  return graphModel({
    nodes: [node("Gather", [table.name, "input_ids"], ["inputs_embeds"])],
    inputs: [valueInfo("input_ids", ElementType.int64, ["batch_size", "sequence_length"])],
    outputs: [valueInfo("inputs_embeds", ElementType.float32, ["batch_size", "sequence_length", DIM])],
    initializers: [table],
  }).graph!;
}

/** Token ids and mask as 32-bit integers. */
export function ofInt32(graph: GraphProto): void {
  for (const { name, type } of graph.input) {
    if (!name.startsWith("past")) type!.tensorType!.elemType = ElementType.int32;
  }
}

/** A table of learned positions for each of three rows of position ids. */
export function threePositions(): Made {
  const net = new Net();
  tokenInputs(net);
  net.input("position_ids", ElementType.int64, [3, "batch_size", "sequence_length"]);
  const block = llamaBlock(net, causalMask(net));
  const tables = ["time", "height", "width"].map((name) => `/model/${name}`);
  let x = embedding(net, LLAMA_PATHS.embed);
  for (const [row, path] of tables.entries()) {
    const ids = net.op("Gather", path, ["position_ids", net.int(path, row)], { attributes: { axis: 0n } });
    const table = net.weight(`${path}.weight`, [64, DIM], 0.5, 0, `${moduleName(path)}.weight`);
    x = net.op("Add", path, [x, net.op("Gather", path, [table, ids])]);
  }
  for (let layer = 0; layer < BLOCKS; layer++) x = block.graph(x, layer);
  unembed(net, LLAMA_PATHS.head, rmsNorm(net, LLAMA_PATHS.norm, x));
  const at = (path: string, position: number): Rows => {
    const { values } = net.values(`${path}.weight`);
    return [Array.from(values.subarray(position * DIM, (position + 1) * DIM))];
  };
  const expected = expectedOf({
    embed: (token, position) =>
      tables.reduce((x, path) => plus(x, at(path, position)), [embeddingOf(net, LLAMA_PATHS.embed, token)])[0],
    blocks: Array.from({ length: BLOCKS }, (_, layer) => (x) => block.plain(x, layer)),
    head: (x) => linearOf(net, LLAMA_PATHS.head, rmsNormOf(net, LLAMA_PATHS.norm, [x], EPSILON))[0],
  });
  return { bytes: net.bytes(), config: CONFIG, expected };
}

/** Quantises what every product reads as it runs, by the range of the whole tensor. */
export function quantised(graph: GraphProto): void {
  const weights = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  graph.node = graph.node.flatMap((product) => {
    const weight = weights.get(product.input[1]);
    return product.opType === "MatMul" && weight ? quantisedProduct(graph, product, weight) : [product];
  });
}

function quantisedProduct(graph: GraphProto, product: NodeProto, weight: TensorProto): NodeProto[] {
  const [y] = product.output;
  const numbers = new Float32Array(weight.rawData.slice().buffer);
  const scale = Math.max(...numbers.map(Math.abs)) / 127;
  const integers = Int8Array.from(numbers, (value) => Math.round(value / scale));
  graph.initializer.push(
    initializer(`${y}/weight`, ElementType.int8, weight.dims.map(Number), integers),
    initializer(`${y}/scale`, ElementType.float32, [], Float32Array.of(scale)),
  );
  return [
    node("DynamicQuantizeLinear", [product.input[0]], [`${y}/data`, `${y}/data_scale`, `${y}/zero`]),
    node("MatMulInteger", [`${y}/data`, `${y}/weight`, `${y}/zero`], [`${y}/sum`]),
    node("Cast", [`${y}/sum`], [`${y}/float`], { to: BigInt(ElementType.float32) }),
    node("Mul", [`${y}/data_scale`, `${y}/scale`], [`${y}/both`]),
    node("Mul", [`${y}/float`, `${y}/both`], [y]),
  ];
}

/** Cuts the stream to its last position before the head. */
export function lastLogits(graph: GraphProto): void {
  const at = graph.node.findIndex(({ output }) => output[0] === "logits");
  const head = graph.node[at];
  const bounds = [["from", -1n], ["to", 1n << 40n], ["axis", 1n]] as const;
  for (const [name, value] of bounds) {
    graph.initializer.push(initializer(`last/${name}`, ElementType.int64, [1], BigInt64Array.of(value)));
  }
  graph.node.splice(at, 0, node("Slice", [head.input[0], ...bounds.map(([name]) => `last/${name}`)], ["last"]));
  head.input[0] = "last";
}

/** Attention to all tokens of a prompt. */
export function bidirectionalBlock(net: Net): Block {
  const path = "/model";
  const kept = net.op("Unsqueeze", path, [net.cast(path, "attention_mask", ElementType.bool), net.ints(path, [1, 2])]);
  return llamaBlock(net, net.op("Where", path, [kept, net.number(path, 0), net.number(path, -1e9)]));
}
