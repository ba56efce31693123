/** Products and norms. */
import type { Net } from "./net.ts";
import type { Linear, Norm } from "./spec.ts";

/** Name of the shape `[batch, length]` of the token ids. */
export const INPUT_SHAPE = "input_shape";

/**
 * `x W^T + b` of `[batch, length, columns]`. As Gemm, which onnxruntime and its WebGPU provider both compute from the weight as
 * it is stored; it takes matrices, so that rows of all prompts lie below each other for it.
 */
export function linear(
  net: Net,
  x: string,
  { weight, bias, transposed, part }: Linear,
  columns: number,
  width: number,
  name: string,
): string {
  const stored = net.weight(weight, transposed ? [columns, width] : [width, columns], part);
  const rows = net.op("Reshape", `${name}/rows`, [x, net.ints([-1, columns])]);
  const inputs = [rows, stored, ...bias === undefined ? [] : [net.weight(bias, [width], part)]];
  const product = net.op("Gemm", `${name}/product`, inputs, transposed ? {} : { transB: 1n });
  return net.op("Reshape", name, [product, shapeOf(net, width)]);
}

/** The shape `[batch, length, width]`. */
function shapeOf(net: Net, ...widths: number[]): string {
  return net.once(
    `shape ${widths}`,
    () => net.op("Concat", `shape_${widths.join("_")}`, [INPUT_SHAPE, net.ints(widths)], { axis: 0n }),
  );
}

/** A norm over the last axis, of `width` columns. */
export function norm(
  net: Net,
  x: string,
  { kind, weight, bias, epsilon, plusOne }: Norm,
  width: number,
  name: string,
): string {
  let factor = weight === undefined ? net.ones(width) : net.weight(weight, [width]);
  if (plusOne) factor = net.once(`1 + ${weight}`, () => net.op("Add", `${weight}/plus_one`, [factor, net.number(1)]));
  if (kind === "rms") return net.op("SimplifiedLayerNormalization", name, [x, factor], { axis: -1n, epsilon });
  const inputs = [x, factor, ...bias === undefined ? [] : [net.weight(bias, [width])]];
  return net.op("LayerNormalization", name, inputs, { axis: -1n, epsilon });
}
