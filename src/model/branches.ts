/**
 * Merged decoders: two decoders in the branches of one `If`, of which an input chooses. Their branch with a cache does
 * what a decoder with a cache does, fed an empty one at first, so it takes the place of the `If`.
 */
import { append } from "../compute/long_lists.ts";
import type { GraphProto, NodeProto } from "../compute/onnx/codec.ts";
import { ModelError } from "./error.ts";
import { rename } from "./functions.ts";
import { reads } from "./graph.ts";

/** The input that chooses: true with a cache. */
const CHOOSER = "use_cache_branch";

/**
 * Replaces each `If` over `use_cache_branch` by its branch with a cache.
 *
 * @throws {ModelError} if neither branch reads a cache.
 */
export function takeCacheBranch(graph: GraphProto): void {
  if (!graph.input.some(({ name }) => name === CHOOSER)) return;
  graph.node = graph.node.flatMap((node) =>
    node.opType === "If" && node.input[0] === CHOOSER ? inlined(graph, node) : [node]
  );
  graph.input = graph.input.filter(({ name }) => name !== CHOOSER);
}

function inlined(graph: GraphProto, node: NodeProto): NodeProto[] {
  const branches = node.attribute.flatMap(({ g }) => g ? [g] : []);
  const caches = new Set(graph.input.map(({ name }) => name).filter((name) => /^past/.test(name)));
  const branch = branches.find((candidate) =>
    candidate.node.some((inner) => reads(inner).some((name) => caches.has(name)))
  );
  if (!branch) {
    throw new ModelError(
      `Expected a branch of the graph's ${CHOOSER} to read a cache but none does: ` +
        "export the decoder anew, with its cache and in one graph",
    );
  }
  // What the branch gives back takes the names that the node gives it.
  const names = new Map(branch.output.map(({ name }, i) => [name, node.output[i]]));
  rename(branch.node, (name) => names.get(name) ?? name);
  append(graph.initializer, branch.initializer);
  // onnxruntime infers shapes anew; those of the old names could contradict it.
  graph.valueInfo = [];
  return branch.node;
}
