/** The logit lens (nostalgebraist, 2020): the model's own final norm and unembedding as a graph of their own. */
import { ElementType, type GraphProto, initializer, node, type NodeProto, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";
import { splitSkipNorm } from "./intervene.ts";
import { isSkipNorm } from "./residual.ts";

/** Name of the tail's input: `[batch, sequence, dim]` float32. */
export const LENS_INPUT = "exemplar.lens";

const SAME_SHAPE = "exemplar.lens.shape";

/** Edits `graph` to read {@link LENS_INPUT} in place of the stream `final` (the last block's) and give `logits` alone. */
export function cutToTail(graph: GraphProto, final: string, dim: number): void {
  const index = new GraphIndex(graph);
  const type = index.elementType(final);
  if (isSkipNorm(index.producer(final))) splitSkipNorm(graph, final);
  const rest = graph.node.filter((candidate) => !candidate.output.includes(final));
  graph.node = [...sourceNodes(final, type), ...rest];
  graph.initializer.push(initializer(SAME_SHAPE, ElementType.int64, [3], BigInt64Array.of(0n, 0n, BigInt(dim))));
  graph.input.push(valueInfo(LENS_INPUT, ElementType.float32, ["batch", "sequence", dim]));
  graph.output = [graph.output.find((output) => output.name === "logits") ?? graph.output[0]];
  prune(graph);
}

/** The stream, in the type that the graph has it in. */
function sourceNodes(final: string, type: number): NodeProto[] {
  if (type === ElementType.float32) return [node("Identity", [LENS_INPUT], [final])];
  const cast = "exemplar.lens.cast";
  return [
    node("Cast", [LENS_INPUT], [cast], { to: BigInt(type) }),
    // onnxruntime 1.30 fuses a norm of several nodes with a Cast before it into a norm of two types, which neither
    // WebGPU's shader nor the standard's LayerNormalization has. A Reshape that changes nothing keeps them apart.
    node("Reshape", [cast, SAME_SHAPE], [final]),
  ];
}
