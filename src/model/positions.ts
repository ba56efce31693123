/** How long a text may be: tables that positions are looked up in, learned ones or of rotations, have an end. */
import { ElementType, type GraphProto, type NodeProto } from "../compute/onnx/codec.ts";
import type { GraphIndex } from "./graph.ts";
import { viewed } from "./sums.ts";

/**
 * Tokens that a text may have, by the shortest of the graph's tables of positions; Infinity if it shows none. On the
 * CPU a longer one is an error of onnxruntime's; on WebGPU some operators read whatever lies behind the table.
 *
 * @param firstPosition Number that the model's position ids start at.
 */
export function maxContextOf(graph: GraphProto, index: GraphIndex, firstPosition: number): number {
  return graph.node.reduce((least, node) => Math.min(least, roomOf(index, node, firstPosition)), Infinity);
}

/** Tokens that a node has rows for. */
function roomOf(index: GraphIndex, node: NodeProto, firstPosition: number): number {
  const { opType, domain, input } = node;
  if (opType === "Gather" && !node.attribute.some(({ name, i }) => name === "axis" && i !== 0n)) {
    const last = lastRow(index, input[1], firstPosition);
    // The last of n tokens looks up row n + last, which must be among the table's.
    return last === undefined ? Infinity : tableRows(index, input[0]) - 1 - last;
  }
  if (domain !== "com.microsoft") return Infinity;
  if (opType === "RotaryEmbedding") return tableRows(index, input[2]) - firstPosition;
  // With its own rotation, by the tokens that each row has.
  if (opType === "GroupQueryAttention" && input[7]) return tableRows(index, input[7]);
  return Infinity;
}

/**
 * Rows of a table that is stored in the graph, perhaps in half precision that is widened first; Infinity of any other.
 */
export function tableRows(index: GraphIndex, table: string): number {
  return Number(index.initializer(viewed(index, table))?.dims[0] ?? Infinity);
}

/**
 * How far behind `n` the row is that the last of `n` tokens looks up; undefined if that does not follow from positions.
 */
function lastRow(index: GraphIndex, tensor: string, firstPosition: number): number | undefined {
  const name = viewed(index, tensor);
  if (name === "position_ids") return firstPosition - 1;
  const node = index.producer(name);
  if (!node) return undefined;
  const { opType, input: [a, b] } = node;
  const isMask = (other: string) => viewed(index, other) === "attention_mask";
  const from = (other: string) => lastRow(index, other, firstPosition);
  const plus = (last: number | undefined, value: number | undefined) =>
    last === undefined || value === undefined ? undefined : last + value;
  switch (opType) {
    // Positions that are counted in the mask, padding made zero: OPT's.
    case "CumSum":
      return isMask(a) ? 0 : undefined;
    case "Mul":
      return isMask(b) ? from(a) : isMask(a) ? from(b) : undefined;
    case "Slice":
      return from(a);
    case "Add":
      return plus(from(a), wholeNumber(index, b)) ?? plus(from(b), wholeNumber(index, a));
    case "Sub":
      return plus(from(a), negative(wholeNumber(index, b)));
    default:
      return undefined;
  }
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : -value;
}

/** A constant that is one whole number. */
function wholeNumber(index: GraphIndex, name: string): number | undefined {
  const tensor = index.initializer(name) ?? index.producer(name)?.attribute.find((a) => a.name === "value")?.t;
  if (tensor?.dataType !== ElementType.int64 || tensor.rawData.length !== 8) return undefined;
  return Number(new DataView(tensor.rawData.slice().buffer).getBigInt64(0, true));
}
