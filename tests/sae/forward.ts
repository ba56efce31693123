/** The forward passes of autoencoders step by step, in float64, dense and without anything folded: what tests compare with. */
import { Random, type SparseFeatures } from "../../src/compute/mod.ts";
import { float32Tensor, type Tensor } from "../../src/files/mod.ts";

/** Arrays by the names of SAELens, with their shapes. */
export type Weights = Record<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>;

/** What a pass does; every step that is not named is left out. */
export interface Pass {
  /** What makes features of `pre`; default `relu`. */
  readonly activation?: "relu" | "gated" | "jump" | "topk" | "batchtopk" | "abstopk";
  readonly k?: number;
  /** Whether the mean of a row is taken from it before anything else. */
  readonly withoutMean?: boolean;
  readonly normalization?: "layer_norm" | "constant_norm_rescale";
  /** Whether `b_dec` is taken from the input. */
  readonly takesBias?: boolean;
  readonly rescaled?: boolean;
}

/** Weights of a size, by name. */
export function randomWeights(shapes: Record<string, readonly number[]>, seed = 11): Weights {
  const random = new Random(seed);
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const length = shape.reduce((product, axis) => product * axis, 1);
      const data = Float32Array.from({ length }, () => {
        if (/threshold/.test(name)) return 0.2 + random.next();
        return (name === "r_mag" ? 0.4 : 0.8) * random.normal();
      });
      return [name, { shape, data }];
    }),
  );
}

/** The weights as tensors of a file. */
export function tensorsOf(weights: Weights): Map<string, Tensor> {
  return new Map(Object.entries(weights).map(([name, { shape, data }]) => [name, float32Tensor(data, shape)]));
}

/** Features and outputs of rows; `W_enc` is `dim x size`, `W_dec` `size x out`, `W_skip` `out x dim`. */
export function forward(x: Float32Array, weights: Weights, pass: Pass): { acts: number[][]; out: number[][] } {
  const { W_enc, W_dec, W_skip, b_dec, b_dec_out = b_dec } = weights;
  const [[dim, size], out] = [W_enc.shape, W_dec.shape[1]];
  const number = (name: string, i: number) => weights[name].data[weights[name].data.length === 1 ? 0 : i];
  const norms = Array.from({ length: size }, (_, f) => Math.hypot(...W_dec.data.subarray(f * out, (f + 1) * out)));
  const inputs = Array.from({ length: x.length / dim }, (_, row) => {
    const own = Array.from(x.subarray(row * dim, (row + 1) * dim));
    const mean = own.reduce((sum, value) => sum + value, 0) / dim;
    return pass.withoutMean ? own.map((value) => value - mean) : own;
  });
  const normed = inputs.map((row) => normalize(row, pass.normalization));
  const acts = normed.map(({ row }) => {
    const pre = Array.from({ length: size }, (_, f) => {
      let value = 0;
      for (let d = 0; d < dim; d++) {
        value += (row[d] - (pass.takesBias ? b_dec.data[d] : 0)) * W_enc.data[d * size + f];
      }
      if (pass.activation === "gated") {
        const magnitude = Math.exp(number("r_mag", f)) * value + number("b_mag", f);
        return value + number("b_gate", f) > 0 ? magnitude : 0;
      }
      return (value + number("b_enc", f)) * (pass.rescaled ? norms[f] : 1);
    });
    return activate(pre, pass, (f) => number("threshold", f));
  });
  if (pass.activation === "batchtopk") keepLargestOfAll(acts, Math.floor(pass.k! * acts.length));
  const outputs = acts.map((values, row) =>
    Array.from({ length: out }, (_, d) => {
      let sum = b_dec_out.data[d];
      for (let f = 0; f < size; f++) sum += values[f] / (pass.rescaled ? norms[f] : 1) * W_dec.data[f * out + d];
      sum = normed[row].undo(sum);
      for (let e = 0; W_skip && e < dim; e++) sum += W_skip.data[d * dim + e] * inputs[row][e];
      return sum;
    })
  );
  return { acts, out: outputs };
}

function normalize(row: number[], kind: Pass["normalization"]): { row: number[]; undo: (value: number) => number } {
  if (kind === undefined) return { row, undo: (value) => value };
  if (kind === "constant_norm_rescale") {
    const factor = Math.sqrt(row.length) / Math.hypot(...row);
    return { row: row.map((value) => value * factor), undo: (value) => value / factor };
  }
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
  const deviation = Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (row.length - 1));
  return { row: row.map((value) => (value - mean) / (deviation + 1e-5)), undo: (value) => value * deviation + mean };
}

function activate(pre: number[], { activation = "relu", k }: Pass, threshold: (feature: number) => number): number[] {
  const ranked = (key: (value: number) => number) => pre.map(key).toSorted((a, b) => b - a)[k! - 1];
  switch (activation) {
    case "relu":
    case "gated":
    case "batchtopk":
      return pre.map((value) => Math.max(0, value));
    case "jump":
      return pre.map((value, f) => value > Math.max(0, threshold(f)) ? value : 0);
    case "topk": {
      const least = ranked((value) => value);
      return pre.map((value) => value >= least ? Math.max(0, value) : 0);
    }
    case "abstopk": {
      const least = ranked(Math.abs);
      return pre.map((value) => Math.abs(value) >= least ? value : 0);
    }
    default:
      return activation satisfies never;
  }
}

function keepLargestOfAll(acts: number[][], count: number): void {
  const least = acts.flat().toSorted((a, b) => b - a)[count - 1];
  for (const row of acts) row.forEach((value, f) => row[f] = value >= least ? value : 0);
}

/** Features with their zeros, a row a list. */
export function dense({ rows, size, offsets, features, values }: SparseFeatures): number[][] {
  return Array.from({ length: rows }, (_, row) => {
    const own = new Array<number>(size).fill(0);
    for (let i = offsets[row]; i < offsets[row + 1]; i++) own[features[i]] = values[i];
    return own;
  });
}
