import type { Backend, BackendChoice } from "./backend.ts";
import type { CpuBackend } from "./cpu.ts";
import { gpuAdapter, isSoftwareAdapter } from "./device.ts";
import { assertKind } from "./kinds.ts";
import type { WebGpuBackend } from "./webgpu.ts";

let cpu: Promise<CpuBackend> | undefined;
let webgpu: Promise<WebGpuBackend> | undefined;

/**
 * The backend to compute on; one a process of each kind, loaded when first asked for.
 *
 * @param choice `"auto"` (default) takes WebGPU on a real GPU and the CPU otherwise; `"webgpu"` takes any adapter, a
 * software one too; a backend is given as it is.
 * @throws {GpuError} if `"webgpu"` was chosen and there is no adapter.
 * @throws {RangeError} for another name. @throws {TypeError} for what is neither a name nor a backend.
 *
 * @example
 * ```ts
 * const backend = await openBackend("cpu");
 * if (backend !== await openBackend("cpu")) throw new Error("one a process");
 * ```
 */
export async function openBackend(choice: BackendChoice | Backend = "auto"): Promise<Backend> {
  if (typeof choice !== "string") {
    assertKind("the backend", choice, ["string", "backend"]);
    return choice;
  }
  switch (choice) {
    case "cpu":
      return await openCpu();
    case "webgpu":
      return await openWebGpu();
    case "auto": {
      const adapter = await gpuAdapter();
      return adapter && !isSoftwareAdapter(adapter.info) ? await openWebGpu() : await openCpu();
    }
    default:
      throw new RangeError(`Expected the backend "auto", "cpu" or "webgpu" but found ${JSON.stringify(choice)}`);
  }
}

// Imported on demand: a process that computes on one backend never loads the other's runtime.
function openCpu(): Promise<CpuBackend> {
  cpu ??= import("./cpu.ts").then(({ CpuBackend }) => new CpuBackend());
  return cpu;
}

function openWebGpu(): Promise<WebGpuBackend> {
  webgpu ??= import("./webgpu.ts").then(({ WebGpuBackend }) => WebGpuBackend.create());
  return webgpu;
}
