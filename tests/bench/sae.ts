/**
 * How fast activations become sparse features: `Sae.encode` against the dense encode that SAELens and Gemma Scope's own
 * code do, as one onnxruntime session on the same device: MatMul, Add, Greater, Where, all features of every row on the host.
 */
import { Sae } from "../../src/analysis/sae.ts";
import type { SaeWeights } from "../../src/analysis/sae_weights.ts";
import type { Backend } from "../../src/compute/backend.ts";
import { gpuAdapter, isSoftwareAdapter, webgpuProvider } from "../../src/compute/device.ts";
import { ElementType, encodeModel, graphModel, initializer, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { openBackend } from "../../src/compute/open.ts";
import { nativeRuntime, webRuntime } from "../../src/compute/ort.ts";
import { Random } from "../../src/compute/random.ts";
import type { SparseFeatures } from "../../src/compute/sparse.ts";
import { type BenchRow, inTurns, median, ratios } from "./timing.ts";

/** Rows, length of an activation, features, and the threshold that some 60 normally distributed features exceed. */
type Shape = readonly [rows: number, dim: number, size: number, threshold: number];
const TOY: Shape = [2048, 192, 2048, 1.89];
const GEMMA: Shape = [512, 2304, 16384, 2.68];

/** Measures every backend of this machine; the size of Gemma Scope's autoencoders only where it takes seconds at most. */
export async function benchSae(): Promise<BenchRow[]> {
  const cpu = await openBackend("cpu");
  const rows = [...await measure(cpu, TOY), ...await measure(cpu, GEMMA)];
  const adapter = await gpuAdapter();
  if (!adapter) return rows;
  const webgpu = await openBackend("webgpu");
  rows.push(...await measure(webgpu, TOY));
  if (!isSoftwareAdapter(adapter.info)) rows.push(...await measure(webgpu, GEMMA));
  return rows;
}

async function measure(backend: Backend, [rows, dim, size, threshold]: Shape): Promise<BenchRow[]> {
  const random = new Random(1);
  const normals = (length: number, scale: number) => Float32Array.from({ length }, () => scale * random.normal());
  const weights: SaeWeights = {
    architecture: "jumprelu",
    dim,
    size,
    encoder: normals(size * dim, dim ** -0.5),
    encoderBias: new Float32Array(size),
    thresholds: new Float32Array(size).fill(threshold),
    decoder: new Float32Array(size * dim),
    decoderBias: new Float32Array(dim),
    source: { path: "bench", format: "gemma-scope" },
  };
  const x = normals(rows * dim, 1);
  const sae = new Sae(weights, backend);
  const matrix = backend.upload(x, rows, dim);
  const batch = { rows, dim, matrix };
  const peer = await denseEncode(backend, weights, x);
  const features = await sae.encode(batch);
  assertSameWork(features, await peer.run());
  const times = await inTurns(() => sae.encode(batch), peer.run);
  await peer.release();
  matrix.dispose();
  sae.dispose();

  const name = `encode, ${backend.name}, ${rows} x ${dim} to ${size} features`;
  const detail = `median of ${times.ours.length} paired runs, ${
    (features.values.length / rows).toFixed(0)
  } active features a row, ${backend.device}`;
  return [
    { name, value: Math.round(rows / median(times.ours)), unit: "rows/s", detail },
    {
      name: `${name}, against onnxruntime's dense encode`,
      value: round(median(ratios(times))),
      unit: "times as fast",
      detail: `${detail}; single pairs ${ratios(times).map(round).join(", ")}`,
    },
  ];
}

/** The dense encode; its weights are constants, which onnxruntime packs beforehand. */
async function denseEncode(backend: Backend, weights: SaeWeights, x: Float32Array<ArrayBuffer>) {
  const { dim, size, encoder, encoderBias, thresholds } = weights;
  const gpu = backend.name === "webgpu";
  const ort = gpu ? await webRuntime() : await nativeRuntime();
  const { float32 } = ElementType;
  const columns = new Float32Array(encoder.length);
  encoder.forEach((value, i) => columns[(i % dim) * size + Math.floor(i / dim)] = value);
  const model = encodeModel(graphModel({
    nodes: [
      node("MatMul", ["x", "W_enc"], ["products"]),
      node("Add", ["products", "b_enc"], ["pre"]),
      node("Greater", ["pre", "threshold"], ["mask"]),
      node("Where", ["mask", "pre", "zero"], ["acts"]),
    ],
    inputs: [valueInfo("x", float32, ["n", dim])],
    outputs: [valueInfo("acts", float32, ["n", size])],
    initializers: [
      initializer("W_enc", float32, [dim, size], columns),
      initializer("b_enc", float32, [size], encoderBias),
      initializer("threshold", float32, [size], thresholds),
      initializer("zero", float32, [], new Float32Array(1)),
    ],
  }));
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [gpu ? await webgpuProvider() : "cpu"],
  });
  const feeds = { x: new ort.Tensor("float32", x, [x.length / dim, dim]) };
  return {
    run: async () => (await session.run(feeds)).acts.data as Float32Array,
    release: () => session.release(),
  };
}

/** Other orders of summation may decide values near the threshold otherwise; anything more is another computation. */
function assertSameWork({ rows, size, offsets, features, values }: SparseFeatures, peer: Float32Array): void {
  let different = peer.reduce((count, value) => count + Number(value > 0), 0) - values.length;
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      if (Math.abs(peer[row * size + features[i]] - values[i]) > 1e-3) different++;
    }
  }
  if (Math.abs(different) > values.length / 1000) {
    throw new Error(`Expected the values that onnxruntime finds but ${different} of ${values.length} differ`);
  }
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

if (import.meta.main) console.table(await benchSae());
