import { assertRejects } from "@std/assert";
import { GpuError, openBackend } from "../../src/compute/mod.ts";
import { gpuDevice } from "../../src/compute/device.ts";
import { webgpuTest } from "../lib/backends.ts";
import { unitRows } from "./oracles.ts";

// In a file of its own: tests of one file share the process's device.
webgpuTest("after the device was lost every result is an error", async () => {
  const backend = await openBackend("webgpu");
  const matrix = backend.upload(unitRows(3, 8), 3, 8);
  (await gpuDevice()).destroy();
  await assertRejects(() => backend.download(matrix), GpuError, "The GPU device was lost");
  await assertRejects(() => backend.nearest(matrix, matrix), GpuError, "The GPU device was lost");
});
