/** Cuts a graph to what some of its tensors need: no later layer, no unembedding, no cache. */
import { append } from "../compute/long_lists.ts";
import { ElementType, type GraphProto, node, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";

/** Name of the output that holds a tensor, as float32. */
export function captureName(tensor: string): string {
  return `exemplar.capture.${tensor}`;
}

/**
 * Edits `graph` to give `tensors`, each under its {@link captureName}, and the outputs `kept`.
 *
 * Caches that live operators write stay outputs that nobody fetches: half-precision GroupQueryAttention fails on the
 * CPU where it has nowhere to write them.
 */
export function cutTo(graph: GraphProto, tensors: readonly string[], kept: readonly string[] = []): void {
  const index = new GraphIndex(graph);
  const captures = tensors.map((tensor) => {
    // An output keeps its tensor's type, so half precision is widened in the graph; an Identity only gives it a name of ours.
    const isWide = index.elementType(tensor) === ElementType.float32;
    graph.node.push(
      isWide
        ? node("Identity", [tensor], [captureName(tensor)])
        : node("Cast", [tensor], [captureName(tensor)], { to: BigInt(ElementType.float32) }),
    );
    return valueInfo(captureName(tensor), ElementType.float32, undefined);
  });
  const outputs = graph.output;
  graph.output = [...captures, ...outputs.filter(({ name }) => kept.includes(name))];
  prune(graph);
  const written = new Set(graph.node.flatMap(({ opType, output }) => opType === "GroupQueryAttention" ? output : []));
  append(graph.output, outputs.filter(({ name }) => written.has(name) && !kept.includes(name)));
}
