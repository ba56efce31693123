/** Reading and cutting ONNX graphs: who produces a tensor, what it depends on, what type it has. */
import { append } from "../compute/long_lists.ts";
import {
  ElementType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "../compute/onnx/codec.ts";
import { ModelError } from "./error.ts";

/** A graph's tensors by name, its nodes in order ({@link sortNodes}). Valid until the graph is edited. */
export class GraphIndex {
  readonly #producers = new Map<string, NodeProto>();
  readonly #readers = new Map<string, NodeProto[]>();
  readonly #initializers = new Map<string, TensorProto>();
  readonly #values = new Map<string, ValueInfoProto>();
  readonly #constants = new Set<string>();

  constructor(graph: GraphProto) {
    for (const tensor of graph.initializer) {
      this.#initializers.set(tensor.name, tensor);
      this.#constants.add(tensor.name);
    }
    for (const node of graph.node) {
      const names = reads(node);
      // A node stands after those that it reads from.
      const constant = names.every((name) => this.#constants.has(name));
      for (const output of node.output) {
        if (output === "") continue;
        this.#producers.set(output, node);
        if (constant) this.#constants.add(output);
      }
      for (const name of new Set(names)) {
        const readers = this.#readers.get(name);
        if (readers) readers.push(node);
        else this.#readers.set(name, [node]);
      }
    }
    for (const value of [...graph.valueInfo, ...graph.output, ...graph.input]) this.#values.set(value.name, value);
  }

  /** The node that computes a tensor; none for inputs and initializers. */
  producer(tensor: string): NodeProto | undefined {
    return this.#producers.get(tensor);
  }

  /** The nodes that read a tensor, themselves or in a subgraph. */
  readers(tensor: string): readonly NodeProto[] {
    return this.#readers.get(tensor) ?? [];
  }

  /** A constant's tensor, if `tensor` is stored in the graph. */
  initializer(tensor: string): TensorProto | undefined {
    return this.#initializers.get(tensor);
  }

  /** Whether the graph has a tensor of this name. */
  has(tensor: string): boolean {
    return this.#producers.has(tensor) || this.#initializers.has(tensor) || this.#values.has(tensor);
  }

  /** Whether a tensor is the same in every run: stored, or computed from what is stored alone. */
  isConstant(tensor: string): boolean {
    return this.#constants.has(tensor);
  }

  /** The tensors and nodes that `tensors` depend on, themselves included, nearest first; not beyond `until`. */
  *ancestors(
    tensors: Iterable<string>,
    until: (tensor: string, node: NodeProto | undefined) => boolean = () => false,
  ): Generator<{ tensor: string; node?: NodeProto }> {
    const queue = [...tensors];
    const seen = new Set(queue);
    for (const tensor of queue) {
      const node = this.#producers.get(tensor);
      if (until(tensor, node)) continue;
      yield { tensor, node };
      if (!node) continue;
      for (const input of reads(node)) {
        if (seen.has(input)) continue;
        seen.add(input);
        queue.push(input);
      }
    }
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
      if (fixedTypes[node.opType]) return fixedTypes[node.opType];
      name = node.input[typedOperand[node.opType] ?? 0];
    }
  }
}

/** Which operand gives an operator's result its type, where it is not the first. */
const typedOperand: Record<string, number> = {
  Where: 1,
  DequantizeLinear: 1,
  GatherBlockQuantized: 2,
  MatMulIntegerToFloat: 2,
  CastLike: 1,
};

/** Results whose type no operand gives. */
const fixedTypes: Record<string, number> = {
  Shape: ElementType.int64,
  Size: ElementType.int64,
  NonZero: ElementType.int64,
  ArgMax: ElementType.int64,
  Equal: ElementType.bool,
  Greater: ElementType.bool,
  Less: ElementType.bool,
  GreaterOrEqual: ElementType.bool,
  LessOrEqual: ElementType.bool,
  Not: ElementType.bool,
  And: ElementType.bool,
  Or: ElementType.bool,
  MatMulInteger: ElementType.int32,
};

/**
 * Puts nodes after those that they read from, as ONNX has them.
 *
 * @throws {ModelError} if nodes read each other in a circle, or two of them give one tensor.
 */
export function sortNodes(graph: GraphProto): void {
  const producers = new Map<string, NodeProto>();
  const stored = new Set(graph.initializer.map(({ name }) => name));
  for (const node of graph.node) {
    for (const name of node.output) {
      if (name === "") continue;
      if (producers.has(name) || stored.has(name)) {
        throw new ModelError(
          `Expected one node that gives the tensor "${name}" but the graph has two: export the model anew`,
        );
      }
      producers.set(name, node);
    }
  }
  const done = new Set<NodeProto>();
  const isReady = (name: string) => !producers.has(name) || done.has(producers.get(name)!);
  // Most graphs are in order, and keep theirs.
  if (graph.node.every((node) => reads(node).every(isReady) && done.add(node))) return;
  const missing = new Map<NodeProto, Set<NodeProto>>();
  const readers = new Map<NodeProto, NodeProto[]>();
  for (const node of graph.node) {
    const before = new Set(reads(node).flatMap((name) => producers.get(name) ?? []));
    missing.set(node, before);
    for (const other of before) {
      const known = readers.get(other);
      if (known) known.push(node);
      else readers.set(other, [node]);
    }
  }
  // Kahn, 1962: `sorted` grows while it is walked, by each node whose last predecessor has come.
  const sorted = graph.node.filter((node) => missing.get(node)!.size === 0);
  for (const node of sorted) {
    for (const reader of readers.get(node) ?? []) {
      const before = missing.get(reader)!;
      before.delete(node);
      if (before.size === 0) sorted.push(reader);
    }
  }
  if (sorted.length < graph.node.length) {
    const [circle] = graph.node.filter((node) => missing.get(node)!.size > 0);
    throw new ModelError(
      `Expected nodes that do not read each other in a circle but "${circle.name || circle.opType}" does: export anew`,
    );
  }
  graph.node = sorted;
}

/** Graphs within graphs, at most: exports have two or three, and what walks them calls itself. */
const DEEPEST = 64;

/**
 * How deep graphs lie within a graph's nodes (`If`, `Loop`, `Scan`).
 *
 * @throws {ModelError} if that is deeper than any export's.
 */
export function assertShallow(nodes: readonly NodeProto[]): void {
  let level = nodes;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) {
      throw new ModelError(
        `Expected graphs within graphs up to ${DEEPEST} deep but the model's are deeper: export it anew, without control flow`,
      );
    }
    const inner: NodeProto[] = [];
    for (const { attribute } of level) {
      for (const { g, graphs } of attribute) {
        for (const graph of g ? [g, ...graphs] : graphs) {
          for (const node of graph.node) inner.push(node);
        }
      }
    }
    level = inner;
  }
}

/** Names that a node reads, those of its subgraphs (`If`, `Loop`) included. */
export function reads(node: NodeProto): string[] {
  const names = node.input.filter((name) => name !== "");
  for (const { g } of node.attribute) if (g) { for (const inner of g.node) append(names, reads(inner)); }
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
  // Shapes of intermediate tensors: onnxruntime infers them again, and stale ones would be errors. It cannot infer the name of
  // an axis.
  graph.valueInfo = graph.valueInfo.filter((value) => used.has(value.name) && firstAxis(value) === POSITIONS);
}

/** Name of the axis of all positions of all prompts, in graphs that are built. */
export const POSITIONS = "exemplar_positions";

function firstAxis({ type }: ValueInfoProto): string | undefined {
  const axis = type?.tensorType?.shape?.dim[0]?.value;
  return axis?.case === "dimParam" ? axis.value : undefined;
}

/** Whether a graph computes in half precision, and does not only keep weights in it that are widened first. */
export function computesInHalf(graph: GraphProto): boolean {
  const half = new Set(graph.initializer.filter((t) => t.dataType === ElementType.float16).map(({ name }) => name));
  return graph.node.some(({ opType, input }) =>
    !/^(Cast|Gather)$/.test(opType) && input.some((name) => half.has(name))
  );
}
