import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { gpuAdapter } from "../../src/compute/device.ts";
import type { WebGpuOptions } from "../../src/compute/webgpu.ts";

/** Small enough that matrices of a few hundred rows are cut in several chunks. */
export const TINY_CHUNK_BYTES = 64 * 1024;

const adapter = await gpuAdapter();
const required = Deno.env.get("EXEMPLAR_REQUIRE_WEBGPU") === "1";

/** Whether tests that need a WebGPU adapter are skipped: there is none, and none is demanded by EXEMPLAR_REQUIRE_WEBGPU=1. */
export const skipWebGpu = !adapter && !required;

/** Which backends a test runs on. */
export interface BackendTestOptions {
  /** Also run it on WebGPU with chunks of {@link TINY_CHUNK_BYTES}, so that matrices are cut. Default false. */
  chunked?: boolean;
  /** Also run it on WebGPU with all searches done by integers, be they ever so small, in the same chunks. Default false. */
  integers?: boolean;
}

/** Registers `run` once a backend: `<name> [cpu]`, `<name> [webgpu]`. */
export function backendTest(
  name: string,
  run: (backend: Backend) => Promise<void> | void,
  options: BackendTestOptions = {},
): void {
  Deno.test(`${name} [cpu]`, async () => await run(await openBackend("cpu")));
  webgpuTest(`${name} [webgpu]`, async () => await run(await openBackend("webgpu")));
  const webgpuTestWith = (how: string, webgpuOptions: WebGpuOptions) =>
    webgpuTest(`${name} [webgpu, ${how}]`, async () => {
      const { WebGpuBackend } = await import("../../src/compute/webgpu.ts");
      using backend = await WebGpuBackend.create(webgpuOptions);
      await run(backend);
    });
  if (options.chunked) webgpuTestWith("tiny chunks", { chunkBytes: TINY_CHUNK_BYTES });
  if (options.integers) webgpuTestWith("integers", { chunkBytes: TINY_CHUNK_BYTES, way: "integers" });
}

/** Registers a test that needs a WebGPU adapter. Where it is skipped, its name says why: `--quiet` hides other output. */
export function webgpuTest(name: string, run: () => Promise<void> | void): void {
  const reason = " (skipped: no WebGPU adapter here; EXEMPLAR_REQUIRE_WEBGPU=1 demands one)";
  Deno.test({ name: skipWebGpu ? name + reason : name, ignore: skipWebGpu, fn: run });
}
