/** The logit lens (nostalgebraist, 2020): the model's own final norm and unembedding as a graph of their own. */
import { ElementType, type GraphProto, initializer, node, type NodeProto, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";
import { splitSkipNorm } from "./intervene.ts";
import { isSkipNorm } from "./sums.ts";

/** Name of the tail's input: `[batch, sequence, dim]` float32. */
export const LENS_INPUT = "exemplar.lens";

/**
 * Edits `graph` to read {@link LENS_INPUT} in place of the stream `final` (the last block's) and give `logits` alone.
 *
 * @param isFlat Whether the stream is `[batch, sequence, dim]` in the graph, or all positions of all prompts in one axis.
 */
export function cutToTail(graph: GraphProto, final: string, dim: number, isFlat: boolean): void {
  const index = new GraphIndex(graph);
  const type = index.elementType(final);
  const fused = index.producer(final);
  if (fused && isSkipNorm(fused) && fused.output[3] === final) splitSkipNorm(graph, final);
  let source = LENS_INPUT;
  const nodes: NodeProto[] = [];
  if (!isFlat) {
    graph.initializer.push(
      initializer("exemplar.lens.rows", ElementType.int64, [2], BigInt64Array.of(-1n, BigInt(dim))),
    );
    nodes.push(node("Reshape", [source, "exemplar.lens.rows"], ["exemplar.lens.flat"]));
    source = "exemplar.lens.flat";
  }
  nodes.push(
    type === ElementType.float32
      ? node("Identity", [source], [final])
      : node("Cast", [source], [final], { to: BigInt(type) }),
  );
  graph.node = [...nodes, ...graph.node.filter((candidate) => !candidate.output.includes(final))];
  graph.input = graph.input.filter(({ name }) => name !== final);
  graph.input.push(valueInfo(LENS_INPUT, ElementType.float32, ["batch", "sequence", dim]));
  graph.output = [graph.output.find((output) => output.name === "logits") ?? graph.output[0]];
  prune(graph);
}
