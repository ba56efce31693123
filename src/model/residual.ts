/**
 * Finds the residual stream in the graphs that language models come in, by structure.
 *
 * Going up from the logits, the stream is a chain of sums: each adds a branch (attention, feed-forward) to the sum
 * before it, and the branch is computed from that sum. A sum is an `Add`, or is fused with the norm that reads it
 * (`SkipLayerNormalization`, `SkipSimplifiedLayerNormalization`). Names serve only to tell which block computed a branch.
 */
import type { GraphProto, NodeProto } from "../compute/onnx/codec.ts";
import { ModelError } from "./error.ts";
import { GraphIndex, reads } from "./graph.ts";

/** One sum of the chain. */
interface Sum {
  /** The sum itself. */
  readonly tensor: string;
  /** The sum before, or the embedding. */
  readonly previous: string;
  /** What was added. */
  readonly branch: string;
}

/** Whether a node computes `norm(input + skip [+ bias])` and gives the sum as its fourth output. */
export function isSkipNorm(node: NodeProto | undefined): boolean {
  return node?.opType === "SkipLayerNormalization" || node?.opType === "SkipSimplifiedLayerNormalization";
}

/** Gives every fused norm its optional fourth output, so that each sum of the stream is a tensor with a name. */
export function nameSums(graph: GraphProto): void {
  for (const node of graph.node) {
    if (!isSkipNorm(node)) continue;
    while (node.output.length < 4) node.output.push("");
    node.output[3] ||= `${node.output[0]}/sum`;
  }
}

/**
 * The residual stream after each block: element `L` is the name of the tensor. The graph's sums must have names
 * ({@link nameSums}).
 *
 * @throws {ModelError} if the graph has no residual stream, or one whose blocks cannot be told apart.
 */
export function findStreams(graph: GraphProto): string[] {
  const index = new GraphIndex(graph);
  const streams = new Map<number, string>();
  for (let sum = lastSum(graph, index); sum; sum = sumAt(index, sum.previous)) {
    const block = blockOf(index, sum.branch);
    // Going up, the first sum seen of a block is its last.
    if (block !== undefined && !streams.has(block)) streams.set(block, sum.tensor);
  }
  if (streams.size === 0) {
    throw new ModelError(
      graph.node.some((node) => node.opType === "If")
        ? "Expected a graph with one path but found an If, as old exports with a merged decoder have: " +
          "use a newer export of the model, made without the use_cache_branch input"
        : "Expected a transformer whose blocks add to a residual stream but found no such sum above the logits: " +
          "use an ONNX export of a decoder-only language model that keeps its modules' names",
    );
  }
  return Array.from({ length: streams.size }, (_, layer) => {
    const tensor = streams.get(layer);
    if (tensor !== undefined) return tensor;
    const found = [...streams.keys()].sort((a, b) => a - b).join(", ");
    throw new ModelError(
      `Expected blocks numbered 0 to ${
        streams.size - 1
      } but found ${found}: use an export that keeps its modules' names`,
    );
  });
}

/** The sum that the final norm reads: the nearest above the logits. */
function lastSum(graph: GraphProto, index: GraphIndex): Sum | undefined {
  const logits = graph.output.find((output) => output.name === "logits") ?? graph.output[0];
  for (const { node } of index.ancestors([logits.name])) {
    const sum = node && sumOf(index, node);
    if (sum) return sum;
  }
}

/** The sum that a tensor is, if it is one. */
function sumAt(index: GraphIndex, tensor: string): Sum | undefined {
  const node = index.producer(tensor);
  const sum = node && sumOf(index, node);
  return sum?.tensor === tensor ? sum : undefined;
}

/** The sum of the stream that a node computes, if it does. */
function sumOf(index: GraphIndex, node: NodeProto): Sum | undefined {
  if (node.opType !== "Add" && !isSkipNorm(node)) return undefined;
  const tensor = isSkipNorm(node) ? node.output[3] : node.output[0];
  const [a, b] = node.input.map((name) => unwrap(index, name));
  if (index.dependsOn(b, a)) return { tensor, previous: a, branch: b };
  if (index.dependsOn(a, b)) return { tensor, previous: b, branch: a };
}

/** The tensor itself, before changes of type. */
function unwrap(index: GraphIndex, tensor: string): string {
  const node = index.producer(tensor);
  return node?.opType === "Cast" || node?.opType === "Identity" ? unwrap(index, node.input[0]) : tensor;
}

/** Number of the block that computed a branch, from the nearest name that tells. */
function blockOf(index: GraphIndex, branch: string): number | undefined {
  for (const { tensor, node } of index.ancestors([branch])) {
    for (const name of [node?.name ?? "", tensor, ...(node ? reads(node) : [])]) {
      const match = name.match(/(?:^|[./])(?:layers?|h|blocks?)[./](\d+)(?=[./])/);
      if (match) return Number(match[1]);
    }
  }
}
