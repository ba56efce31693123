/**
 * How fast activations find their nearest exemplar on WebGPU: `Backend.nearest` against plain onnxruntime on the same device,
 * a MatMul of everything at once (the exemplars transposed beforehand) and an ArgMax, which holds all similarities.
 */
import { type Nearest, openBackend } from "../../src/compute/mod.ts";
import { gpuAdapter, gpuDevice, isSoftwareAdapter, webgpuProvider } from "../../src/compute/device.ts";
import { directionsOf } from "../../src/partition/directions.ts";
import { ElementType, encodeModel, graphModel, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { type TypedTensor, webRuntime } from "../../src/compute/ort.ts";
import { OURS } from "./contenders.ts";
import { Clustered } from "./data.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figure, figuresOf, inTurns, secondsOf } from "./timing.ts";

/** Measures any adapter that there is; the size of real use only on a GPU. */
export async function benchWebGpu({ quick, repeats, note }: BenchSettings): Promise<BenchRow[]> {
  const adapter = await gpuAdapter();
  if (!adapter) {
    note("WebGPU: no adapter was found, and nothing is measured on one.");
    return [];
  }
  const backend = await openBackend("webgpu");
  const [rows, dim, size] = quick || isSoftwareAdapter(adapter.info) ? [1024, 192, 1024] : [8192, 2304, 16_000];
  const stream = new Clustered({ dim });
  const [x, e] = [await unitRows(stream, rows), await unitRows(stream, size)];
  using queries = backend.upload(x, rows, dim);
  using exemplars = backend.upload(e, size, dim);
  await using peer = await plainOnnxruntime(x, e, dim);
  assertSameWork(await backend.nearest(queries, exemplars), await peer.run());
  const times = await inTurns([
    { name: OURS, run: async () => void await backend.nearest(queries, exemplars) },
    { name: "onnxruntime's MatMul and ArgMax", run: async () => void await peer.run() },
  ], repeats);
  const detail = `${rows} x ${dim} against ${size} exemplars, ${backend.device}`;
  return [
    ...figuresOf(times, { name: "nearest exemplar, WebGPU", amount: rows, unit: "activations", detail }),
    await floor(backend.device),
  ];
}

/** MatMul and ArgMax in one session on the device of our kernels, with its inputs already there. */
async function plainOnnxruntime(
  x: Float32Array<ArrayBuffer>,
  e: Float32Array<ArrayBuffer>,
  dim: number,
) {
  const ort = await webRuntime();
  const model = encodeModel(graphModel({
    nodes: [node("MatMul", ["x", "e"], ["s"]), node("ArgMax", ["s"], ["region"], { axis: 1n, keepdims: 0n })],
    inputs: [valueInfo("x", ElementType.float32, ["n", "d"]), valueInfo("e", ElementType.float32, ["d", "k"])],
    outputs: [valueInfo("region", ElementType.int64, ["n"])],
  }));
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [await webgpuProvider()],
  });
  const device = await gpuDevice();
  const buffers: GPUBuffer[] = [];
  const tensor = (data: Float32Array<ArrayBuffer>, dims: number[]): TypedTensor<"float32"> => {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
    device.queue.writeBuffer(buffer, 0, data);
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims });
  };
  const feeds = { x: tensor(x, [x.length / dim, dim]), e: tensor(transposed(e, dim), [dim, e.length / dim]) };
  return {
    run: async () => (await session.run(feeds)).region.data as BigInt64Array,
    [Symbol.asyncDispose]: async () => {
      await session.release();
      buffers.forEach((buffer) => buffer.destroy());
    },
  };
}

/** What a call costs before it computes anything: a kernel that does nothing, and its result read back. */
async function floor(detail: string): Promise<BenchRow> {
  const device = await gpuDevice();
  const module = device.createShaderModule({ code: "@compute @workgroup_size(64) fn main() {}" });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const source = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const times: number[] = [];
  for (let run = 0; run < 20; run++) {
    times.push(
      await secondsOf(async (): Promise<void> => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.dispatchWorkgroups(1);
        pass.end();
        encoder.copyBufferToBuffer(source, 0, staging, 0, 256);
        device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        staging.unmap();
      }),
    );
  }
  source.destroy();
  staging.destroy();
  const name = "a kernel that does nothing, and its result read back";
  return figure(
    name,
    OURS,
    "ms",
    times.map((seconds) => seconds * 1000),
    `${detail}; Deno 2.9 waits 10 ms in every read`,
  );
}

/** Other orders of summation may decide near ties otherwise; anything more is another computation. */
function assertSameWork(ours: Nearest, peer: BigInt64Array): void {
  const different = ours.regions.filter((region, row) => region !== Number(peer[row])).length;
  if (different > ours.regions.length / 1000) {
    throw new Error(`Expected the regions that onnxruntime finds but ${different} of ${ours.regions.length} differ`);
  }
}

async function unitRows(stream: Clustered, rows: number): Promise<Float32Array<ArrayBuffer>> {
  const backend = await openBackend("cpu");
  const batch = { data: stream.take(rows), rows, dim: stream.dim };
  using directions = await directionsOf(backend, batch, new Float32Array(stream.dim));
  return await backend.download(directions);
}

function transposed(data: Float32Array, dim: number): Float32Array<ArrayBuffer> {
  const rows = data.length / dim;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let d = 0; d < dim; d++) result[d * rows + row] = data[row * dim + d];
  }
  return result;
}
