/** The logit lens (nostalgebraist, 2020): the model's own final norm and unembedding as a graph of their own. */
import { ElementType, type GraphProto, node, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";
import { splitSkipNorm } from "./intervene.ts";
import { isSkipNorm } from "./residual.ts";

/** Name of the tail's input: `[batch, sequence, dim]` float32. */
export const LENS_INPUT = "exemplar.lens";

/** Edits `graph` to read {@link LENS_INPUT} in place of the stream `final` (the last block's) and give `logits` alone. */
export function cutToTail(graph: GraphProto, final: string, dim: number): void {
  const index = new GraphIndex(graph);
  const type = index.elementType(final);
  if (isSkipNorm(index.producer(final))) splitSkipNorm(graph, final);
  const source = type === ElementType.float32
    ? node("Identity", [LENS_INPUT], [final])
    : node("Cast", [LENS_INPUT], [final], { to: BigInt(type) });
  graph.node = [source, ...graph.node.filter((candidate) => !candidate.output.includes(final))];
  graph.input.push(valueInfo(LENS_INPUT, ElementType.float32, ["batch", "sequence", dim]));
  graph.output = [graph.output.find((output) => output.name === "logits") ?? graph.output[0]];
  prune(graph);
}
