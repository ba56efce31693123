/**
 * How fast activations find their nearest exemplar: `Backend.nearest` against plain onnxruntime on the same device, a
 * MatMul of everything at once (the exemplars transposed beforehand) and an ArgMax, which holds all similarities.
 */
import { type Backend, type Nearest, openBackend, Random } from "../../src/compute/mod.ts";
import { gpuAdapter, gpuDevice, isSoftwareAdapter, webgpuProvider } from "../../src/compute/device.ts";
import { ElementType, encodeModel, graphModel, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { nativeRuntime, type TypedTensor, webRuntime } from "../../src/compute/ort.ts";
import { type BenchRow, inTurns, median, ratios, secondsOf } from "./timing.ts";

const ROWS = 2048;

/** Measures every backend of this machine; shapes of real size only where they take seconds at most. */
export async function benchAssignment(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [dim, exemplars] of [[192, 1024], [192, 8192], [2304, 5120]]) {
    rows.push(...await measure(await openBackend("cpu"), dim, exemplars));
  }
  const adapter = await gpuAdapter();
  if (!adapter) return rows;
  rows.push(await floor());
  const shapes = isSoftwareAdapter(adapter.info)
    ? [[192, 1024], [192, 8192]]
    : [[192, 1024], [192, 8192], [2304, 5120]];
  for (const [dim, exemplars] of shapes) rows.push(...await measure(await openBackend("webgpu"), dim, exemplars));
  return rows;
}

async function measure(backend: Backend, dim: number, exemplars: number): Promise<BenchRow[]> {
  const [x, e] = [unitRows(ROWS, dim, 1), unitRows(exemplars, dim, 2)];
  const [queries, founders] = [backend.upload(x, ROWS, dim), backend.upload(e, exemplars, dim)];
  const peer = await plainOnnxruntime(backend, x, e, dim);
  assertSameWork(await backend.nearest(queries, founders), await peer.run());
  const times = await inTurns(() => backend.nearest(queries, founders), peer.run);
  await peer.release();
  queries.dispose();
  founders.dispose();

  const shape = `${ROWS} x ${dim} against ${exemplars}`;
  const detail = `median of ${times.ours.length} paired runs, ${backend.device}`;
  const seconds = median(times.ours);
  const name = `nearest, ${backend.name}, ${shape}`;
  return [
    { name, value: Math.round(ROWS / seconds), unit: "rows/s", detail },
    { name, value: round(2 * ROWS * dim * exemplars / seconds / 1e9), unit: "GFLOP/s", detail },
    {
      name: `${name}, against onnxruntime's MatMul and ArgMax`,
      value: round(median(ratios(times))),
      unit: "times as fast",
      detail: `${detail}; single pairs ${ratios(times).map(round).join(", ")}`,
    },
  ];
}

/** MatMul and ArgMax in one session on the backend's device, with its inputs already there. */
async function plainOnnxruntime(
  backend: Backend,
  x: Float32Array<ArrayBuffer>,
  e: Float32Array<ArrayBuffer>,
  dim: number,
) {
  const gpu = backend.name === "webgpu";
  const ort = gpu ? await webRuntime() : await nativeRuntime();
  const model = encodeModel(graphModel({
    nodes: [node("MatMul", ["x", "e"], ["s"]), node("ArgMax", ["s"], ["region"], { axis: 1n, keepdims: 0n })],
    inputs: [valueInfo("x", ElementType.float32, ["n", "d"]), valueInfo("e", ElementType.float32, ["d", "k"])],
    outputs: [valueInfo("region", ElementType.int64, ["n"])],
  }));
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [gpu ? await webgpuProvider() : "cpu"],
  });
  const device = gpu ? await gpuDevice() : undefined;
  const buffers: GPUBuffer[] = [];
  const tensor = (data: Float32Array<ArrayBuffer>, dims: number[]): TypedTensor<"float32"> => {
    if (!device) return new ort.Tensor("float32", data, dims);
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
    device.queue.writeBuffer(buffer, 0, data);
    buffers.push(buffer);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims });
  };
  const feeds = { x: tensor(x, [x.length / dim, dim]), e: tensor(transposed(e, dim), [dim, e.length / dim]) };
  return {
    run: async () => (await session.run(feeds)).region.data as BigInt64Array,
    release: async () => {
      await session.release();
      buffers.forEach((buffer) => buffer.destroy());
    },
  };
}

/** What a call costs before it computes anything: a kernel that does nothing, and its result read back. */
async function floor(): Promise<BenchRow> {
  const device = await gpuDevice();
  const module = device.createShaderModule({ code: "@compute @workgroup_size(64) fn main() {}" });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const source = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const times: number[] = [];
  for (let run = 0; run < 20; run++) {
    times.push(
      await secondsOf(async () => {
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
  return {
    name: "a kernel that does nothing, and its result read back",
    value: round(median(times) * 1000),
    unit: "ms",
    detail: "median of 20; Deno 2.9 waits 10 ms in every read",
  };
}

/** Other orders of summation may decide near ties otherwise; anything more is another computation. */
function assertSameWork(ours: Nearest, peer: BigInt64Array): void {
  const different = ours.regions.filter((region, row) => region !== Number(peer[row])).length;
  if (different > ours.regions.length / 1000) {
    throw new Error(`Expected the regions that onnxruntime finds but ${different} of ${ours.regions.length} differ`);
  }
}

function unitRows(rows: number, dim: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const data = Float32Array.from({ length: rows * dim }, () => random.next() - 0.5);
  for (let start = 0; start < data.length; start += dim) {
    const row = data.subarray(start, start + dim);
    const norm = Math.hypot(...row);
    row.forEach((value, d) => row[d] = value / norm);
  }
  return data;
}

function transposed(data: Float32Array, dim: number): Float32Array<ArrayBuffer> {
  const rows = data.length / dim;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let d = 0; d < dim; d++) result[d * rows + row] = data[row * dim + d];
  }
  return result;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

if (import.meta.main) console.table(await benchAssignment());
