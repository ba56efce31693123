/**
 * The graph of a model, its weights left in their files: onnxruntime maps those that a session needs. Every session is
 * of a copy of this graph, cut or edited.
 */
import { dirname, join, relative } from "node:path";
import type { BackendName } from "../compute/backend.ts";
import {
  decodeModel,
  ElementType,
  encodeModel,
  type GraphProto,
  type ModelProto,
  type TensorProto,
} from "../compute/onnx/codec.ts";
import type { InferenceSession } from "../compute/ort.ts";
import { type ByteFile, openByteFile } from "../files/byte_file.ts";
import { exists } from "../files/exists.ts";
import { type Dtype, itemBytes, numbersAt, toFloat32 } from "../files/tensor.ts";
import { takeCacheBranch } from "./branches.ts";
import { joinEmbeddings, readsEmbeddings } from "./embeddings.ts";
import { ModelError } from "./error.ts";
import {
  allExternalTensors,
  entryOf,
  externalTensors,
  isOutside,
  lengthOf,
  locationOf,
  setEntry,
  WeightFiles,
} from "./external_data.ts";
import { inlineFunctions } from "./functions.ts";
import { assertShallow, computesInHalf, sortNodes } from "./graph.ts";
import { createSession } from "./runtime.ts";
import { slimModel } from "./slim.ts";
import { nameSums } from "./sums.ts";

/** Weights of models that onnxruntime may copy from their file, laid out to be read fast. */
const PREPACKED = 2 ** 28;

/** Nodes of a graph that onnxruntime optimises; mixtures of a hundred experts a block have more. */
const MOST_OPTIMISED = 20_000;

/** Weights handed to WebGPU at a time: one array of JavaScript cannot hold them all. */
const CHUNK = 2 ** 30;

/** A graph in one form whatever form it came in: token ids in, no local functions, no branches, sums with names. */
export class GraphFile {
  /** Bytes of weights, in files and in the graph. */
  readonly weightBytes: number;

  private constructor(
    /** The graph's file. */
    readonly path: string,
    /** Serialized, so that each session gets a copy of its own. */
    readonly bytes: Uint8Array<ArrayBuffer>,
    /** The folder that locations of weights are relative to. */
    readonly folder: string,
    /** What weights of floating point are widened or narrowed to; by default what they are stored in. */
    readonly held?: FloatType,
  ) {
    this.weightBytes = weightBytes(this.decode().graph!, held);
  }

  /**
   * Reads a graph; opens no session.
   *
   * @param path The decoder's file.
   * @param options `embeddings`: the file that makes embeddings of token ids, for a decoder that reads embeddings.
   * `root`: the model's folder, in which links may lead from file to file; default the graph's.
   * @throws {ModelError} if a file is not an ONNX model, or weights are missing or in another folder.
   */
  static async read(path: string, options: { embeddings?: string; root?: string } = {}): Promise<GraphFile> {
    const { embeddings, root = dirname(path) } = options;
    const decoder = await readSlim(path, root);
    const models = [decoder];
    if (readsEmbeddings(decoder.graph!)) {
      if (embeddings === undefined || !await exists(embeddings)) {
        const wanted = embeddings ?? "embed_tokens.onnx";
        throw new ModelError(
          `Expected a graph of token ids, or "${wanted}" that makes embeddings of them, but "${path}" reads embeddings and ` +
            "there is no such file: fetch it too",
        );
      }
      models.push(await readSlim(embeddings, root));
    }
    return GraphFile.#of(path, models);
  }

  /**
   * A graph that was built over weights in files.
   *
   * @param path The weights' file, for messages.
   * @param model Its weights are references by absolute path; it casts them to what it computes in.
   * @param held What they are held in: on the CPU a session widens those of its products when it opens.
   */
  static of(path: string, model: ModelProto, held: FloatType): GraphFile {
    return GraphFile.#of(path, [model], held);
  }

  /** @param models The decoder, and what makes embeddings for it if it needs that. */
  static #of(path: string, models: readonly ModelProto[], held?: FloatType): GraphFile {
    const [decoder] = models;
    const folder = commonFolder(models.flatMap((model) => allExternalTensors(model).map(locationOf)));
    for (const model of models) {
      for (const tensor of allExternalTensors(model)) {
        setEntry(tensor, "location", relative(folder, locationOf(tensor)));
      }
      inlineFunctions(model);
    }
    if (models.length > 1) joinEmbeddings(decoder, models[1]);
    // Before the sort, as the nodes that a branch holds may stand anywhere; all that follows takes sorted nodes for
    // granted.
    takeCacheBranch(decoder.graph!);
    sortNodes(decoder.graph!);
    dropRingCaches(decoder.graph!);
    nameSums(decoder.graph!);
    return new GraphFile(path, encodeModel(decoder), folder, held);
  }

  /** A copy of the model, to read or to edit. */
  decode(): ModelProto {
    return decodeModel(this.bytes);
  }

  /** A copy of the model changed by `edit`, and how many bytes of weights it needs. */
  edited(edit: (graph: GraphProto) => void): { model: ModelProto; bytes: number } {
    const model = this.decode();
    edit(model.graph!);
    return { model, bytes: weightBytes(model.graph!, this.held) };
  }

  /** Opens a session of a copy. */
  async open(
    device: BackendName,
    model: ModelProto,
    options: InferenceSession.SessionOptions = {},
  ): Promise<InferenceSession> {
    const weights = device === "cpu" ? this.#mapped(model.graph!) : await this.#loaded(model.graph!);
    // onnxruntime's optimisers take the square of a graph's nodes, and more.
    const level = model.graph!.node.length > MOST_OPTIMISED ? { graphOptimizationLevel: "disabled" as const } : {};
    return await createSession(device, encodeModel(model), { ...options, ...weights, ...level });
  }

  /** Weights stay in their files, which onnxruntime maps. */
  #mapped(graph: GraphProto): InferenceSession.SessionOptions {
    const half = computesInHalf(graph);
    const packs = this.weightBytes <= PREPACKED || graph.node.some(({ opType }) => QUANTISED.test(opType));
    const session = {
      model_external_initializers_file_folder_path: this.folder,
      // Prepacking copies each weight of a product into memory of the process, and sums in another order: small models run
      // as onnxruntime runs them by default, bit for bit. Of large ones the weights stay pages of the file, which cost
      // nothing to open anew and which processes share. Quantised products are slow without prepacking. But in half
      // precision onnxruntime 1.30 gives wrong sums with it, once a fused norm is taken apart for a hook.
      ...(packs && !half ? {} : { disable_prepacking: "1" }),
    };
    // A plan of a run's memory, one for each shape of its inputs, holds half as much again as the run needs.
    if (!half) return { extra: { session }, enableMemPattern: this.weightBytes <= PREPACKED };
    return {
      extra: { session },
      // At its last level it also loses two digits in half precision: 3 % of the stream's length in block 0 of Qwen2.5, where
      // the level below gives 0.03 %.
      graphOptimizationLevel: "extended",
      // It widens weights as it runs, in memory that its arena would keep, twice what it needs.
      enableCpuMemArena: this.weightBytes <= PREPACKED,
    };
  }

  /** Reads the weights that a graph uses into memory, from where onnxruntime-web takes them to the GPU. */
  async #loaded(graph: GraphProto): Promise<InferenceSession.SessionOptions> {
    const externalData: { path: string; data: Uint8Array<ArrayBuffer> }[] = [];
    const external = externalTensors(graph);
    const converted = new Map<TensorProto, Dtype>();
    for (const tensor of external) {
      const stored = FLOATS[tensor.dataType];
      // Its WebGPU provider casts no bfloat16.
      const held = this.held ?? (stored === "bfloat16" ? "float32" : stored);
      if (stored === undefined || held === stored) continue;
      converted.set(tensor, stored);
      setEntry(tensor, "length", String(lengthOf(tensor) * itemBytes(held) / itemBytes(stored)));
      tensor.dataType = ElementType[held as FloatType];
    }
    for (const tensors of chunks(external)) {
      const path = `weights.${externalData.length}`;
      const data = new Uint8Array(tensors.reduce((sum, tensor) => sum + lengthOf(tensor), 0));
      let position = 0;
      for (const tensor of tensors) {
        const length = lengthOf(tensor);
        const weight = data.subarray(position, position + length);
        using file = await openByteFile(join(this.folder, entryOf(tensor, "location")!), "a file of weights");
        const offset = Number(entryOf(tensor, "offset") ?? 0);
        const stored = converted.get(tensor);
        if (stored) await convert(file, offset, stored, FLOATS[tensor.dataType] as FloatType, weight);
        else await file.read(offset, weight);
        setEntry(tensor, "location", path);
        setEntry(tensor, "offset", String(position));
        setEntry(tensor, "length", String(length));
        position += length;
      }
      externalData.push({ path, data });
    }
    return externalData.length > 0 ? { externalData } : {};
  }
}

/** What weights may be computed in. */
export type FloatType = "float32" | "float16";

/** Types of floating point by ONNX's codes. */
const FLOATS: Readonly<Record<number, Dtype>> = { 1: "float32", 10: "float16", 16: "bfloat16" };

/** Numbers that are converted at a time. */
const PART = 2 ** 22;

/** Reads numbers of one type of floating point as another. */
async function convert(
  file: ByteFile,
  offset: number,
  from: Dtype,
  to: FloatType,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const count = bytes.length / itemBytes(to);
  for (let start = 0; start < count; start += PART) {
    const some = Math.min(PART, count - start);
    const stored = await file.read(offset + start * itemBytes(from), new Uint8Array(some * itemBytes(from)));
    const numbers = toFloat32({ dtype: from, shape: [some], data: numbersAt(from, stored, 0, some) });
    const held = to === "float32" ? numbers : new Float16Array(numbers);
    bytes.set(new Uint8Array(held.buffer, held.byteOffset, held.byteLength), start * itemBytes(to));
  }
}

/** Products whose weights are quantised. */
const QUANTISED = /^(MatMulNBits|MatMulBnb4|MatMulFpQ4|MatMulInteger\w*|DynamicQuantizeMatMul|QLinearMatMul|QMoE)$/;

/** A model without its large tensors, which become references by absolute path. */
async function readSlim(path: string, root: string): Promise<ModelProto> {
  const real = await Deno.realPath(path);
  using file = await openByteFile(real, "an ONNX model");
  const model = await decodeSlim(file, path);
  for (const { node } of [model.graph!, ...model.functions]) assertShallow(node);
  const files = new WeightFiles({ path, real, root: await Deno.realPath(root) });
  for (const tensor of allExternalTensors(model)) await files.resolve(tensor);
  return model;
}

async function decodeSlim(file: ByteFile, path: string): Promise<ModelProto> {
  try {
    return decodeModel(await slimModel(file, file.path));
  } catch (cause) {
    throw new ModelError(
      `Expected "${path}" to hold an ONNX model but its ${file.size} bytes cannot be read as one: fetch or copy it again`,
      { cause },
    );
  }
}

/** The files beside a graph that hold weights, as the graph names them. */
export async function weightLocations(file: ByteFile, path: string): Promise<string[]> {
  const tensors = allExternalTensors(await decodeSlim(file, path));
  return [...new Set(tensors.map(locationOf))].filter((location) => location !== file.path);
}

/** The deepest folder that holds all of some files. */
function commonFolder(files: readonly string[]): string {
  const folders = [...new Set(files.map(dirname))];
  let common = folders[0] ?? "/";
  for (const folder of folders) while (isOutside(common, folder)) common = dirname(common);
  return common;
}

/**
 * A local block's cache that keeps its window only must have room for the whole window from the start. Told to keep
 * all, the same attention over the same window takes an empty one.
 */
function dropRingCaches(graph: GraphProto): void {
  for (const node of graph.node) {
    if (node.opType !== "GroupQueryAttention") continue;
    node.attribute = node.attribute.filter(({ name }) => name !== "sliding_window_cache");
  }
}

/** Bytes that a graph's weights take when they are held in a type. */
function weightBytes(graph: GraphProto, held?: FloatType): number {
  const bytesOf = (tensor: TensorProto) => {
    const stored = FLOATS[tensor.dataType];
    return lengthOf(tensor) * (held && stored ? itemBytes(held) / itemBytes(stored) : 1);
  };
  const outside = externalTensors(graph).reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  return graph.initializer.reduce((sum, { rawData }) => sum + rawData.length, outside);
}

function* chunks(tensors: readonly TensorProto[]): Generator<TensorProto[]> {
  let chunk: TensorProto[] = [];
  let bytes = 0;
  for (const tensor of tensors) {
    if (chunk.length > 0 && bytes + lengthOf(tensor) > CHUNK) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(tensor);
    bytes += lengthOf(tensor);
  }
  if (chunk.length > 0) yield chunk;
}
