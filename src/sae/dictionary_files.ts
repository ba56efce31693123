import { bosOf } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import { assertOneOf, assertOptions } from "../compute/known_options.ts";
import { transposed } from "../compute/transposed.ts";
import { withCenter } from "../compute/with_center.ts";
import { writeJsonAtomic } from "../files/atomic.ts";
import { exists, isFile } from "../files/exists.ts";
import { readNpz, writeNpz } from "../files/npz.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import { finiteFloatsOf, float32Tensor, type Tensor, tensorOf, type Tensors } from "../files/tensor.ts";
import type { DictionaryLoadOptions } from "../partition/persistence.ts";
import { originalName } from "../model/exports.ts";
import { hookName } from "../model/hook_names.ts";
import { BASES, type Basis, type DictionaryParts } from "../partition/parts.ts";
import { gemmaScopeFiles, saeFilesAt, saeLensFiles } from "./formats.ts";
import { readRegions, writeRegions } from "./regions_file.ts";

/** How a dictionary is written as a sparse autoencoder. */
export interface ExportOptions {
  /** The directions that encode and decode; default `"exemplar"`, whose largest feature is the region assigned. */
  basis?: Basis;
  /** Active features of a row, for a SAELens folder; default 1. */
  k?: number;
}

/** What the host knows of a dictionary, `size x dim` each. */
export interface ExportedValues {
  readonly exemplars: Float32Array<ArrayBuffer>;
  readonly means: Float32Array<ArrayBuffer>;
  readonly sums: Float32Array<ArrayBuffer>;
}

/**
 * Writes a dictionary as a sparse autoencoder: an `.npz` file in Gemma Scope's format where `path` ends so, else a
 * folder as SAELens writes them. See `Dictionary.export`.
 *
 * @throws {RangeError} if the dictionary is empty, or k is not from 1 to its size.
 */
export async function exportDictionary(
  parts: DictionaryParts,
  values: ExportedValues,
  path: string,
  options: ExportOptions = {},
): Promise<void> {
  assertOptions("Dictionary.export", options, { basis: "string", k: "number" });
  const { basis = "exemplar", k = 1 } = options;
  assertOneOf("basis", basis, BASES);
  const { size } = parts.regions;
  if (size === 0) throw new RangeError("Expected a dictionary with regions but it is empty: add activations first");
  if (!Number.isInteger(k) || k < 1 || k > size) {
    throw new RangeError(`Expected k to be an integer from 1 to ${size}, the number of regions, but found ${k}`);
  }
  const { center } = parts.calibration;
  const dim = center.length;
  const decoder = basis === "mean" ? values.means : values.exemplars;
  const host = { exemplars: values.exemplars, sums: values.sums, decoder };
  const encoder = transposed(decoder, size, dim);
  const none = new Float32Array(size);
  const weights = (encoderBias: Float32Array<ArrayBuffer>): [string, Tensor][] => [
    ["W_enc", float32Tensor(encoder, [dim, size])],
    ["b_enc", float32Tensor(encoderBias, [size])],
    ["W_dec", float32Tensor(decoder, [size, dim])],
    ["b_dec", float32Tensor(center, [dim])],
  ];
  const files = saeFilesAt(path);
  await writeRegions(files.regions, parts, host, basis);
  // Gemma Scope's encoders read raw activations, so the center goes into the bias; SAELens subtracts `b_dec` itself
  // (`apply_b_dec_to_input`).
  if (files.format === "gemma-scope") {
    const threshold = float32Tensor(none, [size]);
    await writeNpz(files.weights, new Map([...weights(withCenter(decoder, none, center)), ["threshold", threshold]]));
  } else {
    const config = await saeLensConfig(parts, k);
    const { model_name, hook_name, hook_layer } = config.metadata;
    const strings = { model_name, hook_name, ...(hook_layer === null ? {} : { hook_layer: String(hook_layer) }) };
    await writeSafetensors(files.weights, new Map(weights(none)), strings);
    await writeJsonAtomic(files.config, config);
  }
}

/** `cfg.json` of SAELens 6, with the flat fields that versions 3 to 5 read beside them; each ignores the other's. */
async function saeLensConfig({ calibration, regions }: DictionaryParts, k: number) {
  const { center, source } = calibration;
  const origin = {
    // What SAELens is to load: neither an export to ONNX nor a folder of this machine.
    model_name: source ? originalName(source.model, await exists(source.model) || undefined) : "unknown",
    hook_name: source ? hookName(source.hook) : "unknown",
    hook_layer: source?.hook.layer ?? null,
    hook_head_index: null,
    context_size: source?.context ?? null,
    prepend_bos: !source || bosOf(source) !== "never",
    dataset_path: await datasetName(source?.corpus) ?? "unknown",
    neuronpedia_id: null,
    model_from_pretrained_kwargs: {},
    sae_lens_training_version: null,
  };
  return {
    architecture: "topk",
    d_in: center.length,
    d_sae: regions.size,
    k,
    // Rows of the decoder are of unit length, so it changes no number; without it tools that fold their norms refuse top-k.
    rescale_acts_by_decoder_norm: true,
    dtype: "float32",
    device: "cpu",
    apply_b_dec_to_input: true,
    normalize_activations: "none",
    reshape_activations: source?.hook.at === "z" ? "hook_z" : "none",
    metadata: { sae_lens_version: "6.0.0", model_class_name: "HookedTransformer", ...origin },
    ...origin,
    activation_fn_str: "topk",
    activation_fn_kwargs: { k },
    finetuning_scaling_factor: false,
    dataset_trust_remote_code: false,
  };
}

const CORPUS_FILE = /\.(?:jsonl?|ndjson|txt|csv|tsv|parquet|arrow|feather|gz|zst)$/i;

/** What the hub calls a corpus, which others can load; undefined of files, whose paths are nobody's but this machine's. */
async function datasetName(corpus = ""): Promise<string | undefined> {
  const [, ofHub] = /^hf:\/\/datasets\/([^/@]+\/[^/@]+)/.exec(corpus) ?? [];
  if (ofHub !== undefined) return ofHub;
  const isName = /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(corpus) && !CORPUS_FILE.test(corpus);
  return isName && !await exists(corpus) ? corpus : undefined;
}

/** Parts of a dictionary that was exported as an `.npz` file. */
export async function readNpzDictionary(
  path: string,
  backend: Backend,
  options: DictionaryLoadOptions = {},
): Promise<DictionaryParts> {
  const { weights, regions: regionsPath } = gemmaScopeFiles(path);
  await assertExported(path, regionsPath);
  const { decoder, center } = weightsOf(
    await readNpz(weights, ["W_dec", "b_dec"], { maxUnpacked: options.maxUnpacked }),
    weights,
  );
  return await readRegions(regionsPath, decoder, center, backend, options.onWarning);
}

/** Parts of a dictionary that was exported as a SAELens folder. */
export async function readSaeLensDictionary(
  folder: string,
  backend: Backend,
  options: DictionaryLoadOptions = {},
): Promise<DictionaryParts> {
  const { weights, regions: regionsPath } = saeLensFiles(folder);
  await assertExported(folder, regionsPath);
  const { tensors } = await readSafetensors(weights, ["W_dec", "b_dec"]);
  const { decoder, center } = weightsOf(tensors, weights);
  return await readRegions(regionsPath, decoder, center, backend, options.onWarning);
}

function weightsOf(tensors: Tensors, path: string) {
  const [size, dim] = tensorOf(tensors, "W_dec", path).shape;
  return {
    decoder: finiteFloatsOf(tensors, "W_dec", [size, dim], path),
    center: finiteFloatsOf(tensors, "b_dec", [dim], path),
  };
}

async function assertExported(path: string, regionsPath: string): Promise<void> {
  if (await isFile(regionsPath)) return;
  throw new Error(
    `Cannot read ${path} as a dictionary: ${regionsPath}, which Dictionary.export writes beside, is missing. A ` +
      "sparse autoencoder is read by readSae",
  );
}
