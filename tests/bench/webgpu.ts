/**
 * How fast activations find their nearest exemplar on WebGPU, by integers and in float32: both ways of `Backend.nearest`,
 * whose answers must be the same to the byte, and plain onnxruntime on the same device, a MatMul of everything at once (the
 * exemplars transposed beforehand) and an ArgMax, which holds all similarities.
 */
import { type Nearest, openBackend } from "../../src/compute/mod.ts";
import { gpuAdapter, gpuDevice, isSoftwareAdapter, webgpuProvider } from "../../src/compute/device.ts";
import { ElementType, encodeModel, graphModel, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { type TypedTensor, webRuntime } from "../../src/compute/ort.ts";
import { transposed } from "../../src/compute/transposed.ts";
import { WebGpuBackend } from "../../src/compute/webgpu.ts";
import { hasIntegers } from "../../src/compute/webgpu_search_way.ts";
import { Clustered } from "./data.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figure, figuresOf, inTurns, type RunTime, timeOf, type Way } from "./timing.ts";

const NAME = "nearest exemplar, WebGPU";
/** What stands for the search that looks at all products. */
export const FLOATS = "in float32";

/** Measures any adapter that there is; the size of real use only on a GPU. */
export async function benchWebGpu({ quick, repeats, note }: BenchSettings): Promise<BenchRow[]> {
  const adapter = await gpuAdapter();
  if (!adapter) {
    note("WebGPU: no adapter was found, and nothing is measured on one.");
    return [];
  }
  const [rows, dim, size] = sizesOf(quick, isSoftwareAdapter(adapter.info));
  const stream = new Clustered({ dim });
  const all = await directionsOf(stream, rows + size);
  const [x, e] = [all.slice(0, rows * dim), all.slice(rows * dim)];
  using float = await searcher("float", x, e, dim);
  using integers = hasIntegers() ? await searcher("integers", x, e, dim) : undefined;
  if (!integers) note("WebGPU: WGSL has no products of packed integers here, and only float32 is measured.");
  await using peer = await plainOnnxruntime(x, e, dim);
  const found = await float.search();
  assertSameWork(found, await peer.run());
  if (integers) assertSameBytes(await integers.search(), found);
  const ways: Way[] = [integers, float].flatMap((own) => own ? [{ name: own.name, run: own.run }] : []);
  ways.push({ name: "onnxruntime's MatMul and ArgMax", run: async () => void await peer.run() });
  const detail = `${rows} x ${dim} against ${size} exemplars, ${float.device}`;
  return [
    ...figuresOf(await inTurns(ways, repeats), { name: NAME, amount: rows, unit: "activations", detail }),
    await floor(float.device),
  ];
}

/** Rows, dim and exemplars. */
function sizesOf(quick: boolean, isSoftware: boolean): [number, number, number] {
  if (quick) return [1024, 192, 1024];
  return isSoftware ? [1024, 2304, 2048] : [8192, 2304, 16_000];
}

/** One way of the two. Queries are quantised anew in every run, as those of a stream are; exemplars once, as a dictionary's. */
async function searcher(
  way: "integers" | "float",
  x: Float32Array<ArrayBuffer>,
  e: Float32Array<ArrayBuffer>,
  dim: number,
) {
  const backend = await WebGpuBackend.create({ way });
  const all = Int32Array.from({ length: x.length / dim }, (_, row) => row);
  const [source, queries] = [backend.upload(x, x.length / dim, dim), backend.create(dim)];
  const exemplars = backend.upload(e, e.length / dim, dim);
  const search = () => {
    backend.copyRows(source, all, queries, all);
    return backend.nearest(queries, exemplars);
  };
  return {
    name: way === "float" ? FLOATS : "by integers",
    device: backend.device,
    search,
    run: async () => void await search(),
    [Symbol.dispose]: () => [source, queries, exemplars, backend].forEach((each) => each.dispose()),
  };
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
  const feeds = {
    x: tensor(x, [x.length / dim, dim]),
    e: tensor(transposed(e, e.length / dim, dim), [dim, e.length / dim]),
  };
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
  const times: RunTime[] = [];
  for (let run = 0; run < 20; run++) {
    times.push(
      await timeOf(async (): Promise<void> => {
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
    "a call",
    "ms",
    times.map(({ seconds }) => seconds * 1000),
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

function assertSameBytes(ours: Nearest, other: Nearest): void {
  const isSame = ours.regions.every((region, row) =>
    region === other.regions[row] && Object.is(ours.similarities[row], other.similarities[row])
  );
  if (!isSame) throw new Error("Expected the same bytes by integers as in float32 but they differ");
}

/** Directions of a stream's rows from their mean. */
async function directionsOf(stream: Clustered, rows: number): Promise<Float32Array<ArrayBuffer>> {
  const backend = await openBackend("cpu");
  using activations = backend.upload(stream.take(rows), rows, stream.dim);
  const { sum } = await backend.moments(activations);
  using directions = await backend.directions(activations, Float32Array.from(sum, (value) => value / rows));
  return await backend.download(directions);
}
