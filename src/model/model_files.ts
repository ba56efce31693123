/** Where the files of a model are: in a folder, or on the hub and then in a cache. */
import { resolve } from "node:path";
// Paths in a repository have slashes, on Windows too.
import { dirname, join } from "node:path/posix";
import { openByteFile } from "../files/byte_file.ts";
import { exists } from "../files/exists.ts";
import { otherThanFile, readText } from "../files/open.ts";
import { HubError, HubNotFoundError, HubRepositoryNotFoundError } from "../hub/errors.ts";
import { type RepoFiles, useRepository } from "../hub/repository.ts";
import { assertUnderstood, isKnownFamily } from "./architectures/checkpoint.ts";
import { STORAGES } from "./architectures/net.ts";
import { CHECKPOINT_FILES, weightFiles } from "./architectures/tensors.ts";
import type { Config } from "./config.ts";
import { dtypeOfFile, suffixes } from "./dtypes.ts";
import { ModelError } from "./error.ts";
import { exportsOf } from "./exports.ts";
import { weightLocations } from "./graph_file.ts";
import { missingGraph } from "./missing_graph.ts";
import type { Dtype, LoadOptions } from "./types.ts";

/** What a model folder holds, for messages. */
export const LAYOUT = "config.json, tokenizer.json, tokenizer_config.json, and onnx/model.onnx or model.safetensors";

/** The files of one model, by path. */
export interface ModelFiles {
  /** The folder of all files. */
  readonly root: string;
  /** Where the tokenizer's files are. */
  readonly folder: string;
  readonly config: Config;
  readonly generationConfig?: Config;
  /** Files of weights that a graph is built over; none where there is a graph. */
  readonly weights: readonly string[];
  /** Whether there is an ONNX graph, be it another that is run. */
  readonly hasGraph: boolean;
  /** The decoder's graph. */
  readonly graph: string;
  /** Where the graph is that makes embeddings, if the decoder needs one. */
  readonly embeddings: string;
  /** Storage type of the graph. */
  readonly dtype: Dtype;
  /** The hub's repository that they are of; undefined for a folder. */
  readonly origin?: { readonly repo: string; readonly revision: string; readonly commit: string };
  /** What a user should know of them, a sentence each. */
  readonly notes: readonly string[];
}

/** Files of a folder or of a repository. */
type Source = Omit<RepoFiles, "commit" | "repo"> & Partial<Pick<RepoFiles, "repo">>;

/**
 * Finds a model's files, and fetches what is on the hub.
 *
 * @throws {ModelError} if the folder lacks one, the hub cannot give it, or a JSON file is none.
 */
export async function findModelFiles(id: string, options: LoadOptions): Promise<ModelFiles> {
  await assertModelPlace(id);
  const folder = resolve(id);
  const onHub = hubId(id, options.revision);
  try {
    if (await exists(folder)) {
      if (options.revision !== undefined) {
        throw new ModelError(
          `Expected a hub id with the revision ${options.revision} but "${id}" is a folder: leave it out`,
        );
      }
      return await collect(inFolder(folder), `"${folder}"`, options);
    }
    const { repo, revision } = onHub!;
    return await useRepository({ repo, type: "model", revision }, hubOptions(options), async (files) => {
      const modelFiles = await collect(files, `"${repo}" at commit ${files.commit}`, options);
      return { ...modelFiles, origin: { repo, revision, commit: files.commit } };
    });
  } catch (cause) {
    if (!(cause instanceof HubError)) throw cause;
    const also = onHub && cause instanceof HubRepositoryNotFoundError ? otherNames(onHub.repo, folder) : "";
    throw new ModelError(`${cause.message}${also}`, { cause });
  }
}

/**
 * Throws where no model can be: at something that is no folder, or at nothing, unless it is a name on the hub.
 *
 * @throws {ModelError} A sentence that says what there is.
 */
export async function assertModelPlace(id: string): Promise<void> {
  const folder = resolve(id);
  if (!await exists(folder)) {
    if (hubId(id, undefined)) return;
    throw new ModelError(noSuchModel(id, folder));
  }
  const info = await Deno.stat(folder);
  if (info.isDirectory) return;
  throw new ModelError(
    `Expected a model folder at "${folder}" but it is ${otherThanFile(info) ?? "a file"}: give a folder with ${LAYOUT}`,
  );
}

/** Repository and revision of `owner/name` or `owner/name@revision`; undefined if it is neither. */
function hubId(id: string, revision: string | undefined): { repo: string; revision: string } | undefined {
  const [, repo, own] = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@(.+))?$/.exec(id) ?? [];
  if (repo === undefined) return undefined;
  if (own !== undefined && revision !== undefined && own !== revision) {
    throw new ModelError(`Expected one revision but "${id}" is to be read at ${revision}: give either`);
  }
  return { repo, revision: own ?? revision ?? "main" };
}

function noSuchModel(id: string, folder: string): string {
  const known = exportsOf(id);
  return `Expected a model folder at "${folder}" but there is none: give a folder with ${LAYOUT}, or a hub id such as ` +
    (known.length > 0 ? known.join(" or ") : "HuggingFaceTB/SmolLM2-135M-Instruct");
}

function otherNames(repo: string, folder: string): string {
  const known = exportsOf(repo);
  return (known.length > 0 ? ` Exports that are there: ${known.join(", ")}.` : "") +
    ` Nor is there a folder "${folder}".`;
}

/** What the hub's files go by: the download's progress is told by file. */
function hubOptions({ onDownload, ...options }: LoadOptions): LoadOptions {
  if (!onDownload) return options;
  return {
    ...options,
    onProgress: (progress) => {
      options.onProgress?.(progress);
      onDownload(progress.path, progress.received, progress.total ?? progress.received);
    },
  };
}

function inFolder(folder: string): Source {
  return {
    folder,
    files: undefined,
    has: (path) => exists(join(folder, path)),
    isUncertain: () => Promise.resolve(false),
    get: () => Promise.resolve(),
  };
}

async function collect(source: Source, whose: string, options: LoadOptions): Promise<ModelFiles> {
  const { subfolder } = options;
  /** A file's place: in the subfolder, if it has it. */
  const place = async (name: string) => {
    const inside = join(subfolder ?? "", name);
    return subfolder !== undefined && await source.has(inside) ? inside : name;
  };
  if (await source.has("adapter_config.json")) {
    throw new HubNotFoundError(
      `Expected ${whose} to be a whole model but it holds an adapter (adapter_config.json), which is not applied: merge it into ` +
        "its base (peft's merge_and_unload) and save that, or take the adapter away.",
    );
  }
  const config = await place("config.json");
  const tokenizer = await place("tokenizer.json");
  const beside = (name: string) => join(dirname(tokenizer), name);
  const needed = [config, tokenizer, beside("tokenizer_config.json")];
  for (const path of needed) {
    if (await source.has(path)) continue;
    throw new HubNotFoundError(`Expected ${whose} to be a model but it has no ${path}: it needs ${LAYOUT}`);
  }
  const generation = await place("generation_config.json");
  const optional = [generation, beside("chat_template.jinja"), beside("special_tokens_map.json"), ...templates(source)];
  const wanted = [...needed];
  const notes: string[] = [];
  for (const path of optional) {
    if (await source.has(path)) wanted.push(path);
    else if (/generation_config|chat_template/.test(path) && await source.isUncertain(path)) {
      notes.push(uncertain(path));
    }
  }
  const weights = await findWeights(source, whose, options, wanted);
  const local = (path: string) => join(source.folder, path);
  return {
    root: source.folder,
    folder: dirname(local(tokenizer)),
    config: await readJson(local(config)),
    ...(wanted.includes(generation) ? { generationConfig: await readJson(local(generation)) } : {}),
    graph: weights.graph === undefined ? "" : local(weights.graph),
    embeddings: weights.embeddings === undefined ? "" : local(weights.embeddings),
    weights: weights.files.map(local),
    hasGraph: weights.hasGraph,
    dtype: weights.dtype,
    notes: [...notes, ...weights.notes],
  };
}

/** That an export is run where a checkpoint would have been. */
export function exportNote(refusal: ModelError): string {
  const why = refusal.message.replace(/(:|, or) take an ONNX export$/, "");
  return `The model is run from its ONNX export, as the checkpoint beside it is refused: ${why}`;
}

/** A graph and what it reads, or the files of a checkpoint. */
interface Weights {
  /** Whether there is a graph, be it another that is run. */
  readonly hasGraph: boolean;
  readonly graph?: string;
  readonly embeddings?: string;
  readonly files: readonly string[];
  readonly dtype: Dtype;
  /** What a user should know of the choice. */
  readonly notes: readonly string[];
}

/** Finds and gets what holds the weights, with other files that are wanted: config.json is the first of them. */
async function findWeights(source: Source, whose: string, options: LoadOptions, wanted: string[]): Promise<Weights> {
  const { graph, dtype, name } = await findGraph(source, options);
  const checkpoint = await checkpointFiles(source);
  if (options.weights === "safetensors" && checkpoint === undefined) {
    throw new HubNotFoundError(
      `Expected ${whose} to have a checkpoint (${CHECKPOINT_FILES.join(", ")}) but it has none: leave --weights out.`,
    );
  }
  const isFirst = checkpoint !== undefined && isPreferred(options, dtype, graph);
  if (isFirst) assertStorage(dtype, options.device);
  const refusal = isFirst ? await refusalOf(source, options, { graph, config: wanted }) : undefined;
  if (isFirst && !refusal) {
    // The index comes first: it names the others.
    await source.get([...wanted, checkpoint]);
    const files = checkpoint.endsWith(".json") ? await weightFiles(join(source.folder, checkpoint)) : [checkpoint];
    await source.get(files);
    return { files, dtype, hasGraph: graph !== undefined, notes: [] };
  }
  if (graph === undefined) {
    throw new HubNotFoundError(
      await missingGraph(source, whose, { wanted: name, dtype, isOther: checkpoint !== undefined }),
    );
  }
  const embeddings = join(dirname(graph), `embed_tokens${suffixes[dtype]}.onnx`);
  const graphs = await source.has(embeddings) ? [graph, embeddings] : [graph];
  // Weights beside the graph have its name before theirs by custom, so that their sizes are known before the download.
  const isData = (path: string) => path.startsWith(`${graph}_data`) || path.startsWith(`${graph}.data`);
  await source.get([...wanted, ...graphs, ...[...source.files?.keys() ?? []].filter(isData).sort()]);
  const locations = await Promise.all(graphs.map((path) => locationsIn(source.folder, path)));
  await source.get([...new Set(locations.flat())]);
  return { graph, embeddings, files: [], dtype, hasGraph: true, notes: refusal?.notes ?? [] };
}

/**
 * Whether a graph is built over the checkpoint, if it can be: where that is asked, or there is no other, or where it is
 * as good.
 */
function isPreferred({ weights, modelFile, subfolder }: LoadOptions, dtype: Dtype, graph: string | undefined): boolean {
  if (weights !== undefined) return weights === "safetensors";
  // Whoever names a graph's file or folder wants that; and an export in few bits was made for this model, with care.
  return modelFile === undefined && subfolder === undefined &&
    (dtype === "fp32" || (graph === undefined && STORAGES.includes(dtype)));
}

/**
 * Whether config.json alone tells that no graph can be built over a checkpoint that has an export beside it, and what a
 * user should know of that: before weights are fetched. A family that is not known needs no words, as its export is all
 * there is.
 *
 * @throws {ModelError} if there is no export, or the checkpoint was asked for.
 */
async function refusalOf(
  source: Source,
  { weights }: LoadOptions,
  { graph, config: files }: { graph?: string; config: readonly string[] },
): Promise<{ readonly notes: readonly string[] } | undefined> {
  await source.get(files);
  const config = await readJson(join(source.folder, files[0]));
  try {
    assertUnderstood(config);
  } catch (error) {
    if (!(error instanceof ModelError) || weights === "safetensors" || graph === undefined) throw error;
    return { notes: isKnownFamily(config) ? [exportNote(error)] : [] };
  }
}

/** Throws unless a checkpoint can be run so. */
function assertStorage(dtype: Dtype, device: LoadOptions["device"]): void {
  const start = `Expected to run a checkpoint in ${STORAGES.join(", ")} but ${dtype} was asked for`;
  if (!STORAGES.includes(dtype)) throw new ModelError(`${start}: take one of these, or an export in ${dtype}`);
  if (dtype === "fp16" && device === "cpu") {
    throw new ModelError(
      `Expected to run a checkpoint in fp32, q8 or q4 on the CPU but fp16 was asked for, which is slower in it than in float32: leave --dtype out, or take --device webgpu`,
    );
  }
}

/** The file of a checkpoint's weights, or of the index of its files. */
async function checkpointFiles(source: Source): Promise<string | undefined> {
  for (const path of CHECKPOINT_FILES) if (await source.has(path)) return path;
}

/** Chat templates by other names, where it is told what there is. */
function templates({ files }: Source): string[] {
  return [...files?.keys() ?? []].filter((path) => /^additional_chat_templates\/[^/]+\.jinja$/.test(path));
}

function uncertain(path: string): string {
  return `The cache has no ${path} of this model, and does not tell whether the hub has one: --refresh asks`;
}

/** The graph that is asked for, if there is one, and the name that it has first of all. */
async function findGraph(
  source: Source,
  options: LoadOptions,
): Promise<{ graph?: string; dtype: Dtype; name: string }> {
  const { subfolder, modelFile } = options;
  const isExact = modelFile?.endsWith(".onnx") ?? false;
  // A name in full tells the storage type itself.
  const dtype = (isExact ? dtypeOfFile(modelFile!) : undefined) ?? options.dtype ?? "fp32";
  const ending = isExact ? "" : `${suffixes[dtype]}.onnx`;
  const folders = subfolder !== undefined ? [subfolder] : ["onnx", "."];
  const stems = modelFile !== undefined ? [modelFile] : ["model", "decoder_model_merged"];
  const names = stems.flatMap((stem) => folders.map((folder) => join(folder, `${stem}${ending}`)));
  for (const graph of modelFile?.includes("/") ? [`${modelFile}${ending}`, ...names] : names) {
    if (await source.has(graph)) return { graph, dtype, name: names[0] };
  }
  return { dtype, name: names[0] };
}

/** The files that hold a graph's weights, by their paths in the source. */
async function locationsIn(folder: string, graph: string): Promise<string[]> {
  const path = join(folder, graph);
  using file = await openByteFile(await Deno.realPath(path), "an ONNX model");
  return (await weightLocations(file, path)).map((location) => join(dirname(graph), location));
}

async function readJson(path: string): Promise<Config> {
  try {
    const value = JSON.parse(await readText(path));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw new SyntaxError("it is no object");
  } catch (cause) {
    throw new ModelError(
      `Expected "${path}" to hold a JSON object but could not read one (${
        (cause as Error).message.split("\n")[0]
      }): fetch it again`,
      { cause },
    );
  }
}
