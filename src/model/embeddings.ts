/**
 * Multimodal decoders read embeddings, which a graph of their own makes from token ids. Put before the decoder it makes
 * one graph that reads token ids, as those of text models do.
 */
import { append } from "../compute/long_lists.ts";
import type { GraphProto, ModelProto } from "../compute/onnx/codec.ts";
import { rename } from "./functions.ts";

/** Puts the graph of the embeddings before the decoder's; tensors of the first get names that the second has not. */
export function joinEmbeddings(decoder: ModelProto, embeddings: ModelProto): void {
  const [graph, first] = [decoder.graph!, embeddings.graph!];
  const inputs = new Set(graph.input.map(({ name }) => name));
  const made = new Set(first.output.map(({ name }) => name));
  const asked = new Set(first.input.map(({ name }) => name));
  // What one graph hands to the other, and what is fed, keeps its name.
  const newName = (name: string) => name === "" || made.has(name) || asked.has(name) ? name : `embeddings/${name}`;
  rename(first.node, newName);
  for (const tensor of first.initializer) tensor.name = newName(tensor.name);
  graph.node = [...first.node, ...graph.node];
  append(graph.initializer, first.initializer);
  graph.input = [
    ...first.input.filter(({ name }) => !inputs.has(name)),
    ...graph.input.filter(({ name }) => !made.has(name)),
  ];
  importOpsets(decoder, embeddings);
}

function importOpsets(decoder: ModelProto, embeddings: ModelProto): void {
  const domains = new Set(decoder.opsetImport.map(({ domain }) => domain));
  // Where both know a domain the decoder's version holds.
  decoder.opsetImport.push(...embeddings.opsetImport.filter(({ domain }) => !domains.has(domain)));
}

/** Whether a decoder reads embeddings in the place of token ids. */
export function readsEmbeddings(graph: GraphProto): boolean {
  const names = graph.input.map(({ name }) => name);
  return names.includes("inputs_embeds") && !names.includes("input_ids");
}
