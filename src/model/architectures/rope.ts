/** Rotation of queries and keys by their positions, and the angles of the kinds that there are. */
import { ElementType } from "../../compute/onnx/codec.ts";
import { ModelError } from "../error.ts";
import type { Net } from "./net.ts";
import { INPUT_SHAPE } from "./parts.ts";
import type { Rope } from "./spec.ts";

/**
 * Rotates `[batch, heads, length, width]`. As onnxruntime's operator, which goes over the numbers once: its tables have
 * a row for each token that is read, since angles may depend on the length of the text.
 */
export function rotate(net: Net, x: string, rope: Rope, heads: number, name: string): string {
  if (!Number.isInteger(rope.dims / 2) || rope.dims < 2) {
    throw new ModelError(`Expected an even number of rotated dimensions but config.json makes ${rope.dims}`);
  }
  const attributes = {
    interleaved: rope.interleaved ? 1n : 0n,
    rotary_embedding_dim: BigInt(rope.dims),
    num_heads: BigInt(heads),
  };
  return net.op("RotaryEmbedding", name, [x, tokenNumbers(net), ...tables(net, rope)], attributes, "com.microsoft");
}

/** Numbers of the tokens that are read, of all texts, `[batch, length]`. */
function tokenNumbers(net: Net): string {
  return net.once("token numbers", () => {
    const count = net.op("Size", "token_count", ["input_ids"]);
    const numbers = net.op("Range", "token_list", [net.int(0), count, net.int(1)]);
    return net.op("Reshape", "token_numbers", [numbers, INPUT_SHAPE]);
  });
}

/** Cosines and sines, `[batch * length, pairs]`. */
function tables(net: Net, rope: Rope): [string, string] {
  const key = JSON.stringify(rope, (_, value) => value instanceof Float32Array ? Array.from(value) : value);
  const name = net.once(`rope ${key}`, () => {
    const name = `rope_${net.nodes.length}`;
    const positions = net.once("positions", () => {
      const numbers = net.op("Cast", "positions", ["position_ids"], { to: BigInt(ElementType.float32) });
      return net.op("Unsqueeze", "position_columns", [numbers, net.ints([2])]);
    });
    const angles = net.op("Reshape", `${name}/angles`, [
      net.op("Mul", `${name}/angles_by_text`, [positions, frequencies(net, rope, name)]),
      net.ints([-1, rope.dims / 2]),
    ]);
    const { factor = 1 } = rope;
    for (const [op, part] of [["Cos", "cos"], ["Sin", "sin"]]) {
      const plain = net.op(op, factor === 1 ? `${name}/${part}` : `${name}/${part}_plain`, [angles]);
      if (factor !== 1) net.op("Mul", `${name}/${part}`, [plain, net.number(factor)]);
    }
    return name;
  });
  return [`${name}/cos`, `${name}/sin`];
}

/** Angles a position, one a pair: `[pairs]`, or `[batch, 1, pairs]` where they depend on the text. */
function frequencies(net: Net, { frequencies: kinds, dims }: Rope, name: string): string {
  const list = (values: Float32Array<ArrayBuffer>, name: string) => net.numbers(name, [values.length], values);
  if (kinds.kind === "fixed") return list(kinds.values, `${name}/frequencies`);
  // Tokens of each text so far, `[batch, 1, 1]`: a prompt is what it is, whatever is read beside it.
  const length = net.once("text length", () => {
    const sum = net.op("ReduceSum", "text_tokens", ["attention_mask", net.ints([1])], { keepdims: 1n });
    return net.op("Unsqueeze", "text_length", [sum, net.ints([2])]);
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
  // "Dynamic NTK" of transformers: theta (factor tokens / original - (factor - 1)) ^ (dims / (dims - 2)).
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
