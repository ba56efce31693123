/**
 * The two onnxruntimes, each loaded once and only when asked for: `onnxruntime-node` (native CPU) and `onnxruntime-web`
 * (WebGPU). Both are named here and nowhere else.
 */
import type * as Ort from "npm:onnxruntime-common@1.30.0";

/** The onnxruntime API, the same for both runtimes. */
export type OrtRuntime = typeof Ort;
export type { InferenceSession, Tensor, TypedTensor } from "npm:onnxruntime-common@1.30.0";

/** The version of both. */
export const ORT_VERSION = "1.30.0";

let native: Promise<OrtRuntime> | undefined;
let web: Promise<OrtRuntime> | undefined;

/** onnxruntime-node, for sessions on the CPU. */
export function nativeRuntime(): Promise<OrtRuntime> {
  native ??= import("npm:onnxruntime-node@1.30.0").then((module) => module.default ?? module);
  return native;
}

/** onnxruntime-web, for sessions on WebGPU; its WebAssembly comes from its own package, never from a CDN. */
export function webRuntime(): Promise<OrtRuntime> {
  web ??= import("npm:onnxruntime-web@1.30.0/webgpu").then((runtime: OrtRuntime) => {
    const entry = import.meta.resolve("npm:onnxruntime-web@1.30.0/webgpu");
    runtime.env.wasm.wasmPaths = entry.replace(/[^/]*$/, "");
    return runtime;
  });
  return web;
}
