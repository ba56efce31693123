/**
 * How fast activations become sparse features: `Sae.encode` against the encode that SAELens and Gemma Scope's own code do,
 * as one onnxruntime session on the same device. Once dense, which is where they stop (MatMul, Add, Greater, Where: every
 * feature of every row on the host, mostly zeros), and once down to the same sparse features (then NonZero, GatherND).
 */
import { Batch } from "../../src/activations/mod.ts";
import { type Backend, openBackend, Random, type SparseFeatures } from "../../src/compute/mod.ts";
import { Sae, type SaeWeights } from "../../src/sae/mod.ts";
import { gpuAdapter, isSoftwareAdapter, webgpuProvider } from "../../src/compute/device.ts";
import { ElementType, encodeModel, graphModel, initializer, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { nativeRuntime, webRuntime } from "../../src/compute/ort.ts";
import { OURS } from "./contenders.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figuresOf, inTurns } from "./timing.ts";

/** Rows, length of an activation, features, and the threshold that some 60 normally distributed features exceed. */
type Shape = readonly [rows: number, dim: number, size: number, threshold: number];
const TOY: Shape = [2048, 192, 2048, 1.89];
const GEMMA: Shape = [512, 2304, 16384, 2.68];

/** Measures every backend of this machine; the size of Gemma Scope's autoencoders only where it takes seconds at most. */
export async function benchSae({ quick, repeats }: BenchSettings): Promise<BenchRow[]> {
  const cpu = await openBackend("cpu");
  const rows = await measure(cpu, TOY, repeats);
  if (!quick) rows.push(...await measure(cpu, GEMMA, repeats));
  const adapter = await gpuAdapter();
  if (!adapter) return rows;
  const webgpu = await openBackend("webgpu");
  rows.push(...await measure(webgpu, TOY, repeats));
  if (!quick && !isSoftwareAdapter(adapter.info)) rows.push(...await measure(webgpu, GEMMA, repeats));
  return rows;
}

async function measure(
  backend: Backend,
  [rows, dim, size, threshold]: Shape,
  repeats: number,
): Promise<BenchRow[]> {
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
  const batch = Batch.onBackend(matrix);
  const [dense, sparse] = [
    await peerSession(backend, weights, x, "acts"),
    await peerSession(backend, weights, x, "values"),
  ];
  const features = await sae.encode(batch);
  assertSameWork(features, await dense.run(), await sparse.run());
  const times = await inTurns([
    { name: OURS, run: async () => void await sae.encode(batch) },
    { name: "onnxruntime, dense", run: async () => void await dense.run() },
    { name: "onnxruntime, dense and then sparse", run: async () => void await sparse.run() },
  ], repeats);
  await Promise.all([dense.release(), sparse.release()]);
  matrix.dispose();
  sae.dispose();
  const active = (features.values.length / rows).toFixed(0);
  return figuresOf(times, {
    ...{ name: `encode, ${backend.name}`, amount: rows, unit: "activations" },
    detail: `${rows} x ${dim} to ${size} features, ${active} active in a row, ${backend.device}`,
  });
}

/** The peer's encode; its weights are constants, which onnxruntime packs beforehand. */
async function peerSession(
  backend: Backend,
  weights: SaeWeights,
  x: Float32Array<ArrayBuffer>,
  output: "acts" | "values",
) {
  const { dim, size, encoder, encoderBias, thresholds } = weights;
  const gpu = backend.name === "webgpu";
  const ort = gpu ? await webRuntime() : await nativeRuntime();
  const { float32, int64 } = ElementType;
  const columns = new Float32Array(encoder.length);
  encoder.forEach((value, i) => columns[(i % dim) * size + Math.floor(i / dim)] = value);
  const model = encodeModel(graphModel({
    nodes: [
      node("MatMul", ["x", "W_enc"], ["products"]),
      node("Add", ["products", "b_enc"], ["pre"]),
      node("Greater", ["pre", "threshold"], ["mask"]),
      node("Where", ["mask", "pre", "zero"], ["acts"]),
      ...(output === "acts" ? [] : [
        node("NonZero", ["acts"], ["columns"]),
        node("Transpose", ["columns"], ["places"]),
        node("GatherND", ["acts", "places"], ["values"]),
      ]),
    ],
    inputs: [valueInfo("x", float32, ["n", dim])],
    outputs: output === "acts"
      ? [valueInfo("acts", float32, ["n", size])]
      : [valueInfo("places", int64, ["active", 2]), valueInfo("values", float32, ["active"])],
    initializers: [
      initializer("W_enc", float32, [dim, size], columns),
      initializer("b_enc", float32, [size], encoderBias),
      initializer("threshold", float32, [size], thresholds),
      initializer("zero", float32, [], new Float32Array(1)),
    ],
  }));
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [gpu ? await webgpuProvider() : "cpu"],
    // That some operators of its own choice run on the CPU is no news.
    logSeverityLevel: 3,
  });
  const feeds = { x: new ort.Tensor("float32", x, [x.length / dim, dim]) };
  return {
    run: async () => (await session.run(feeds))[output].data as Float32Array,
    release: () => session.release(),
  };
}

/** Other orders of summation may decide values near the threshold otherwise; anything more is another computation. */
function assertSameWork(
  { rows, size, offsets, features, values }: SparseFeatures,
  dense: Float32Array,
  sparse: Float32Array,
): void {
  let different = Math.abs(sparse.length - values.length);
  for (let row = 0; row < rows; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      if (Math.abs(dense[row * size + features[i]] - values[i]) > 1e-3) different++;
    }
  }
  if (different > values.length / 1000) {
    throw new Error(`Expected the values that onnxruntime finds but ${different} of ${values.length} differ`);
  }
}
