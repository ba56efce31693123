/** The embedded model and plain onnxruntime sessions of its untouched file, to compare with. */
import type { BackendName } from "../../src/compute/mod.ts";
import type { Intervention, LanguageModel, Residual } from "../../src/model/mod.ts";
import { decodeModel, encodeModel, externalEntry, type GraphProto } from "../../src/compute/onnx/codec.ts";
import { gpuDevice } from "../../src/compute/device.ts";
import type { Tensor } from "../../src/compute/ort.ts";
import { headSizes } from "../../src/model/config.ts";
import { tokenFeeds } from "../../src/model/feeds.ts";
import { describeInterface } from "../../src/model/interface.ts";
import { float32 } from "../../src/model/outputs.ts";
import { createSession, runtimeFor } from "../../src/model/runtime.ts";
import { pad } from "../../src/model/tokens.ts";

export const TOY = new URL("../../fixtures/gemma-2-toy", import.meta.url).pathname;
export const TOY_IT = new URL("../../fixtures/gemma-2-toy-it", import.meta.url).pathname;
export const DIM = 192;

/** onnxruntime's own threads and buffers outlive a test. */
export const ORT_TEST = { sanitizeOps: false, sanitizeResources: false } as const;

/** Prompts of different lengths. */
export function prompts(model: LanguageModel): Int32Array[] {
  return ["The king", "def add(a, b):\n    return a", "Natalia sold 48 clips to her friends in April."].map((text) =>
    model.encode(text)
  );
}

/** Runs the untouched file (or an edit of it) with onnxruntime alone and gives the outputs named, as float32. */
export async function runPlain(
  folder: string,
  device: BackendName,
  batch: readonly Int32Array[],
  outputs: readonly string[],
  edit?: (graph: GraphProto) => void,
  extra: Record<string, Tensor> = {},
): Promise<Record<string, Float32Array<ArrayBuffer>>> {
  const path = `${folder}/onnx/model.onnx`;
  const model = decodeModel(await Deno.readFile(path));
  const io = describeInterface(model.graph!, headSizes(JSON.parse(await Deno.readTextFile(`${folder}/config.json`))));
  edit?.(model.graph!);
  const session = await createSession(device, edit ? encodeModel(model) : path);
  const feeds = tokenFeeds(await runtimeFor(device), io, session.inputNames, pad(batch, "right", 0), 0);
  const result = await session.run({ ...feeds, ...extra }, outputs);
  await session.release();
  return Object.fromEntries(outputs.map((name) => [name, float32(result[name])]));
}

/** Tensors of the untouched graph, read by making them outputs of it. */
export async function plainTensors(
  folder: string,
  device: BackendName,
  batch: readonly Int32Array[],
  names: readonly string[],
): Promise<Record<string, Float32Array<ArrayBuffer>>> {
  return await runPlain(folder, device, batch, names, (graph) => {
    const known = new Set(graph.output.map(({ name }) => name));
    // Without a type: onnxruntime infers it.
    for (const name of names) if (!known.has(name)) graph.output.push({ ...graph.output[0], name, type: undefined });
  });
}

/** Fails at the first number that is not the same; assertEquals takes gigabytes to show all of a few hundred thousand. */
export function assertSameBits(actual: ArrayLike<number>, expected: ArrayLike<number>, what = "values"): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} numbers, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) throw new Error(`${what}: number ${i} is ${actual[i]}, not ${expected[i]}`);
  }
}

/** Largest difference at the positions that hold tokens; `stride` values a position. */
export function largestDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  batch: readonly Int32Array[],
  stride: number,
): number {
  const width = Math.max(...batch.map((prompt) => prompt.length));
  let largest = 0;
  batch.forEach((prompt, i) => {
    for (let at = i * width * stride; at < (i * width + prompt.length) * stride; at++) {
      const difference = Math.abs(a[at] - b[at]);
      if (!(difference <= largest)) largest = difference;
    }
  });
  return largest;
}

/** A direction that the toy has no special use for. */
export function direction(seed: number): Float32Array {
  return Float32Array.from({ length: DIM }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233));
}

/** Interventions at every layer, to have every hook installed. */
export function everywhere(model: LanguageModel): Intervention[] {
  return Array.from(
    { length: model.layers },
    (_, layer) => ({ layer, steer: { direction: direction(layer), alpha: 1 } }),
  );
}

/** Writes a model folder around a graph, with the toy's tokenizer, and gives its path. */
export async function writeModelFolder(bytes: Uint8Array, config: Record<string, unknown>): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/onnx`);
  await Deno.writeFile(`${folder}/onnx/model.onnx`, bytes);
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(`${TOY}/${file}`, `${folder}/${file}`);
  }
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
  return folder;
}

/** A serialized model with its weights in files of their own, dealt out in turn, and what these files hold. */
export function weightsApart(
  bytes: Uint8Array,
  ...locations: readonly string[]
): { graph: Uint8Array<ArrayBuffer>; weights: Blob[] } {
  const model = decodeModel(bytes);
  const files = locations.map((location) => ({ location, parts: [] as Uint8Array<ArrayBuffer>[], offset: 0 }));
  for (const [i, tensor] of model.graph!.initializer.entries()) {
    const { rawData } = tensor;
    const file = files[i % files.length];
    const entries = { location: file.location, offset: String(file.offset), length: String(rawData.length) };
    tensor.externalData = Object.entries(entries).map(([key, value]) => externalEntry(key, value));
    tensor.dataLocation = 1;
    tensor.rawData = new Uint8Array(0);
    file.parts.push(rawData as Uint8Array<ArrayBuffer>);
    file.offset += rawData.length;
  }
  return { graph: encodeModel(model), weights: files.map(({ parts }) => new Blob(parts)) };
}

/** The values of captured activations on the host, wherever they are; gives a device buffer back. */
export async function valuesOf(captured: Residual, positions: number): Promise<Float32Array<ArrayBuffer>> {
  const values = captured.data ?? await download(captured.buffer!, positions * captured.dim);
  captured.dispose();
  return values;
}

async function download(buffer: GPUBuffer, length: number): Promise<Float32Array<ArrayBuffer>> {
  const device = await gpuDevice();
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: length * 4, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, length * 4);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}
