/** Where the files of a model are: in a folder, or fetched from the hub into the cache that Python's tools share. */
import { join, resolve } from "node:path";
import { openByteFile } from "../files/byte_file.ts";
import { exists } from "../files/exists.ts";
import { hubFile, HubNotFoundError } from "../files/hub.ts";
import type { Config } from "./config.ts";
import { ModelError } from "./error.ts";
import { weightLocations } from "./graph_file.ts";
import type { Dtype, LoadOptions } from "./types.ts";

/** What a model folder holds, for messages. */
export const LAYOUT = "config.json, tokenizer.json, tokenizer_config.json and onnx/model.onnx";

/** How the graph file of a storage type is called. */
export const suffixes: Record<Dtype, string> = {
  fp32: "",
  fp16: "_fp16",
  q8: "_quantized",
  q4: "_q4",
  q4f16: "_q4f16",
  int8: "_int8",
  uint8: "_uint8",
  bnb4: "_bnb4",
};

/** The files of one model, by path. */
export interface ModelFiles {
  readonly folder: string;
  readonly config: Config;
  readonly generationConfig?: Config;
  /** The decoder's graph. */
  readonly graph: string;
  /** Where the graph is that makes embeddings, if the decoder needs one. */
  readonly embeddings: string;
}

/** Gives a file of the model by its path in the folder; undefined if there is none. */
type Find = (path: string) => Promise<string | undefined>;

/**
 * Finds a model's files.
 *
 * @throws {ModelError} if the folder lacks one, the hub cannot give it, or a JSON file is none.
 */
export async function findModelFiles(
  id: string,
  dtype: Dtype,
  onDownload: LoadOptions["onDownload"],
): Promise<ModelFiles> {
  const folder = resolve(id);
  if (await exists(folder)) return await collect(folder, dtype, inFolder(folder), `"${folder}" to be a model folder`);
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(id)) {
    throw new ModelError(
      `Expected a model folder at "${folder}" but there is none: give a folder with ${LAYOUT}, or a hub id`,
    );
  }
  return await collect(undefined, dtype, onHub(id, onDownload), `"${id}" on huggingface.co to be a model`);
}

function inFolder(folder: string): Find {
  return async (path) => await exists(join(folder, path)) ? join(folder, path) : undefined;
}

function onHub(repo: string, onDownload: LoadOptions["onDownload"]): Find {
  return async (path) => {
    try {
      return await hubFile({
        repo,
        path,
        onProgress: ({ received, total }) => onDownload?.(path, received, total ?? received),
      });
    } catch (cause) {
      if (cause instanceof HubNotFoundError) return undefined;
      throw new ModelError(
        `Expected to fetch "${repo}" from huggingface.co but could not (${
          (cause as Error).message
        }): check the id and ` +
          `the connection, or give the path of a local folder with ${LAYOUT}`,
        { cause },
      );
    }
  };
}

async function collect(folder: string | undefined, dtype: Dtype, find: Find, expected: string): Promise<ModelFiles> {
  const need = async (path: string) => {
    const found = await find(path);
    if (found) return found;
    throw new ModelError(`Expected ${expected} but it has no ${path}: it needs ${LAYOUT}`);
  };
  const config = await need("config.json");
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) await need(file);
  const generation = await find("generation_config.json");
  for (const file of ["chat_template.jinja", "special_tokens_map.json"]) await find(file);
  const suffix = suffixes[dtype];
  const names = [`onnx/model${suffix}.onnx`, `onnx/decoder_model_merged${suffix}.onnx`, `model${suffix}.onnx`];
  let graph: string | undefined;
  for (const name of names) graph ??= await find(name);
  if (!graph) {
    const others = folder ? await graphsIn(folder) : [];
    throw new ModelError(
      `Expected ${expected} but it has no ${names[0]}, the graph of dtype ${dtype}` +
        (others.length > 0 ? `: it has ${others.join(", ")}; ask for the dtype of one` : `: it needs ${LAYOUT}`),
    );
  }
  const name = names.find((name) => graph!.endsWith(name))!;
  const embeddings = await find(`onnx/embed_tokens${suffix}.onnx`);
  for (const file of [graph, ...embeddings ? [embeddings] : []]) {
    const beside = name.includes("/") ? "onnx/" : "";
    for (const location of await locationsIn(file)) await find(`${beside}${location}`);
  }
  return {
    folder: folder ?? join(config, ".."),
    config: await readJson(config),
    ...(generation ? { generationConfig: await readJson(generation) } : {}),
    graph,
    embeddings: embeddings ?? join(graph, "..", `embed_tokens${suffix}.onnx`),
  };
}

/** The graphs that a folder has. */
async function graphsIn(folder: string): Promise<string[]> {
  const places = await exists(join(folder, "onnx")) ? ["onnx", "."] : ["."];
  const found: string[] = [];
  for (const place of places) {
    for await (const { name } of Deno.readDir(join(folder, place))) {
      if (name.endsWith(".onnx")) found.push(join(place, name));
    }
  }
  return found.sort();
}

async function locationsIn(path: string): Promise<string[]> {
  using file = await openByteFile(await Deno.realPath(path), "an ONNX model");
  return await weightLocations(file, path);
}

async function readJson(path: string): Promise<Config> {
  try {
    const value = JSON.parse(await Deno.readTextFile(path));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw new SyntaxError("it is no object");
  } catch (cause) {
    throw new ModelError(
      `Expected "${path}" to hold a JSON object but could not read one (${(cause as Error).message}): fetch it again`,
      { cause },
    );
  }
}
