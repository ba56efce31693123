/** The graph file of a model: its interface, and sessions of it, whole or edited. */
import { basename, dirname, join } from "node:path";
import type { BackendName } from "../compute/backend.ts";
import {
  decodeModel,
  ElementType,
  encodeModel,
  type GraphProto,
  type ModelProto,
  type ValueInfoProto,
} from "../compute/onnx/codec.ts";
import type { InferenceSession } from "../compute/ort.ts";
import { exists } from "../files/exists.ts";
import { ModelError } from "./error.ts";
import { findStreams, nameSums } from "./residual.ts";
import { createSession, type ModelSource } from "./runtime.ts";

/** An input or output of a graph, as onnxruntime describes it. */
export interface TensorMetadata {
  readonly name: string;
  readonly isTensor: true;
  readonly type: "float32" | "float16" | "int64" | "int32" | "bool" | "uint8" | "int8";
  /** Sizes, and names of the dynamic ones. */
  readonly shape: readonly (number | string)[];
}

/** What a graph says about itself. */
export interface ModelGraph {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  /** Names of the residual stream after each block. */
  readonly streams: readonly string[];
  /** Whether attention counts real tokens from the left, so that padding must not stand there. */
  readonly leftAligned: boolean;
}

/** A graph file on a device. The decoded graph is never kept: it is read again for each session. */
export class ModelFile {
  private constructor(
    readonly source: ModelSource,
    readonly device: BackendName,
    readonly graph: ModelGraph,
  ) {}

  /**
   * Reads what the graph says about itself; opens no session.
   *
   * @throws {ModelError} if the file is not an ONNX model, or has no residual stream.
   */
  static async read(source: ModelSource, device: BackendName): Promise<ModelFile> {
    const model = await decode(source);
    const graph = model.graph!;
    if (typeof source === "string") await assertWeights(model, source);
    nameSums(graph);
    const constants = new Set(graph.initializer.map((tensor) => tensor.name));
    return new ModelFile(source, device, {
      inputs: graph.input.filter((input) => !constants.has(input.name)).map(metadata),
      outputs: graph.output.map(metadata),
      streams: findStreams(graph),
      // GroupQueryAttention knows only the number of tokens of a row (`seqlens_k`), not which they are.
      leftAligned: graph.node.some((node) => node.opType === "GroupQueryAttention"),
    });
  }

  /** Opens the graph, changed by `edit` first if given. */
  async open(
    edit?: (graph: GraphProto) => void,
    options: InferenceSession.SessionOptions = {},
  ): Promise<InferenceSession> {
    const { source, device } = this;
    if (!edit && device === "cpu") return await createSession(device, source, options);
    const model = await decode(source);
    if (edit) {
      nameSums(model.graph!);
      edit(model.graph!);
    }
    const weights = typeof source === "string" ? await externalWeights(model, dirname(source), device) : {};
    return await createSession(device, encodeModel(model), { ...options, ...weights });
  }
}

async function decode(source: ModelSource): Promise<ModelProto> {
  const bytes = typeof source === "string" ? await Deno.readFile(source) : source;
  try {
    return decodeModel(bytes);
  } catch (cause) {
    const where = typeof source === "string" ? `"${source}"` : "the model's file";
    throw new ModelError(
      `Expected ${where} to hold an ONNX model but its ${bytes.length} bytes cannot be read as one: fetch or copy it again`,
      { cause },
    );
  }
}

/** Files beside the graph that hold weights. */
function weightFiles(model: ModelProto): string[] {
  const entries = model.graph!.initializer.flatMap((tensor) => tensor.externalData);
  return [...new Set(entries.filter(({ key }) => key === "location").map(({ value }) => value))];
}

/** Throws unless the files with weights are beside the graph, and nowhere else. */
async function assertWeights(model: ModelProto, path: string): Promise<void> {
  for (const file of weightFiles(model)) {
    if (basename(file) === file && await exists(join(dirname(path), file))) continue;
    throw new ModelError(
      `Expected the weights of "${path}" in "${file}" beside it but there is no such file: fetch it too`,
    );
  }
}

/** Session options that lead to weights in files beside the graph. Only WebGPU needs them in memory. */
async function externalWeights(
  model: ModelProto,
  folder: string,
  device: BackendName,
): Promise<InferenceSession.SessionOptions> {
  const files = weightFiles(model);
  if (files.length === 0) return {};
  if (device === "cpu") return { extra: { session: { model_external_initializers_file_folder_path: folder } } };
  const read = async (path: string) => ({ path, data: await Deno.readFile(join(folder, path)) });
  return { externalData: await Promise.all(files.map(read)) };
}

const typeNames = new Map(Object.entries(ElementType).map(([name, code]) => [code as number, name]));

function metadata(value: ValueInfoProto): TensorMetadata {
  const tensor = value.type?.tensorType;
  return {
    name: value.name,
    isTensor: true,
    type: (typeNames.get(tensor?.elemType ?? 0) ?? "float32") as TensorMetadata["type"],
    shape: (tensor?.shape?.dim ?? []).map(({ value }) =>
      value.case === "dimValue" ? Number(value.value) : value.value ?? ""
    ),
  };
}
