/** Cuts a graph to what the residual stream after some blocks needs: no later layer, no unembedding, no cache. */
import { ElementType, type GraphProto, node, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";

/** Name of the output that holds the stream after a block, as float32. */
export function captureName(layer: number): string {
  return `exemplar.resid_post.${layer}`;
}

/** Edits `graph` to give the streams after `layers` and nothing else. `streams` names the tensors. */
export function cutToCapture(graph: GraphProto, streams: readonly string[], layers: readonly number[]): void {
  const index = new GraphIndex(graph);
  const outputs = layers.map((layer) => {
    const stream = streams[layer];
    // An output keeps its tensor's type, so half precision is widened in the graph; an Identity only gives it a name of ours.
    const widen = index.elementType(stream) === ElementType.float32
      ? node("Identity", [stream], [captureName(layer)])
      : node("Cast", [stream], [captureName(layer)], { to: BigInt(ElementType.float32) });
    graph.node.push(widen);
    return valueInfo(captureName(layer), ElementType.float32, ["batch", "sequence", "dim"]);
  });
  graph.output = outputs;
  prune(graph);
}
