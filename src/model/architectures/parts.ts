/** Products and norms. */
import { ElementType, valueInfo } from "../../compute/onnx/codec.ts";
import { POSITIONS } from "../graph.ts";
import { type Net, PACKED_BITS, type Storage } from "./net.ts";
import { type Bits, BLOCK } from "./quantise.ts";
import type { Linear, Norm, Part } from "./spec.ts";

/** Name of the shape `[batch, length]` of the token ids. */
export const INPUT_SHAPE = "input_shape";

/** `x W^T + b` of `[batch, length, columns]`. */
export function linear(net: Net, x: string, part: Linear, columns: number, width: number, name: string): string {
  const product = matrixProduct(net, rowsOf(net, x, columns, `${name}/rows`), part, columns, width, `${name}/product`);
  return textsOf(net, product, width, name);
}

/**
 * All positions of all prompts below each other. Their axis has a name: without one onnxruntime does not know that
 * tensors are of one size, uses the memory of none for another, and takes minutes to open a graph of thousands of
 * products.
 */
export function rowsOf(net: Net, x: string, columns: number, name: string): string {
  net.shapes.push(valueInfo(name, ElementType.float32, [POSITIONS, columns]));
  return net.op("Reshape", name, [x, net.ints([-1, columns])]);
}

/** Positions below each other as `[batch, length, width]` again. */
export function textsOf(net: Net, rows: string, width: number, name: string): string {
  return net.op("Reshape", name, [rows, shapeOf(net, width)]);
}

/**
 * `x W^T + b` of `[rows, columns]`, from weights in what the graph holds its matrices in.
 *
 * In float16 the product alone is: the stream, norms and attention stay in float32, where large activations have room.
 */
export function matrixProduct(
  net: Net,
  x: string,
  weights: Linear,
  columns: number,
  width: number,
  name: string,
  storage: Storage = net.storage,
): string {
  const bits = PACKED_BITS[storage];
  if (bits !== undefined && columns % BLOCK === 0) return packedProduct(net, x, weights, columns, width, name, bits);
  if (storage !== "fp16") return gemm(net, x, weights, columns, width, name, (...stored) => net.weight(...stored));
  const half = net.op("Cast", `${name}/half`, [x], { to: BigInt(ElementType.float16) });
  const product = gemm(net, half, weights, columns, width, `${name}/in_half`, (...stored) => net.half(...stored));
  return net.op("Cast", name, [product], { to: BigInt(ElementType.float32) });
}

/** As Gemm, which onnxruntime and its WebGPU provider both compute from the weight as it is stored. */
function gemm(
  net: Net,
  x: string,
  { weight, bias, transposed, part }: Linear,
  columns: number,
  width: number,
  name: string,
  stored: (weight: string, dims: readonly number[], part?: Part) => string,
): string {
  const matrix = stored(weight, transposed ? [columns, width] : [width, columns], part);
  const inputs = [x, matrix, ...bias === undefined ? [] : [stored(bias, [width], part)]];
  return net.op("Gemm", name, inputs, transposed ? {} : { transB: 1n });
}

/** From weights in blocks of a few bits, each with a scale; activations stay in float32. */
function packedProduct(
  net: Net,
  x: string,
  weights: Linear,
  columns: number,
  width: number,
  name: string,
  bits: Bits,
): string {
  const attributes = { K: columns, N: width, bits, block_size: BLOCK, accuracy_level: 1 };
  const { bias, part } = weights;
  const product = net.op(
    "MatMulNBits",
    bias === undefined ? name : `${name}/unbiased`,
    [x, ...net.levels(weights, width, columns, bits)],
    Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, BigInt(value)])),
    "com.microsoft",
  );
  return bias === undefined ? product : net.op("Add", name, [product, net.weight(bias, [width], part)]);
}

/** The shape `[batch, length, width]`. */
function shapeOf(net: Net, ...widths: number[]): string {
  return net.once(
    `shape ${widths}`,
    () => net.op("Concat", `shape_${widths.join("_")}`, [INPUT_SHAPE, net.ints(widths)], { axis: 0n }),
  );
}

/**
 * A norm over the last axis, of `width` columns.
 *
 * @param hooks Whose `hook_scale` and `hook_normalized` are to be read.
 */
export function norm(
  net: Net,
  x: string,
  { kind, weight, bias, epsilon, plusOne }: Norm,
  width: number,
  name: string,
  hooks: string,
): string {
  scaleOf(net, x, kind, epsilon, hooks);
  let factor = weight === undefined ? net.ones(width) : net.weight(weight, [width]);
  if (plusOne) factor = net.once(`1 + ${weight}`, () => net.op("Add", `${weight}/plus_one`, [factor, net.number(1)]));
  if (kind === "rms") return net.op("SimplifiedLayerNormalization", name, [x, factor], { axis: -1n, epsilon });
  const inputs = [x, factor, ...bias === undefined ? [] : [net.weight(bias, [width])]];
  return net.op("LayerNormalization", name, inputs, { axis: -1n, epsilon });
}

/**
 * What TransformerLens divides by, and what that gives, before weight and bias: beside the graph's way, computed when
 * read.
 */
function scaleOf(net: Net, x: string, kind: Norm["kind"], epsilon: number, hooks: string): void {
  const last = { axes: [-1n], keepdims: 1n };
  const name = `${hooks}.hook_scale`;
  const centred = kind === "rms"
    ? x
    : net.op("Sub", `${name}/centred`, [x, net.op("ReduceMean", `${name}/mean`, [x], last)]);
  const square = net.op("Mul", `${name}/square`, [centred, centred]);
  const variance = net.op("ReduceMean", `${name}/variance`, [square], last);
  const scale = net.op("Sqrt", name, [net.op("Add", `${name}/sum`, [variance, net.number(epsilon)])]);
  net.op("Div", `${hooks}.hook_normalized`, [centred, scale]);
}
