/** The logit lens (nostalgebraist, 2020): the model's own final norm and unembedding as a graph of their own. */
import { ElementType, type GraphProto, initializer, node, type NodeProto, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";
import { splitSkipNorm } from "./intervene.ts";
import { isSkipNorm } from "./sums.ts";

/** Name of the tail's input: `[batch, sequence, dim]` float32. */
export const LENS_INPUT = "exemplar.lens";

/** Name of the shape that the stream has in the graph. */
const SHAPE = "exemplar.lens.shape";

/**
 * Edits `graph` to read {@link LENS_INPUT} in place of the stream `final` (the last block's) and give `logits` alone.
 *
 * @param isFlat Whether the stream is `[batch, sequence, dim]` in the graph, or all positions of all prompts in one
 * axis.
 */
export function cutToTail(graph: GraphProto, final: string, dim: number, isFlat: boolean): void {
  const index = new GraphIndex(graph);
  const type = index.elementType(final);
  const fused = index.producer(final);
  if (fused && isSkipNorm(fused) && fused.output[3] === final) splitSkipNorm(graph, final);
  const shape = isFlat ? [0n, 0n, BigInt(dim)] : [-1n, BigInt(dim)];
  graph.initializer.push(initializer(SHAPE, ElementType.int64, [shape.length], BigInt64Array.from(shape)));
  const nodes: NodeProto[] = [];
  let source = LENS_INPUT;
  if (type !== ElementType.float32) {
    nodes.push(node("Cast", [source], ["exemplar.lens.cast"], { to: BigInt(type) }));
    source = "exemplar.lens.cast";
  }
  // onnxruntime 1.30 fuses a norm of several nodes with a Cast before it into a norm of two types, which neither WebGPU's
  // shader nor the standard's LayerNormalization has. A Reshape keeps them apart, also where it changes nothing.
  nodes.push(node("Reshape", [source, SHAPE], [final]));
  graph.node = [...nodes, ...graph.node.filter((candidate) => !candidate.output.includes(final))];
  graph.input = graph.input.filter(({ name }) => name !== final);
  graph.input.push(valueInfo(LENS_INPUT, ElementType.float32, ["batch", "sequence", dim]));
  graph.output = [graph.output.find((output) => output.name === "logits") ?? graph.output[0]];
  prune(graph);
}
