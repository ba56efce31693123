/**
 * The CPU backend's operations as small ONNX graphs, so that onnxruntime's threaded, vectorised kernels do the work.
 * Inputs and outputs are float32 unless said otherwise; `n`, `k` and `d` are dynamic.
 */
import { ElementType, encodeModel, graphModel, initializer, node, valueInfo } from "./onnx/codec.ts";

const { float32, int64 } = ElementType;

/** Added to norms before dividing by them, as the published implementation does: nothing, to norms above 2^-15. */
const NORM_EPSILON = 1e-12;

const epsilon = () => initializer("epsilon", float32, [], new Float32Array([NORM_EPSILON]));

/** `x [n, d]` -> `sum [d]`, `unitSum [d]` and `norm [n, 1]`. */
export function momentsGraph(): Uint8Array {
  return encodeModel(graphModel({
    nodes: [
      node("ReduceL2", ["x"], ["norm"], { axes: [1n], keepdims: 1n }),
      node("Add", ["norm", "epsilon"], ["divisor"]),
      node("Div", ["x", "divisor"], ["unit"]),
      node("ReduceSum", ["x", "axis"], ["sum"], { keepdims: 0n }),
      node("ReduceSum", ["unit", "axis"], ["unitSum"], { keepdims: 0n }),
    ],
    inputs: [valueInfo("x", float32, ["n", "d"])],
    outputs: [
      valueInfo("sum", float32, ["d"]),
      valueInfo("unitSum", float32, ["d"]),
      valueInfo("norm", float32, ["n", 1]),
    ],
    initializers: [epsilon(), initializer("axis", int64, [1], new BigInt64Array([0n]))],
  }));
}

// Both sides have a vector a row: the GEMM takes the right one transposed.
const product = () => node("Gemm", ["a", "b"], ["similarity"], { transB: 1n });
const factors = () => [valueInfo("a", float32, ["n", "d"]), valueInfo("b", float32, ["k", "d"])];

/** `a [n, d]`, `b [k, d]` -> `similarity [n, k]`. */
export function similaritiesGraph(): Uint8Array {
  return encodeModel(graphModel({
    nodes: [product()],
    inputs: factors(),
    outputs: [valueInfo("similarity", float32, ["n", "k"])],
  }));
}

/** `a [n, d]`, `b [k, d]`, `bias [k]` -> `pre [n, k]`. */
export function affineGraph(): Uint8Array {
  return encodeModel(graphModel({
    nodes: [node("Gemm", ["a", "b", "bias"], ["pre"], { transB: 1n })],
    inputs: [...factors(), valueInfo("bias", float32, ["k"])],
    outputs: [valueInfo("pre", float32, ["n", "k"])],
  }));
}
