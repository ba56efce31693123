/**
 * Puts hooks into a graph: a hooked activation `x` becomes `x - (x - center) Q Q^T + offset` where the gate is true and
 * stays `x`, bit for bit, where it is false; then it becomes the replacement where that has a gate of its own.
 */
import { ElementType, type GraphProto, initializer, node, type NodeProto, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, redirect } from "./graph.ts";
import { isSkipNorm } from "./sums.ts";

/** One hook: the tensor, a word for it, and what it can do. */
export interface Hook {
  readonly key: string;
  readonly tensor: string;
  /** Whether the tensor is `[batch, sequence, dim]`; others are reshaped to that and back. */
  readonly isFlat: boolean;
  /** Whether it ablates and steers. */
  readonly edits: boolean;
  /** Whether it replaces. */
  readonly replaces: boolean;
}

/** Names of a hook's inputs. */
export function hookInputs(key: string) {
  const name = (part: string) => `exemplar.hook.${key}.${part}`;
  return {
    /** `[batch, sequence, 1]` bool: which positions are ablated and steered. */
    gate: name("gate"),
    /** `[dim]`. */
    center: name("center"),
    /** Q, `[dim, rank]`, rank at least one. */
    basis: name("basis"),
    /** `[dim]`: the sum of the steering vectors. */
    offset: name("offset"),
    /** `[batch, sequence, 1]` bool: which positions are replaced. */
    replaced: name("replaced"),
    /** `[batch, sequence, dim]`. */
    replacement: name("replacement"),
  };
}

/** Name of the changed activation. */
export function hookedName(key: string): string {
  return `exemplar.hook.${key}.output`;
}

/** Adds hooks to `graph`. */
export function addHooks(graph: GraphProto, hooks: readonly Hook[]): void {
  for (const hook of hooks) addHook(graph, hook);
}

function addHook(graph: GraphProto, hook: Hook): void {
  const index = new GraphIndex(graph);
  const { tensor, key } = hook;
  const elementType = index.elementType(tensor);
  if (isSkipNorm(index.producer(tensor)) && index.producer(tensor)!.output[3] === tensor) splitSkipNorm(graph, tensor);
  const nodes = hookNodes(graph, hook, elementType);
  // Before the hook's own nodes are put in, which must read the tensor itself.
  redirect(graph.node, tensor, hookedName(key), new Set());
  const producer = graph.node.findIndex((candidate) => candidate.output.includes(tensor));
  graph.node.splice(producer + 1, 0, ...nodes);
  const { gate, center, basis, offset, replaced, replacement } = hookInputs(key);
  const dim = `dim.${key}`;
  if (hook.edits) {
    graph.input.push(
      valueInfo(gate, ElementType.bool, ["batch", "sequence", 1]),
      valueInfo(center, ElementType.float32, [dim]),
      valueInfo(basis, ElementType.float32, [dim, `rank.${key}`]),
      valueInfo(offset, ElementType.float32, [dim]),
    );
  }
  if (hook.replaces) {
    graph.input.push(
      valueInfo(replaced, ElementType.bool, ["batch", "sequence", 1]),
      valueInfo(replacement, ElementType.float32, ["batch", "sequence", dim]),
    );
  }
}

/** The hook's arithmetic, in float32; half precision is widened on the way in and narrowed on the way out. */
function hookNodes(
  graph: GraphProto,
  { key, tensor, isFlat, edits, replaces }: Hook,
  elementType: number,
): NodeProto[] {
  const { gate, center, basis, offset, replaced, replacement } = hookInputs(key);
  const name = (part: string) => `exemplar.hook.${key}.${part}`;
  const half = elementType !== ElementType.float32;
  const nodes: NodeProto[] = [];
  const add = (opType: string, inputs: string[], part: string, attributes = {}) => {
    nodes.push(node(opType, inputs, [name(part)], attributes));
    return name(part);
  };
  const narrowed = (value: string, part: string) =>
    half ? add("Cast", [value], part, { to: BigInt(elementType) }) : value;

  let x = tensor;
  if (!isFlat) {
    // The first two sizes are the gate's, batch and sequence; the activation's own shape has both in one axis, or heads
    // apart.
    const all = name("all");
    graph.initializer.push(initializer(all, ElementType.int64, [1], BigInt64Array.of(-1n)));
    const front = add("Slice", [add("Shape", [edits ? gate : replaced], "gate_shape"), ...slice(graph, name)], "front");
    x = add("Reshape", [tensor, add("Concat", [front, all], "flat_shape", { axis: 0n })], "flat");
  }
  if (edits) {
    const wide = half ? add("Cast", [x], "x", { to: BigInt(ElementType.float32) }) : x;
    // `(x - center) Q`, then by `Q^T`: two thin products, never the `dim x dim` projection.
    const coordinates = add("MatMul", [add("Sub", [wide, center], "centered"), basis], "coordinates");
    const component = add(
      "MatMul",
      [coordinates, add("Transpose", [basis], "basis_t", { perm: [1n, 0n] })],
      "component",
    );
    const changed = add("Add", [add("Sub", [wide, component], "ablated"), offset], "changed");
    // Chosen, not multiplied by the gate: what is not hooked keeps its bits.
    x = add("Where", [gate, narrowed(changed, "changed_narrow"), x], "edited");
  }
  if (replaces) x = add("Where", [replaced, narrowed(replacement, "replacement_narrow"), x], "patched");
  if (isFlat) nodes.push(node("Identity", [x], [hookedName(key)]));
  else nodes.push(node("Reshape", [x, add("Shape", [tensor], "own_shape")], [hookedName(key)]));
  return nodes;
}

/** Bounds that take the first two sizes of a shape. */
function slice(graph: GraphProto, name: (part: string) => string): string[] {
  return ([["from", 0n], ["to", 2n]] as const).map(([part, value]) => {
    graph.initializer.push(initializer(name(part), ElementType.int64, [1], BigInt64Array.of(value)));
    return name(part);
  });
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
