/**
 * The two onnxruntimes, each loaded once and only when asked for: `onnxruntime-node` (native CPU) and `onnxruntime-web`
 * (WebGPU). Both are named here and nowhere else.
 */
import type * as Ort from "npm:onnxruntime-common@1.30.0";
import type { Tensor } from "npm:onnxruntime-common@1.30.0";

/** The onnxruntime API, the same for both runtimes. */
export type OrtRuntime = typeof Ort;
export type { InferenceSession, Tensor, TypedTensor } from "npm:onnxruntime-common@1.30.0";

/** The version of both. */
export const ORT_VERSION = "1.30.0";

/**
 * Options of every native session: threads that wait for each other sleep. By default they spin, and take the cores from
 * whatever else runs, be it the next piece of the same work. `extra` goes with what else stands there: spread it, too.
 */
export const SLEEPING = { extra: { "session.intra_op.allow_spinning": "0" } } as const;

/**
 * Frees the copy that onnxruntime-node makes of an output, also where it wrote it into an array that was given for it.
 * Otherwise the copies wait for the collector, which comes all the more often: percentiles took a fifth longer.
 *
 * @param given The buffer that it wrote into.
 */
export function freeCopy({ data }: Tensor, given: ArrayBuffer): void {
  // Moved into a buffer of no length, the memory is given back.
  if (ArrayBuffer.isView(data) && data.buffer !== given) (data.buffer as ArrayBuffer).transfer(0);
}

let native: Promise<OrtRuntime> | undefined;
let web: Promise<OrtRuntime> | undefined;

/**
 * onnxruntime-node, for sessions on the CPU.
 *
 * @throws {Error} A sentence if its reports to its maker cannot be turned off.
 */
export function nativeRuntime(): Promise<OrtRuntime> {
  keepNativeQuiet();
  native ??= import("npm:onnxruntime-node@1.30.0").then((module) => module.default ?? module);
  return native;
}

/**
 * Turns off the reports that onnxruntime's native code sends to its maker, past Deno's permissions, and the files that
 * it keeps for them in the user's folder of caches. To be called before anything imports onnxruntime-node: it looks
 * once.
 *
 * @throws {Error} A sentence if the program may not set environment variables.
 */
export function keepNativeQuiet(): void {
  try {
    Deno.env.set("ORT_DISABLE_TELEMETRY", "1");
  } catch (cause) {
    throw new Error(
      "Expected the permission to set ORT_DISABLE_TELEMETRY, without which onnxruntime reports to its maker, but there is " +
        "none: run with --allow-env=ORT_DISABLE_TELEMETRY",
      { cause },
    );
  }
}

/**
 * onnxruntime-web, for sessions on WebGPU; its WebAssembly comes from its own package, never from a CDN.
 *
 * Its calls wait for the GPU in the middle of WebAssembly. Engines that can put WebAssembly aside (JSPI) get the build that
 * leaves it to them, which is two thirds as large as the one that does so itself and opens models in three quarters of the
 * time.
 */
export function webRuntime(): Promise<OrtRuntime> {
  web ??=
    ("Suspending" in WebAssembly
      ? import("npm:onnxruntime-web@1.30.0/jspi")
      : import("npm:onnxruntime-web@1.30.0/webgpu")).then((runtime: OrtRuntime) => {
        // Both builds' files lie in one folder.
        const entry = import.meta.resolve("npm:onnxruntime-web@1.30.0/webgpu");
        runtime.env.wasm.wasmPaths = entry.replace(/[^/]*$/, "");
        return runtime;
      });
  return web;
}
