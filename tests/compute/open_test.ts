import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type BackendChoice, openBackend } from "../../src/compute/mod.ts";
import { describeAdapter, gpuAdapter, isSoftwareAdapter } from "../../src/compute/device.ts";
import { deno } from "../lib/deno.ts";

/** What a runtime tells of an adapter. */
function adapterInfo(description: string, isFallbackAdapter = false): GPUAdapterInfo {
  return { description, isFallbackAdapter, vendor: "65541", architecture: "", device: "0" } as GPUAdapterInfo;
}

Deno.test("software adapters are known by flag or by name", () => {
  assert(isSoftwareAdapter(adapterInfo("anything", true)));
  for (const name of ["llvmpipe (LLVM 15.0.6, 256 bits)", "SwiftShader Device", "Microsoft Basic Render Driver"]) {
    assert(isSoftwareAdapter(adapterInfo(name)), name);
    assertStringIncludes(describeAdapter(adapterInfo(name)), "(software)");
  }
  for (const name of ["NVIDIA H100 80GB HBM3", "Apple M2", "AMD Radeon RX 7900 XTX", "Intel(R) Arc(TM) A770"]) {
    assert(!isSoftwareAdapter(adapterInfo(name)), name);
    assertEquals(describeAdapter(adapterInfo(name)), name);
  }
});

Deno.test("an adapter without a name is described by its numbers", () => {
  assertEquals(describeAdapter(adapterInfo("")), "65541 0");
});

Deno.test("each backend is opened once", async () => {
  assert(await openBackend("cpu") === await openBackend("cpu"));
});

Deno.test("auto computes on the CPU unless the GPU is a real one", async () => {
  const adapter = await gpuAdapter();
  const expected = adapter && !isSoftwareAdapter(adapter.info) ? "webgpu" : "cpu";
  assertEquals((await openBackend()).name, expected);
});

Deno.test("a backend that does not exist is refused", async () => {
  await assertRejects(() => openBackend("cuda" as BackendChoice), RangeError, 'but found "cuda"');
});

Deno.test("webgpu without an adapter is a sentence that says what to do, and auto takes the CPU", async () => {
  const open = import.meta.resolve("../../src/compute/open.ts");
  // In a process of its own, whose machine has no adapter.
  const script = `
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter: () => Promise.resolve(null) } });
    const { openBackend } = await import("${open}");
    console.log((await openBackend()).name);
    await openBackend("webgpu").catch((error) => console.log(error.name + ": " + error.message));
  `;
  const { stdout } = await deno("eval", [script]);
  const [auto, error] = stdout.trim().split("\n");
  assertEquals(auto, "cpu");
  assertStringIncludes(error, "GpuError: Expected a WebGPU adapter but this machine has none");
  assertStringIncludes(error, 'choose the "cpu" backend');
});
