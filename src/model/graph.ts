/** Reading and cutting ONNX graphs: who produces a tensor, what it depends on, what type it has. */
import {
  ElementType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "../compute/onnx/codec.ts";

/** A graph's tensors by name. Valid until the graph is edited. */
export class GraphIndex {
  readonly #producers = new Map<string, NodeProto>();
  readonly #initializers = new Map<string, TensorProto>();
  readonly #values = new Map<string, ValueInfoProto>();

  constructor(graph: GraphProto) {
    for (const node of graph.node) for (const output of node.output) this.#producers.set(output, node);
    for (const tensor of graph.initializer) this.#initializers.set(tensor.name, tensor);
    for (const value of [...graph.valueInfo, ...graph.output, ...graph.input]) this.#values.set(value.name, value);
  }

  /** The node that computes a tensor; none for inputs and initializers. */
  producer(tensor: string): NodeProto | undefined {
    return this.#producers.get(tensor);
  }

  /** The tensors and nodes that `tensors` depend on, themselves included, nearest first. */
  *ancestors(tensors: Iterable<string>): Generator<{ tensor: string; node?: NodeProto }> {
    const queue = [...tensors];
    const seen = new Set(queue);
    for (const tensor of queue) {
      const node = this.#producers.get(tensor);
      yield { tensor, node };
      if (!node) continue;
      for (const input of reads(node)) {
        if (seen.has(input)) continue;
        seen.add(input);
        queue.push(input);
      }
    }
  }

  /** Whether `tensor` is computed from `source`, or from another output of the node that computes `source`. */
  dependsOn(tensor: string, source: string): boolean {
    const producer = this.#producers.get(source);
    for (const ancestor of this.ancestors([tensor])) {
      if (ancestor.tensor === source || (producer && ancestor.node === producer)) return true;
    }
    return false;
  }

  /** Element type code of a tensor: declared, or that of the operand that the operator takes it from. */
  elementType(tensor: string): number {
    for (let name = tensor;;) {
      const initializer = this.#initializers.get(name);
      if (initializer) return initializer.dataType;
      const declared = this.#values.get(name)?.type?.tensorType?.elemType;
      if (declared) return declared;
      const node = this.#producers.get(name);
      if (!node) throw new Error(`Expected the graph to say where the tensor "${name}" comes from but it does not`);
      if (node.opType === "Cast") return Number(node.attribute.find((a) => a.name === "to")?.i);
      if (node.opType === "Constant") return node.attribute[0]?.t?.dataType ?? ElementType.float32;
      name = node.input[typedOperand[node.opType] ?? 0];
    }
  }
}

/** Which operand gives an operator's result its type, where it is not the first. */
const typedOperand: Record<string, number> = { Where: 1, DequantizeLinear: 1, GatherBlockQuantized: 2 };

/** Names that a node reads, those of its subgraphs (`If`, `Loop`) included. */
export function reads(node: NodeProto): string[] {
  const names = node.input.filter((name) => name !== "");
  for (const { g } of node.attribute) if (g) { for (const inner of g.node) names.push(...reads(inner)); }
  return names;
}

/** Makes every reader of tensor `from`, except the nodes in `except`, read `to`. */
export function redirect(nodes: NodeProto[], from: string, to: string, except: ReadonlySet<NodeProto>): void {
  for (const node of nodes) {
    if (except.has(node)) continue;
    node.input = node.input.map((name) => name === from ? to : name);
    for (const { g } of node.attribute) if (g) redirect(g.node, from, to, except);
  }
}

/** Leaves in `graph` only what its outputs need. */
export function prune(graph: GraphProto): void {
  const kept = new Set<NodeProto>();
  const used = new Set<string>();
  for (const { tensor, node } of new GraphIndex(graph).ancestors(graph.output.map((output) => output.name))) {
    used.add(tensor);
    if (node) kept.add(node);
  }
  graph.node = graph.node.filter((node) => kept.has(node));
  graph.initializer = graph.initializer.filter((tensor) => used.has(tensor.name));
  graph.input = graph.input.filter((input) => used.has(input.name));
  // Shapes of intermediate tensors: onnxruntime infers them again, and stale ones would be errors.
  graph.valueInfo = [];
}
