/** The logit lens (nostalgebraist, 2020): the model's own final norm and unembedding as a graph of their own. */
import { type GraphProto, valueInfo } from "../compute/onnx/codec.ts";
import { GraphIndex, prune } from "./graph.ts";
import { splitSkipNorm } from "./intervene.ts";
import { isSkipNorm } from "./residual.ts";

/** Edits `graph` to read the stream `final` (`[batch, sequence, dim]`, the last block's) and give `logits` alone. */
export function cutToTail(graph: GraphProto, final: string, dim: number): void {
  const index = new GraphIndex(graph);
  const elementType = index.elementType(final);
  if (isSkipNorm(index.producer(final))) splitSkipNorm(graph, final);
  graph.output = [graph.output.find((output) => output.name === "logits") ?? graph.output[0]];
  prune(graph, [valueInfo(final, elementType, ["batch", "sequence", dim])]);
}

/** The `k` largest values of `logits[from .. from + count - 1]`, largest first, the lowest index on ties. */
export function topK(
  logits: ArrayLike<number>,
  from: number,
  count: number,
  k: number,
): { id: number; logit: number }[] {
  const top: { id: number; logit: number }[] = [];
  for (let id = 0; id < count; id++) {
    const logit = logits[from + id];
    if (top.length === k && !(logit > top[k - 1].logit)) continue;
    let place = top.length;
    while (place > 0 && logit > top[place - 1].logit) place--;
    top.splice(place, 0, { id, logit });
    if (top.length > k) top.pop();
  }
  return top;
}
