/**
 * The sums that make up a residual stream. Going up from the logits, the stream is a chain of sums: each adds branches
 * (attention, feed-forward) to the sum before it, its base, from which the branches are computed. A sum is an `Add` or
 * `Sum`, a tree of them (`(stream + attention) + mlp`), or is fused with the norm that reads it
 * (`SkipLayerNormalization`, `SkipSimplifiedLayerNormalization`). Names play no part.
 */
import { append } from "../compute/long_lists.ts";
import { type GraphProto, node, type NodeProto } from "../compute/onnx/codec.ts";
import { ModelError } from "./error.ts";
import type { GraphIndex } from "./graph.ts";

/** What a sum adds to its base. */
export interface Branch {
  readonly tensor: string;
  /** Whether it carries something from one position to another, as attention, convolution and recurrence do. */
  readonly mixes: boolean;
  /** The nodes that compute it from the base. */
  readonly nodes: ReadonlySet<NodeProto>;
}

/** One sum of the stream. */
export interface Sum {
  /** The sum itself. */
  readonly tensor: string;
  /** The sum before, as this one reads it, or the embedding. */
  readonly base: string;
  /** In the order of the graph's operands; two where attention and feed-forward part are added at once. */
  readonly branches: readonly Branch[];
}

/** Whether a node computes `norm(input + skip [+ bias])` and gives the sum as its fourth output. */
export function isSkipNorm(node: NodeProto | undefined): boolean {
  return node?.opType === "SkipLayerNormalization" || node?.opType === "SkipSimplifiedLayerNormalization";
}

/**
 * Gives every fused norm its optional fourth output, so that each sum of the stream is a tensor with a name, and adds a
 * bias that it holds to the branch whose it is, so that what is added to the stream is one too.
 */
export function nameSums(graph: GraphProto): void {
  const products = new Set(graph.node.flatMap(({ opType, output }) => PRODUCTS.has(opType) ? output : []));
  graph.node = graph.node.flatMap((fused) => {
    if (!isSkipNorm(fused)) return [fused];
    while (fused.output.length < 4) fused.output.push("");
    fused.output[3] ||= `${fused.output[0]}/sum`;
    const place = fused.opType === "SkipLayerNormalization" ? 4 : 3;
    const bias = fused.input[place];
    if (!bias) return [fused];
    // The branch is the operand that a product gives; the other one is the stream.
    const branch = products.has(fused.input[0]) ? 0 : 1;
    // Named as the branch: the norm that reads a block's last sum is mostly the next block's.
    const sum = node("Add", [fused.input[branch], bias], [`${fused.input[branch]}/with_bias`]);
    fused.input[branch] = sum.output[0];
    fused.input[place] = "";
    return [sum, fused];
  });
}

/**
 * The stream's sums from the first block's first to the last block's last. The graph's sums must have names ({@link
 * nameSums}).
 *
 * @param most Sums that are looked for: each takes a walk through all of the graph before it.
 * @throws {ModelError} if there are more.
 */
export function findSums(graph: GraphProto, index: GraphIndex, most: number): Sum[] {
  const logits = graph.output.find((output) => output.name === "logits") ?? graph.output[0];
  const sums: Sum[] = [];
  for (let sum = nearestSum(index, logits.name); sum; sum = nearestSum(index, sum.base)) {
    sums.push(sum);
    if (sums.length <= most) continue;
    throw new ModelError(
      `Expected a residual stream of up to ${most} sums but the graph's has more: check that config.json belongs to it`,
    );
  }
  return sums.reverse();
}

/** Operators that give their operand another shape or precision and leave its values. */
const VIEWS = new Set(["Cast", "CastLike", "Identity", "Dropout", "Reshape", "Squeeze", "Unsqueeze", "Flatten"]);

/** The tensor that another one is a view of: its values before changes of shape and precision. */
export function viewed(index: GraphIndex, tensor: string): string {
  for (let name = tensor;;) {
    const node = index.producer(name);
    if (!node || !VIEWS.has(node.opType)) return name;
    name = node.input[0];
  }
}

/** Tensors that are looked at on the way from one sum to the next, at most: a norm and a factor have some twenty. */
const FARTHEST = 1000;

/** The first sum of the stream at or above a tensor. */
function nearestSum(index: GraphIndex, tensor: string): Sum | undefined {
  let seen = 0;
  for (const { node } of index.ancestors([tensor])) {
    const sum = node && sumOf(index, node);
    if (sum || seen++ > FARTHEST) return sum;
  }
}

/** Adds within a sum, at most: two branches, their biases. */
const LARGEST_TREE = 6;

/** The sum of the stream that a node computes, if it does. */
function sumOf(index: GraphIndex, node: NodeProto): Sum | undefined {
  let leaves = addends(index, node);
  if (!leaves) return undefined;
  const tensor = isSkipNorm(node) ? node.output[3] : node.output[0];
  // If no addend is the base of the others, one that is a sum itself is opened: of `(stream + attention) + mlp` the
  // inner one.
  for (let opened = 0; opened < LARGEST_TREE; opened++) {
    for (const base of leaves) {
      const branches = branchesFrom(index, base, leaves.filter((leaf) => leaf !== base));
      if (branches) return { tensor, base, branches };
    }
    const place = leaves.findIndex((leaf) => addends(index, index.producer(viewed(index, leaf))));
    if (place < 0) return undefined;
    leaves = leaves.toSpliced(place, 1, ...addends(index, index.producer(viewed(index, leaves[place])))!);
  }
}

/** What a node adds, constants left out; nothing unless two or more tensors are left. */
function addends(index: GraphIndex, node: NodeProto | undefined): string[] | undefined {
  if (!node || (node.opType !== "Add" && node.opType !== "Sum" && !isSkipNorm(node))) return undefined;
  const given = isSkipNorm(node) ? node.input.slice(0, 2) : node.input;
  const operands = [...new Set(given)].filter((name) => !index.isConstant(name));
  return operands.length >= 2 ? operands : undefined;
}

/** The branches that `tensors` are, if each is computed from `base` by a product with weights. */
function branchesFrom(index: GraphIndex, base: string, tensors: readonly string[]): Branch[] | undefined {
  const branches: Branch[] = [];
  for (const tensor of tensors) {
    const branch = branchFrom(index, base, tensor);
    if (!branch) return undefined;
    append(branches, parts(index, base, branch));
  }
  return branches.length > 0 ? branches : undefined;
}

function branchFrom(index: GraphIndex, base: string, tensor: string): Branch | undefined {
  const source = viewed(index, base);
  const origin = index.producer(source);
  // What the base is computed from is not the branch's, though the branch may read it (a mask, rotations).
  const before = new Set<NodeProto>();
  const known = new Set<string>();
  for (const ancestor of index.ancestors([source])) {
    known.add(ancestor.tensor);
    if (ancestor.node) before.add(ancestor.node);
  }
  const nodes = new Set<NodeProto>();
  let reaches = false;
  // Another output of the node that computes the base (a fused norm's) comes from the base too.
  const stop = (name: string, node: NodeProto | undefined) => {
    if (name === source || (origin && node === origin)) reaches = true;
    return known.has(name) || (node !== undefined && before.has(node));
  };
  for (const { node } of index.ancestors([tensor], stop)) if (node) nodes.add(node);
  if (!reaches || !nodes.values().some((node) => PRODUCTS.has(node.opType))) return undefined;
  return { tensor, nodes, mixes: nodes.values().some((node) => mixesPositions(index, node)) };
}

/** Attention and feed-forward part where a branch is the sum of both, else the branch itself. */
function parts(index: GraphIndex, base: string, branch: Branch): Branch[] {
  const [first, second, ...more] = (addends(index, index.producer(viewed(index, branch.tensor))) ?? [])
    .map((tensor) => branchFrom(index, base, tensor));
  return first && second && more.length === 0 && first.mixes !== second.mixes ? [first, second] : [branch];
}

/** Products with weights, by every name that exporters and quantisers give them. */
export const PRODUCTS: ReadonlySet<string> = new Set([
  ...["MatMul", "Gemm", "FusedMatMul", "FusedGemm", "Einsum", "Conv", "MatMulNBits", "MatMulBnb4", "MatMulFpQ4"],
  ...["MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul", "QGemm", "MoE", "QMoE"],
  ...["Attention", "QAttention"],
]);

/** Operators that carry values from one position to another. */
const MIXERS = new Set([
  ...["GroupQueryAttention", "MultiHeadAttention", "Attention", "QAttention", "DecoderMaskedMultiHeadAttention"],
  ...["DecoderMaskedSelfAttention", "SparseAttention", "PagedAttention", "LinearAttention", "CausalConvWithState"],
  ...["Conv", "Scan", "Loop", "CumSum"],
]);

function mixesPositions(index: GraphIndex, node: NodeProto): boolean {
  if (MIXERS.has(node.opType) || node.input.some((name) => /^past/.test(name))) return true;
  // A product of two computed tensors, as of queries and keys: products with weights have one that is stored.
  return /^(Fused)?MatMul$|^Einsum$/.test(node.opType) && !node.input.some((name) => name && index.isConstant(name));
}
