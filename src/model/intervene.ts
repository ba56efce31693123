/**
 * Puts hooks into a graph: after a hooked block the stream `x` becomes `x - (x - center) Q Q^T + offset` where the gate
 * is true and stays `x`, bit for bit, where it is false.
 */
import { ElementType, type GraphProto, node, type NodeProto, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, redirect } from "./graph.ts";
import { isSkipNorm } from "./residual.ts";

/** Names of the inputs of the hook after a block. */
export function hookInputs(layer: number) {
  const name = (part: string) => `exemplar.hook.${layer}.${part}`;
  return {
    /** `[batch, sequence, 1]` bool: which positions are changed. */
    gate: name("gate"),
    /** `[dim]`. */
    center: name("center"),
    /** Q, `[dim, rank]`, rank at least one. */
    basis: name("basis"),
    /** `[dim]`: the sum of the steering vectors. */
    offset: name("offset"),
  };
}

/** Name of the changed stream. */
export function hookedName(layer: number): string {
  return `exemplar.hook.${layer}.output`;
}

/** Adds hooks after `layers` to `graph`, whose streams are named by `streams`. */
export function addHooks(graph: GraphProto, streams: readonly string[], layers: readonly number[], dim: number): void {
  for (const layer of layers) addHook(graph, streams[layer], layer, dim);
}

function addHook(graph: GraphProto, stream: string, layer: number, dim: number): void {
  const index = new GraphIndex(graph);
  const elementType = index.elementType(stream);
  if (isSkipNorm(index.producer(stream))) splitSkipNorm(graph, stream);
  const hook = hookNodes(stream, layer, elementType);
  redirect(graph.node, stream, hookedName(layer), new Set());
  const producer = graph.node.findIndex((candidate) => candidate.output.includes(stream));
  graph.node.splice(producer + 1, 0, ...hook);
  const { gate, center, basis, offset } = hookInputs(layer);
  graph.input.push(
    valueInfo(gate, ElementType.bool, ["batch", "sequence", 1]),
    valueInfo(center, ElementType.float32, [dim]),
    valueInfo(basis, ElementType.float32, [dim, `rank.${layer}`]),
    valueInfo(offset, ElementType.float32, [dim]),
  );
}

/** The hook's arithmetic, in float32; a half-precision stream is widened on the way in and narrowed on the way out. */
function hookNodes(stream: string, layer: number, elementType: number): NodeProto[] {
  const { gate, center, basis, offset } = hookInputs(layer);
  const name = (part: string) => `exemplar.hook.${layer}.${part}`;
  const half = elementType !== ElementType.float32;
  const x = half ? name("x") : stream;
  const changed = half ? name("changed_float32") : name("changed");
  const nodes = [
    node("Sub", [x, center], [name("centered")]),
    node("MatMul", [name("centered"), basis], [name("coordinates")]),
    node("Transpose", [basis], [name("basis_transposed")], { perm: [1n, 0n] }),
    node("MatMul", [name("coordinates"), name("basis_transposed")], [name("component")]),
    node("Sub", [x, name("component")], [name("ablated")]),
    node("Add", [name("ablated"), offset], [changed]),
  ];
  if (half) {
    nodes.unshift(node("Cast", [stream], [x], { to: BigInt(ElementType.float32) }));
    nodes.push(node("Cast", [changed], [name("changed")], { to: BigInt(elementType) }));
  }
  nodes.push(node("Where", [gate, name("changed"), stream], [hookedName(layer)]));
  return nodes;
}

/** Replaces the fused norm that computes the sum `stream` by sum and norm, so that the norm can read a changed sum. */
export function splitSkipNorm(graph: GraphProto, stream: string): void {
  const position = graph.node.findIndex((candidate) => isSkipNorm(candidate) && candidate.output[3] === stream);
  const fused = graph.node[position];
  const simplified = fused.opType === "SkipSimplifiedLayerNormalization";
  // SkipSimplifiedLayerNormalization(input, skip, gamma, bias); SkipLayerNormalization(input, skip, gamma, beta, bias).
  const [input, skip, gamma] = fused.input;
  const beta = simplified ? undefined : fused.input[3];
  const bias = fused.input[simplified ? 3 : 4];
  const sums = bias
    ? [node("Add", [input, skip], [`${stream}/without_bias`]), node("Add", [`${stream}/without_bias`, bias], [stream])]
    : [node("Add", [input, skip], [stream])];
  const norm = node(
    simplified ? "SimplifiedLayerNormalization" : "LayerNormalization",
    beta ? [stream, gamma, beta] : [stream, gamma],
    [fused.output[0]],
    { axis: -1n },
  );
  norm.attribute.push(...fused.attribute.filter((attribute) => attribute.name === "epsilon"));
  graph.node.splice(position, 1, ...sums, norm);
}
