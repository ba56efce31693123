/**
 * Local functions of a model (exports whose modules became functions) put in the place of the nodes that call them, so
 * that the graph shows what is computed.
 */
import { append } from "../compute/long_lists.ts";
import { clone } from "../compute/onnx/codec.ts";
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from "../compute/onnx/codec.ts";
import { ModelError } from "./error.ts";

/** Calls inside of calls, at most: a function that calls itself would have no end. */
const DEEPEST = 64;
/** Nodes that calls become, at most: functions that call two others each double with every level. */
const MOST_NODES = 1e6;

/**
 * Replaces every call of a local function, also those inside of functions and subgraphs, by the function's nodes.
 *
 * @throws {ModelError} if a function calls itself, or all of them together become more nodes than a model has.
 */
export function inlineFunctions(model: ModelProto): void {
  if (model.functions.length === 0) return;
  const functions = new Map(model.functions.map((f) => [signature(f.domain, f.name, f.overload), f]));
  const imported = new Set(model.opsetImport.map(({ domain }) => domain));
  for (const { opsetImport } of model.functions) {
    // What a function's nodes are written in, the graph must know too; where both do, the graph's version holds.
    for (const opset of opsetImport) {
      if (imported.has(opset.domain)) continue;
      imported.add(opset.domain);
      model.opsetImport.push(opset);
    }
  }
  let [calls, nodes] = [0, 0];
  const expand = (body: readonly NodeProto[], depth: number): NodeProto[] => {
    if (depth > DEEPEST) {
      throw new ModelError("Expected functions that end but one of the model's calls itself: export anew");
    }
    nodes += body.length;
    if (nodes > MOST_NODES) {
      throw new ModelError(
        `Expected functions of up to ${MOST_NODES} nodes but the model's become more: export it without`,
      );
    }
    return body.flatMap((node) => {
      for (const { g } of node.attribute) if (g) g.node = expand(g.node, depth);
      const body = functions.get(signature(node.domain, node.opType, node.overload));
      return body ? expand(instance(body, node, `${node.name || node.opType}.${calls++}`), depth + 1) : [node];
    });
  };
  model.graph!.node = expand(model.graph!.node, 0);
  model.functions = [];
}

function signature(domain: string, name: string, overload: string): string {
  return `${domain === "ai.onnx" ? "" : domain}:${name}:${overload}`;
}

/** The nodes of one call: the caller's tensors in the place of parameters, names of their own for all others. */
function instance(body: FunctionProto, call: NodeProto, prefix: string): NodeProto[] {
  const names = new Map<string, string>([["", ""]]);
  body.input.forEach((name, i) => names.set(name, call.input[i] ?? ""));
  body.output.forEach((name, i) => names.set(name, call.output[i] || `${prefix}/${name}`));
  // The call's come last and replace the function's defaults.
  const given = new Map([...body.attributeProto, ...call.attribute].map((attribute) => [attribute.name, attribute]));
  const nodes = body.node.map((node) => clone(node));
  rename(nodes, (name) => {
    if (!names.has(name)) names.set(name, `${prefix}/${name}`);
    return names.get(name)!;
  });
  for (const node of nodes) {
    // Modules that became functions tell their block in the call's name.
    node.name = `${prefix}/${node.name}`;
    append(node.metadataProps, call.metadataProps);
    bindAttributes(node, given);
  }
  return nodes;
}

/** Gives attributes that refer to the function's own their values; one that the call leaves out is left out. */
function bindAttributes(node: NodeProto, given: ReadonlyMap<string, AttributeProto>): void {
  node.attribute = node.attribute.flatMap((attribute) => {
    if (attribute.g) { for (const inner of attribute.g.node) bindAttributes(inner, given); }
    if (!attribute.refAttrName) return [attribute];
    const value = given.get(attribute.refAttrName);
    if (!value) return [];
    const bound = clone(value);
    bound.name = attribute.name;
    return [bound];
  });
}

/** Gives every tensor that nodes read or write a new name, in their subgraphs too. */
export function rename(nodes: readonly NodeProto[], newName: (name: string) => string): void {
  for (const node of nodes) {
    node.input = node.input.map(newName);
    node.output = node.output.map(newName);
    for (const { g } of node.attribute) if (g) renameGraph(g, newName);
  }
}

function renameGraph(graph: GraphProto, newName: (name: string) => string): void {
  for (const value of [...graph.input, ...graph.output, ...graph.initializer]) value.name = newName(value.name);
  rename(graph.node, newName);
  graph.valueInfo = [];
}
