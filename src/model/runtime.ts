/**
 * One ONNX runtime for transformers.js: native on the CPU, onnxruntime-web on WebGPU, chosen a session at a time. A
 * process can hold models of both kinds at once. transformers.js is named here and nowhere else.
 */
import type * as Transformers from "npm:@huggingface/transformers@4.3.1";
import type { BackendName } from "../compute/backend.ts";
import { webgpuProvider } from "../compute/device.ts";
import {
  type InferenceSession,
  keepNativeQuiet,
  nativeRuntime,
  type OrtRuntime,
  SLEEPING,
  type Tensor as OnnxValue,
  webRuntime,
} from "../compute/ort.ts";
import { readWhole } from "../files/byte_file.ts";
import { ModelError } from "./error.ts";
import { createWebSession } from "./web_session.ts";

/** transformers.js. */
export type TransformersModule = typeof Transformers;
export type { PreTrainedModel, PreTrainedTokenizer } from "npm:@huggingface/transformers@4.3.1";

/** A model: where its file is, or its bytes. */
export type ModelSource = string | Uint8Array;
type SessionOptions = InferenceSession.SessionOptions;

/** Where transformers.js looks for a runtime when it is first imported. */
const slot: unique symbol = Symbol.for("onnxruntime");
/** Tells our environment from any other, also in the copy that transformers.js makes of it. */
const mark: unique symbol = Symbol("exemplar");

/** The onnxruntime of a device. */
export function runtimeFor(device: BackendName): Promise<OrtRuntime> {
  return device === "webgpu" ? webRuntime() : nativeRuntime();
}

/**
 * Opens a session on a device. `model` is a path or a serialized model. WebGPU runs wait for each other, and end in a
 * GpuError where WebGPU refuses them, or a command in them, or runs out of memory.
 *
 * @throws {GpuError} if WebGPU refuses it.
 */
export async function createSession(
  device: BackendName,
  model: ModelSource,
  options: SessionOptions = {},
): Promise<InferenceSession> {
  const runtime = await runtimeFor(device);
  const executionProviders = [device === "webgpu" ? await webgpuProvider() : device];
  // onnxruntime-web takes a string for a URL. `create` is overloaded for paths and bytes, one signature each.
  const source = (device === "webgpu" && typeof model === "string" ? await readWhole(model) : model) as string;
  // A model asks for more of its own there.
  const extra = device === "webgpu" ? options.extra : { ...SLEEPING.extra, ...options.extra };
  const settings = { logSeverityLevel: 4, ...options, extra, executionProviders } as const;
  const create = () => runtime.InferenceSession.create(source, settings);
  return device === "webgpu" ? await createWebSession(create) : takingHalves(await create());
}

/** A native session that takes half precision as its outputs have it: by itself it finds a Float16Array empty. */
function takingHalves(session: InferenceSession): InferenceSession {
  const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
  session.run = (feeds: InferenceSession.FeedsType, ...rest: unknown[]) =>
    run(Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, asIntegers(tensor)])), ...rest);
  return session;
}

function asIntegers(tensor: OnnxValue): OnnxValue {
  if (tensor.type !== "float16" || !(tensor.data instanceof Float16Array)) return tensor;
  const { buffer, byteOffset, length } = tensor.data;
  return Object.create(tensor, { data: { value: new Uint16Array(buffer, byteOffset, length) } });
}

/** Session options that leave outputs where the device computes them, as `gpu-buffer` tensors on WebGPU. */
export function keepOnDevice(device: BackendName, outputs: readonly string[]): SessionOptions {
  if (device === "cpu") return {};
  return { preferredOutputLocation: Object.fromEntries(outputs.map((name) => [name, "gpu-buffer"] as const)) };
}

/**
 * Each runtime, and transformers.js itself, has a Tensor class of its own: any of them counts as a tensor here. They
 * are told from transformers.js's wrapper by `getData`.
 */
class AnyTensor {
  static [Symbol.hasInstance](x: unknown): boolean {
    return x instanceof Object && "getData" in x && "dims" in x && "location" in x;
  }
}

/** What we give transformers.js for `onnxruntime`. Sessions of its own are opened as they would have been. */
const injected = {
  InferenceSession: {
    async create(source: ModelSource, options: SessionOptions = {}): Promise<InferenceSession> {
      const web = options.executionProviders?.some((p) => (typeof p === "string" ? p : p.name) === "webgpu");
      return await createSession(web ? "webgpu" : "cpu", source, options);
    },
  },
  Tensor: AnyTensor,
  // transformers.js writes its preferences here; they must not reach the real runtimes.
  env: { [mark]: true, wasm: {}, webgpu: {}, versions: {} },
};

let transformers: Promise<TransformersModule> | undefined;

/**
 * transformers.js, on our runtime. It reads the runtime once, when it is first imported.
 *
 * @throws {ModelError} if the program had put another runtime in place, or had imported transformers.js before.
 */
export function loadTransformers(): Promise<TransformersModule> {
  transformers ??= importTransformers();
  return transformers;
}

async function importTransformers(): Promise<TransformersModule> {
  const globals = globalThis as { [slot]?: unknown };
  if (slot in globals) {
    throw new ModelError(
      'Expected globalThis[Symbol.for("onnxruntime")] to be free but the program has set it: ' +
        "call loadModel before anything else provides transformers.js with a runtime",
    );
  }
  // It loads onnxruntime-node itself, even if nothing is computed there.
  keepNativeQuiet();
  globals[slot] = injected;
  try {
    const module = await import("npm:@huggingface/transformers@4.3.1");
    if (!(mark in module.env.backends.onnx)) {
      throw new ModelError(
        "Expected to be the first to import @huggingface/transformers@4.3.1 but the program had imported it before, " +
          "so its models cannot be hooked: import it with `await import(...)` after the first loadModel",
      );
    }
    return module;
  } finally {
    // Another version of transformers.js, imported later by the program, gets its own runtime.
    delete globals[slot];
  }
}
