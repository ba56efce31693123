/**
 * The GPU: one device for the whole process, so that a model's captured activations and our kernels can meet in one
 * place. onnxruntime-web takes a device per session, in its execution provider's options ({@link webgpuProvider}); the
 * kernels alone never load it.
 */

// What onnxruntime-web asks for when it makes a device itself; its kernels are slower without.
const USEFUL_FEATURES = ["shader-f16", "subgroups"] as const;

// WebGPU's defaults are 128 MiB a binding, 256 MiB a buffer and 16 KiB of workgroup memory: large models need more.
const RAISED_LIMITS = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
] as const;

// More than anyone nests.
const MAX_SCOPES = 16;

/**
 * A failure of the GPU: there is none, or it reported one after the call that caused it.
 *
 * @example Falls back where there is no adapter
 * ```ts
 * import { openBackend } from "./open.ts";
 *
 * const backend = await openBackend("webgpu").catch((error) => {
 *   if (error instanceof GpuError) return openBackend("cpu");
 *   throw error;
 * });
 * if (!["cpu", "webgpu"].includes(backend.name)) throw new Error(backend.name);
 * ```
 */
export class GpuError extends Error {
  /** Tells it from other errors. */
  override name = "GpuError";
}

let device: Promise<GPUDevice> | undefined;
// Failures that the GPU has reported, how many of them were thrown, and the first that was not.
let failures = 0;
let thrown = 0;
let failure = "";
let lost = false;

/** The adapter that `gpuDevice` would use, or `undefined` when there is none. */
export async function gpuAdapter(): Promise<GPUAdapter | undefined> {
  quietWayland();
  return await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/**
 * The Vulkan loader brings libwayland along, which prints two errors where no desktop session has set XDG_RUNTIME_DIR,
 * as in a container. Nothing is drawn here, so any folder will do; without the permission the errors stay.
 */
function quietWayland(): void {
  const name = "XDG_RUNTIME_DIR";
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  if (Deno.build.os === "linux" && state === "granted" && !Deno.env.get(name)) Deno.env.set(name, "/tmp");
}

/**
 * The process's GPU device, with the largest limits that the adapter has. Every call gives the same one.
 *
 * @throws {GpuError} if there is no adapter.
 */
export function gpuDevice(): Promise<GPUDevice> {
  device ??= requestDevice();
  return device;
}

/**
 * The execution provider for onnxruntime-web sessions, on the same device as the kernels. Pass it as
 * `executionProviders: [await webgpuProvider()]`, in every session: one that names only `"webgpu"` makes a device of
 * its own, whose buffers our kernels cannot read.
 *
 * @throws {GpuError} if there is no adapter.
 */
export async function webgpuProvider(): Promise<{ readonly name: "webgpu"; readonly device: GPUDevice }> {
  return { name: "webgpu", device: await gpuDevice() };
}

/** How many failures the GPU has reported so far. */
export function gpuFailures(): number {
  return failures;
}

/**
 * Throws what the GPU has reported: invalid commands, memory that ran out, a lost device. Whoever reads results back
 * calls this first, so that a failed kernel never passes for an answer. The GPU does not say whose command failed: a
 * failure is thrown to every reader that was waiting, or else to the next one.
 *
 * @param since {@link gpuFailures} when the reader began; default: only what nobody was told yet.
 * @throws {GpuError} if anything failed since then, or before and nobody was told.
 */
export function throwGpuFailure(since = thrown): void {
  if (!lost && failures === Math.min(since, thrown)) return;
  thrown = failures;
  throw new GpuError(failure);
}

/**
 * Closes the error scopes that someone else's failed call left open on the device: until then they keep every failure
 * from {@link throwGpuFailure}. Nobody else may be using scopes now; our kernels never do.
 *
 * @returns The first failure that they held, if any.
 */
export async function closeErrorScopes(): Promise<string | undefined> {
  const granted = await gpuDevice();
  let held: GPUError | undefined;
  let open = true;
  // A lost device never says that no more are open.
  for (let i = 0; open && i < MAX_SCOPES; i++) {
    const error = await granted.popErrorScope().catch(() => void (open = false));
    held ??= error ?? undefined;
  }
  return held?.message;
}

/** The adapter in words, for run manifests. */
export function describeAdapter(info: GPUAdapterInfo): string {
  const parts = [info.vendor, info.architecture, info.device].filter((part) => part !== "");
  const name = info.description || parts.join(" ") || "unnamed adapter";
  return isSoftwareAdapter(info) ? `${name} (software)` : name;
}

/** Whether the adapter computes on the CPU. Such an adapter is right but far slower than the CPU backend. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  // The specification has the flag; older runtimes do not, hence the names.
  return info.isFallbackAdapter === true ||
    /llvmpipe|lavapipe|swiftshader|microsoft basic render/i.test(info.description);
}

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await gpuAdapter();
  if (!adapter) {
    throw new GpuError(
      'Expected a WebGPU adapter but this machine has none: install a Vulkan, Metal or Direct3D 12 driver, or choose the "cpu" backend',
    );
  }
  const granted = await adapter.requestDevice({
    label: "exemplar",
    requiredFeatures: USEFUL_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  granted.addEventListener("uncapturederror", (event) => {
    // The first failure is the cause; what follows is usually its consequence.
    if (failures === thrown) failure = sentence((event as GPUUncapturedErrorEvent).error);
    failures++;
  });
  granted.lost.then((info) => {
    lost = true;
    failure = `The GPU device was lost (${info.reason}: ${info.message}): run again, or choose the "cpu" backend`;
  });
  return granted;
}

function sentence(error: GPUError): string {
  const what = error.message.trim().replaceAll(/\s+/g, " ");
  if (error instanceof GPUOutOfMemoryError) {
    return `The GPU ran out of memory (${what}): use smaller batches, or choose the "cpu" backend`;
  }
  return `The GPU refused a command, so its results cannot be trusted (${what}): choose the "cpu" backend`;
}
