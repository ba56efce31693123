import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { GpuError } from "../../src/compute/mod.ts";
import { gpuDevice, webgpuProvider } from "../../src/compute/device.ts";
import { ElementType, encodeModel, graphModel, node, valueInfo } from "../../src/compute/onnx/codec.ts";
import { webRuntime } from "../../src/compute/ort.ts";
import { WebGpuBackend } from "../../src/compute/webgpu.ts";
import { GpuContext } from "../../src/compute/webgpu_commands.ts";
import { percentilesOf } from "../../src/compute/webgpu_percentiles.ts";
import { upload } from "../../src/compute/webgpu_rows.ts";
import { TINY_CHUNK_BYTES, webgpuTest } from "../lib/backends.ts";
import { normals, range, unitRows } from "./oracles.ts";

webgpuTest("a pair's similarity has the same bits whatever the batch, the chunks and the operation", async () => {
  const [rows, exemplars, dim] = [90, 260, 100];
  const [x, e] = [unitRows(rows, dim), unitRows(exemplars, dim, 2)];
  const whole = await WebGpuBackend.create();
  const cut = await WebGpuBackend.create({ chunkBytes: TINY_CHUNK_BYTES });
  const expected = await whole.similarities(whole.upload(x, rows, dim), whole.upload(e, exemplars, dim));
  for (const backend of [whole, cut]) {
    const [queries, founders] = [backend.upload(x, rows, dim), backend.upload(e, exemplars, dim)];
    assertEquals(await backend.similarities(queries, founders), expected);
    const swapped = await backend.similarities(founders, queries);
    for (let i = 0; i < expected.length; i++) {
      assertEquals(swapped[(i % exemplars) * rows + Math.floor(i / exemplars)], expected[i]);
    }
    const { regions, similarities } = await backend.nearest(queries, founders);
    for (let row = 0; row < rows; row++) {
      assertEquals(similarities[row], Math.max(...expected.subarray(row * exemplars, (row + 1) * exemplars)));
      assertEquals(similarities[row], expected[row * exemplars + regions[row]]);
    }
    const one = backend.upload(x.slice(17 * dim, 18 * dim), 1, dim);
    const alone = await backend.nearest(one, founders);
    assertEquals([alone.regions[0], alone.similarities[0]], [regions[17], similarities[17]]);
    [queries, founders, one].forEach((matrix) => matrix.dispose());
  }
});

webgpuTest("sums do not depend on the chunks", async () => {
  const [rows, dim] = [300, 192];
  const groups = { regions: Int32Array.of(0, 150), offsets: Int32Array.of(0, 299, 300), rows: range(rows) };
  const [whole, cut] = await Promise.all([undefined, TINY_CHUNK_BYTES].map(async (chunkBytes) => {
    const backend = await WebGpuBackend.create({ chunkBytes });
    const sums = backend.create(dim);
    backend.accumulate(sums, backend.upload(normals(rows, dim), rows, dim), groups);
    return await backend.download(sums);
  }));
  assertEquals(cut, whole);
});

webgpuTest("a model's output is wrapped where it is, on the one device", async () => {
  const ort = await webRuntime();
  const doubled = encodeModel(graphModel({
    nodes: [node("Add", ["x", "x"], ["y"])],
    inputs: [valueInfo("x", ElementType.float32, ["n", "d"])],
    outputs: [valueInfo("y", ElementType.float32, ["n", "d"])],
  }));
  const session = await ort.InferenceSession.create(doubled, {
    executionProviders: [await webgpuProvider()],
    preferredOutputLocation: "gpu-buffer",
  });
  const [rows, dim] = [70, 12];
  const data = normals(rows, dim);
  const { y } = await session.run({ x: new ort.Tensor("float32", data, [rows, dim]) });
  const backend = await WebGpuBackend.create();
  const wrapped = backend.wrap(y.gpuBuffer as GPUBuffer, rows, dim, () => y.dispose());
  assertEquals(await backend.download(wrapped), data.map((value) => 2 * value));
  const zeros = new Float32Array(dim);
  const [doubledRows, plainRows] = [wrapped, backend.upload(data, rows, dim)];
  const [a, b] = [await backend.directions(doubledRows, zeros), await backend.directions(plainRows, zeros)];
  assertEquals((await backend.nearest(a, b)).regions, range(rows));
  [wrapped, plainRows, a, b].forEach((matrix) => matrix.dispose());
  await session.release();
});

webgpuTest("a wrapped buffer larger than a chunk is cut, and cannot grow", async () => {
  const [rows, dim] = [300, 192];
  const data = normals(rows, dim);
  const device = await gpuDevice();
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: data.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
  device.queue.writeBuffer(buffer, 0, data);
  const backend = await WebGpuBackend.create({ chunkBytes: TINY_CHUNK_BYTES });
  let released = 0;
  const wrapped = backend.wrap(buffer, rows, dim, () => released++);
  assertEquals(await backend.download(wrapped), data);
  const own = backend.upload(data, rows, dim);
  assertEquals(await backend.similarities(wrapped, own), await backend.similarities(own, own));
  assertThrows(() => backend.copyRows(own, range(1), wrapped, range(1, rows)), TypeError, "wrapped buffer");
  assertThrows(() => backend.wrap(buffer, rows + 1, dim), RangeError, "Expected a buffer of 301 x 192");
  wrapped.dispose();
  wrapped.dispose();
  assertEquals(released, 1);
  await assertRejects(() => backend.download(wrapped), TypeError, "disposed");
  own.dispose();
  buffer.destroy();
});

webgpuTest("rows that are no whole vec4s are wrapped as a copy, after which the buffer is free", async () => {
  const device = await gpuDevice();
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  for (const chunkBytes of [undefined, TINY_CHUNK_BYTES]) {
    using backend = await WebGpuBackend.create({ chunkBytes });
    for (const [rows, dim] of [[0, 3], [1, 1], [70, 2], [301, 18], [500, 191]]) {
      const data = normals(rows, dim);
      const buffer = device.createBuffer({ size: Math.max(4, data.byteLength), usage: STORAGE | COPY_SRC | COPY_DST });
      if (rows > 0) device.queue.writeBuffer(buffer, 0, data);
      let released = 0;
      const wrapped = backend.wrap(buffer, rows, dim, () => released++);
      if (rows > 0) device.queue.writeBuffer(buffer, 0, new Float32Array(rows * dim).fill(NaN));
      assertEquals([wrapped.rows, wrapped.dim, await backend.download(wrapped)], [rows, dim, data]);
      const own = backend.upload(data, rows, dim);
      // Padding that is not zero would be in every product.
      assertEquals(await backend.similarities(wrapped, wrapped), await backend.similarities(own, own));
      assertThrows(() => backend.wrap(buffer, rows + 1, dim), RangeError, `Expected a buffer of ${rows + 1} x ${dim}`);
      [wrapped, own].forEach((matrix) => matrix.dispose());
      assertEquals(released, 1);
      buffer.destroy();
    }
  }
});

webgpuTest("rows longer than a chunk are refused", async () => {
  const backend = await WebGpuBackend.create({ chunkBytes: 1024 });
  assertThrows(() => backend.create(257), RangeError, "Expected rows of at most 1024 bytes but found 1040");
});

webgpuTest("a command that the GPU refuses is an error to every reader that waits, and only to these", async () => {
  const backend = await WebGpuBackend.create();
  const device = await gpuDevice();
  const matrix = backend.upload(normals(2, 4), 2, 4);
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, buffer, 0, 16);
  device.queue.submit([encoder.finish()]);
  // Both readers were waiting when it failed, and neither can know that it was not its own command.
  for (const result of await Promise.allSettled([backend.download(matrix), backend.download(matrix)])) {
    assert(result.status === "rejected" && result.reason instanceof GpuError);
    assertStringIncludes(result.reason.message, "The GPU refused a command");
  }
  assertEquals(await backend.download(matrix), normals(2, 4));
  matrix.dispose();
  buffer.destroy();
});

webgpuTest("the device has the largest buffers that the adapter gives", async () => {
  const device = await gpuDevice();
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  assertEquals(device.limits.maxStorageBufferBindingSize, adapter!.limits.maxStorageBufferBindingSize);
  assertEquals(device.limits.maxBufferSize, adapter!.limits.maxBufferSize);
  assert(await gpuDevice() === device);
});

webgpuTest("more pairs than a 32-bit count holds are counted in parts", async () => {
  const [rows, dim] = [200, 48];
  using context = new GpuContext(await gpuDevice(), TINY_CHUNK_BYTES);
  using directions = upload(context, unitRows(rows, dim), rows, dim);
  const whole = await percentilesOf(context, directions, [0, 5, 50, 100]);
  // One tile of 64 rows a part.
  assertEquals(await percentilesOf(context, directions, [0, 5, 50, 100], 64 * rows), whole);
});
