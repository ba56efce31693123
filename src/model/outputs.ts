/** What sessions give back, as what the model's users take. */
import type { Tensor } from "../compute/ort.ts";
import type { Residual } from "./types.ts";

/** Captured activations of `positions` positions; on the GPU they stay there. */
export function residual(tensor: Tensor, positions: number): Residual {
  const dim = tensor.size / positions;
  return tensor.location === "gpu-buffer"
    ? residualOf(dim, { buffer: tensor.gpuBuffer as GPUBuffer }, () => tensor.dispose())
    : residualOf(dim, { data: tensor.data as Float32Array<ArrayBuffer> });
}

/** Captured activations that are given out until they are disposed. */
export function residualOf(
  dim: number,
  values: Pick<Residual, "data" | "buffer">,
  release: () => void = () => {},
): Residual {
  let isDisposed = false;
  const inUse = () => {
    if (!isDisposed) return values;
    throw new Error("Expected captured activations in use but found disposed ones: keep them until the last use");
  };
  return {
    dim,
    get data() {
      return inUse().data;
    },
    get buffer() {
      return inUse().buffer;
    },
    dispose() {
      if (isDisposed) return;
      isDisposed = true;
      release();
    },
    [Symbol.dispose]() {
      this.dispose();
    },
  };
}

/** A tensor's values, half precision widened. */
export function float32(tensor: Tensor): Float32Array<ArrayBuffer> {
  const { data } = tensor;
  if (data instanceof Float32Array) return data as Float32Array<ArrayBuffer>;
  // onnxruntime-node gives half precision as bits.
  const half = data instanceof Uint16Array ? new Float16Array(data.buffer, data.byteOffset, data.length) : data;
  return Float32Array.from(half as Float16Array);
}

/** The `k` largest values of `logits[from .. from + count - 1]`, largest first, the lowest index on ties. */
export function topK(
  logits: ArrayLike<number>,
  from: number,
  count: number,
  k: number,
): { id: number; logit: number }[] {
  const top: { id: number; logit: number }[] = [];
  // The least of them once there are k: nearly all others fail here.
  let least: number | undefined;
  for (let id = 0; id < count; id++) {
    const logit = logits[from + id];
    if (least !== undefined && !(logit > least)) continue;
    let place = top.length;
    while (place > 0 && logit > top[place - 1].logit) place--;
    top.splice(place, 0, { id, logit });
    if (top.length > k) top.pop();
    if (top.length === k) least = top[k - 1].logit;
  }
  return top;
}

/** Distance relative to the length of the right values; NaN counts as infinitely far. */
export function distance(values: ArrayLike<number>, right: ArrayLike<number>): number {
  let [difference, length] = [0, 0];
  for (let i = 0; i < right.length; i++) {
    difference += (values[i] - right[i]) ** 2;
    length += right[i] ** 2;
  }
  const error = Math.sqrt(difference / length);
  return Number.isNaN(error) ? Infinity : error;
}
