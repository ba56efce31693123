/** Rotation of queries and keys by their positions, and the angles of the kinds that there are. */
import { ElementType } from "../../compute/onnx/codec.ts";
import type { Net } from "./net.ts";
import type { Rope } from "./spec.ts";

/** Rotates `[batch, heads, length, width]`. */
export function rotate(net: Net, x: string, rope: Rope, width: number, name: string): string {
  const { dims, interleaved } = rope;
  const [cos, sin] = tables(net, rope);
  const parts = dims < width
    ? net.ops("Split", [`${name}/rotated_part`, `${name}/rest`], [x, net.ints([dims, width - dims])], { axis: -1n })
    : [x];
  const turned = interleaved ? neighbours(net, parts[0], dims, name) : halves(net, parts[0], dims, name);
  const sum = net.op("Add", dims < width ? `${name}/sum` : name, [
    net.op("Mul", `${name}/cos`, [parts[0], cos]),
    net.op("Mul", `${name}/sin`, [turned, sin]),
  ]);
  return dims < width ? net.op("Concat", name, [sum, parts[1]], { axis: -1n }) : sum;
}

/** `[-second half, first half]`. */
function halves(net: Net, x: string, dims: number, name: string): string {
  const [a, b] = net.ops("Split", [`${name}/first`, `${name}/second`], [x, net.ints([dims / 2, dims / 2])], {
    axis: -1n,
  });
  return net.op("Concat", `${name}/turned`, [net.op("Neg", `${name}/negated`, [b]), a], { axis: -1n });
}

/** `[-x1, x0, -x3, x2, ...]`. */
function neighbours(net: Net, x: string, dims: number, name: string): string {
  const order = Array.from({ length: dims }, (_, i) => i ^ 1);
  const signs = Float32Array.from(order, (_, i) => i % 2 === 0 ? -1 : 1);
  const swapped = net.op("Gather", `${name}/swapped`, [x, net.ints(order)], { axis: -1n });
  return net.op("Mul", `${name}/turned`, [swapped, net.numbers(`signs_${dims}`, [dims], signs)]);
}

/** Cosines and sines, `[batch, 1, length, dims]`. */
function tables(net: Net, rope: Rope): [string, string] {
  const key = JSON.stringify(rope, (_, value) => value instanceof Float32Array ? Array.from(value) : value);
  const name = net.once(`rope ${key}`, () => {
    const name = `rope_${net.nodes.length}`;
    const positions = net.once("positions", () => {
      const numbers = net.op("Cast", "positions", ["position_ids"], { to: BigInt(ElementType.float32) });
      return net.op("Unsqueeze", "position_columns", [numbers, net.ints([1, 3])]);
    });
    const angles = net.op("Mul", `${name}/angles`, [positions, frequencies(net, rope, name)]);
    // [batch, 1, length, pairs], each angle for both of its pair.
    let both: string;
    if (rope.interleaved) {
      const twice = Array.from({ length: rope.dims }, (_, i) => i >> 1);
      both = net.op("Gather", `${name}/both`, [angles, net.ints(twice)], { axis: -1n });
    } else {
      both = net.op("Concat", `${name}/both`, [angles, angles], { axis: -1n });
    }
    const { factor = 1 } = rope;
    for (const [op, part] of [["Cos", "cos"], ["Sin", "sin"]]) {
      const plain = net.op(op, factor === 1 ? `${name}/${part}` : `${name}/${part}_plain`, [both]);
      if (factor !== 1) net.op("Mul", `${name}/${part}`, [plain, net.number(factor)]);
    }
    return name;
  });
  return [`${name}/cos`, `${name}/sin`];
}

function frequencies(net: Net, { frequencies: kinds, dims }: Rope, name: string): string {
  const list = (values: Float32Array<ArrayBuffer>, name: string) => net.numbers(name, [values.length], values);
  if (kinds.kind === "fixed") return list(kinds.values, `${name}/frequencies`);
  // Tokens of each text so far, `[batch, 1, 1, 1]`: a prompt is what it is, whatever is read beside it.
  const length = net.once("text length", () => {
    const sum = net.op("ReduceSum", "text_tokens", ["attention_mask", net.ints([1])], { keepdims: 1n });
    return net.op("Unsqueeze", "text_length", [sum, net.ints([2, 3])]);
  });
  if (kinds.kind === "by length") {
    const isLong = net.op("Greater", `${name}/is_long`, [length, net.int(kinds.original)]);
    return net.op("Where", `${name}/frequencies`, [
      isLong,
      list(kinds.long, `${name}/long`),
      list(kinds.short, `${name}/short`),
    ]);
  }
  const { theta, factor, original } = kinds;
  const tokens = net.op("Cast", `${name}/tokens`, [length], { to: BigInt(ElementType.float32) });
  const atLeast = net.op("Max", `${name}/tokens_counted`, [tokens, net.number(original)]);
  // theta (factor tokens / original - (factor - 1)) ^ (dims / (dims - 2))
  const grown = net.op("Sub", `${name}/growth`, [
    net.op("Mul", `${name}/ratio`, [atLeast, net.number(factor / original)]),
    net.number(factor - 1),
  ]);
  const base = net.op("Mul", `${name}/base`, [
    net.op("Pow", `${name}/power`, [grown, net.number(dims / (dims - 2))]),
    net.number(theta),
  ]);
  const exponents = Float32Array.from({ length: dims / 2 }, (_, i) => -2 * i / dims);
  return net.op("Pow", `${name}/frequencies`, [base, list(exponents, `${name}/exponents`)]);
}
