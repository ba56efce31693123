/** What a graph's operators, inputs and tensors say about how it may be run. */
import { ElementType, type GraphProto, type NodeProto } from "../compute/onnx/codec.ts";
import { computesInHalf, GraphIndex } from "./graph.ts";
import type { GraphInterface } from "./interface.ts";
import { maxContextOf, tableRows } from "./positions.ts";
import { isSkipNorm } from "./sums.ts";

/** How exactly a graph computes. */
export type Exactness = "exact" | "half" | "quantised";

/** How a graph may be run, and which tensors it has. */
export interface Traits {
  /** Quantised: activations too, by the range of all tokens that are read together. */
  readonly exactness: Exactness;
  /** Whether activations are rounded to a few bits before products, so that the last bits of a sum decide to which. */
  readonly rounds: boolean;
  /** Whether it takes one prompt at a time. */
  readonly fixedBatch: boolean;
  /** Whether prompts of different lengths must not be generated from together. */
  readonly equalLengths: boolean;
  /** Token ids that it has are below; Infinity if it does not show its table. */
  readonly tokens: number;
  /** Tokens that a text may have; Infinity if it shows no table of positions. */
  readonly maxContext: number;
  /** Whether it has a tensor of a name. */
  has(tensor: string): boolean;
  /** Whether its logits are computed from a tensor, in floating point: whether changing that can change them. */
  matters(tensor: string): boolean;
}

/** Operators that quantise activations by the range of a whole tensor, and so of all prompts together. */
const QUANTISES = /^DynamicQuantize/;
/** Operators that are told how many tokens a row has, not which they are. */
const COUNTS = /^(GroupQuery|Sparse|Paged)Attention$/;

/**
 * Reads the traits off a graph.
 *
 * @param firstPosition Number that the model's position ids start at.
 */
export function traitsOf(graph: GraphProto, io: GraphInterface, firstPosition: number): Traits {
  const index = new GraphIndex(graph);
  const logits = (graph.output.find(({ name }) => name === "logits") ?? graph.output[0]).name;
  const before = new Set<string>();
  for (const { tensor, node } of index.ancestors([logits])) {
    before.add(tensor);
    // A fused norm is taken apart to read a changed sum.
    if (node && isSkipNorm(node)) before.add(node.output[3]);
  }
  before.delete(logits);
  const quantises = graph.node.some(({ opType }) => QUANTISES.test(opType));
  return {
    exactness: quantises ? "quantised" : isHalf(graph) ? "half" : "exact",
    // Level 4 of MatMulNBits rounds what it multiplies to 8 bits.
    rounds: quantises ||
      graph.node.some(({ attribute }) => attribute.some((a) => a.name === "accuracy_level" && a.i >= 4n)),
    fixedBatch: io.inputs.find(({ name }) => name === "input_ids")?.shape[0] === 1,
    equalLengths: needsEqualLengths(graph, io),
    tokens: knownTokens(index),
    maxContext: maxContextOf(graph, index, firstPosition),
    has: (tensor) => index.has(tensor),
    matters: (tensor) => before.has(tensor) && !index.isConstant(tensor) && isFloat(index, tensor),
  };
}

function isHalf(graph: GraphProto): boolean {
  const toHalf = ({ attribute }: NodeProto) =>
    attribute.some(({ name, i }) => name === "to" && i === BigInt(ElementType.float16));
  return computesInHalf(graph) ||
    graph.node.some((node) => node.opType === "MatMulNBits" || (node.opType === "Cast" && toHalf(node)));
}

function isFloat(index: GraphIndex, tensor: string): boolean {
  const type = index.elementType(tensor);
  return type === ElementType.float32 || type === ElementType.float16;
}

/**
 * Whether padding must not stand on the left: GroupQueryAttention counts a row's tokens (`seqlens_k`) and does not know
 * which they are, convolutions and recurrences carry it on, and a graph without a mask or position ids counts it.
 */
function needsEqualLengths(graph: GraphProto, { inputs, caches }: GraphInterface): boolean {
  const reads = (wanted: string) => inputs.some(({ name }) => name === wanted);
  return graph.node.some(({ opType }) => COUNTS.test(opType)) || caches.some(({ grows }) => !grows) ||
    !reads("position_ids") || !reads("attention_mask");
}

/** Rows of the table that token ids are looked up in; Infinity if the graph does not show it. */
function knownTokens(index: GraphIndex): number {
  return tableRows(index, index.readers("input_ids").find(({ opType }) => opType === "Gather")?.input[0] ?? "");
}
