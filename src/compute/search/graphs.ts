/** The products of a search as small ONNX graphs; `n`, `k` and `d` are dynamic. */
import { ElementType, encodeModel, graphModel, initializer, node, refer, valueInfo } from "../onnx/codec.ts";

const { float32, int8, int32, int64, uint8 } = ElementType;

/** What is added to codes of queries, so that they are unsigned: that pair of types is the fast one. */
const ZERO = 128;

const topOf = (width: number) => initializer("width", int64, [1], BigInt64Array.of(BigInt(width)));
const top = () => node("TopK", ["product", "width"], ["values", "places"], { axis: 1n });

/**
 * `a [n, d]`, `b [k, d]` -> the `values [n, width]` of the largest products of every row, and their `places [n, width]`
 * (int64), lower ones first among equals; all as `product [n, k]`.
 */
export function floatSearchGraph(width: number): Uint8Array {
  return encodeModel(graphModel({
    nodes: [node("Gemm", ["a", "b"], ["product"], { transB: 1n }), top()],
    inputs: [valueInfo("a", float32, ["n", "d"]), valueInfo("b", float32, ["k", "d"])],
    outputs: [
      valueInfo("values", float32, ["n", width]),
      valueInfo("places", int64, ["n", width]),
      valueInfo("product", float32, ["n", "k"]),
    ],
    initializers: [topOf(width)],
  }));
}

/**
 * The same of `a [n, d]`, codes of rows with 128 added, and several tiles of codes that never change: `values0`, `places0`,
 * `values1` and so on.
 *
 * @param tiles `d x columns` each.
 * @returns The graph, and the tiles beside it as a session takes them: within it they would be copied several times.
 */
export function packedSearchGraph(tiles: readonly Int8Array<ArrayBuffer>[], columns: number, width: number) {
  const each = <T>(make: (name: (part: string) => string, tile: Int8Array<ArrayBuffer>) => T) =>
    tiles.map((tile, i) => make((part) => `${part}${i}`, tile));
  const model = encodeModel(graphModel({
    nodes: each((name) => [
      node("MatMulInteger", ["a", name("b"), "zero"], [name("product")]),
      node("TopK", [name("product"), "width"], [name("values"), name("places")], { axis: 1n }),
    ]).flat(),
    inputs: [valueInfo("a", uint8, ["n", "d"])],
    outputs: each((name) => [
      valueInfo(name("values"), int32, ["n", width]),
      valueInfo(name("places"), int64, ["n", width]),
    ]).flat(),
    initializers: [
      topOf(width),
      initializer("zero", uint8, [], Uint8Array.of(ZERO)),
      ...each((name, tile) => {
        const outside = initializer(name("b"), int8, [tile.length / columns, columns], new Int8Array());
        refer(outside, { location: name("tile") });
        return outside;
      }),
    ],
  }));
  const bytesOf = ({ buffer, byteOffset, byteLength }: Int8Array<ArrayBuffer>) =>
    new Uint8Array(buffer, byteOffset, byteLength);
  return { model, externalData: each((name, tile) => ({ path: name("tile"), data: bytesOf(tile) })) };
}

/** The same of `a [n, d]`, codes of rows with 128 added, and `b [d, k]`, codes of exemplars. */
export function integerSearchGraph(width: number): Uint8Array {
  return encodeModel(graphModel({
    nodes: [node("MatMulInteger", ["a", "b", "zero"], ["product"]), top()],
    inputs: [valueInfo("a", uint8, ["n", "d"]), valueInfo("b", int8, ["d", "k"])],
    outputs: [
      valueInfo("values", int32, ["n", width]),
      valueInfo("places", int64, ["n", width]),
      valueInfo("product", int32, ["n", "k"]),
    ],
    initializers: [topOf(width), initializer("zero", uint8, [], Uint8Array.of(ZERO))],
  }));
}
