/** The embedded model and plain onnxruntime sessions of its untouched file, to compare with. */
import type { BackendName } from "../../src/compute/backend.ts";
import { decodeModel, encodeModel, type GraphProto } from "../../src/compute/onnx/codec.ts";
import type { Tensor } from "../../src/compute/ort.ts";
import { promptFeeds } from "../../src/model/feeds.ts";
import { ModelFile } from "../../src/model/model_file.ts";
import { createSession, runtimeFor } from "../../src/model/runtime.ts";
import { pad } from "../../src/model/tokens.ts";
import type { Intervention, LanguageModel } from "../../src/model/types.ts";

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

/** Runs the untouched file (or an edit of it) with onnxruntime alone and gives the outputs named. */
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
  edit?.(model.graph!);
  const session = await createSession(device, encodeModel(model));
  const file = await ModelFile.read(path, device);
  const inputs = file.graph.inputs.filter((input) => session.inputNames.includes(input.name));
  const feeds = promptFeeds(await runtimeFor(device), inputs, pad(batch, "right", 0), 0);
  const result = await session.run({ ...feeds, ...extra }, outputs);
  await session.release();
  return Object.fromEntries(outputs.map((name) => [name, result[name].data as Float32Array<ArrayBuffer>]));
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
