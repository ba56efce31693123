import type { UnpackOptions } from "../files/unpacking.ts";
import { isFile } from "../files/exists.ts";
import type { OtherSaeFiles } from "./formats.ts";
import { type Fields, flag, readConfig, refused, textOf } from "./json_config.ts";
import { placeNamed, placesOf, placesOfWord } from "./places.ts";
import { readRecipe, type SaeRecipe } from "./recipe.ts";
import { npzFile, safetensorsFile } from "./tensor_file.ts";
import type { SaeSource, SaeWeights } from "./weights.ts";

/** What all of Gemma Scope's autoencoders do: encoders read raw activations. */
const JUMPRELU = {
  architecture: "jumprelu",
  takesBias: false,
  rescaled: false,
  finetuned: false,
} as const satisfies Partial<SaeRecipe>;

/**
 * Reads a sparse autoencoder in Gemma Scope's format: `W_enc` (`dim x size`), `b_enc`, `threshold`, `W_dec` (`size x
 * dim`) and `b_dec`, used on raw activations as
 *
 *     pre = x W_enc + b_enc;  acts = relu(pre) * (pre > threshold);  x_hat = acts W_dec + b_dec
 *
 * @param path The `params.npz`; what it is of is told by the folders that it lies in, see {@link gemmaScopeOrigin}.
 * @param options What it may unpack to; see {@linkcode UnpackOptions}.
 * @throws {Error} A sentence if it cannot be read, holds something else, or unpacks to more than is allowed.
 */
export async function readGemmaScope(path: string, options: UnpackOptions = {}): Promise<SaeWeights> {
  const source = { path, format: "gemma-scope" as const, ...gemmaScopeOrigin(path) };
  return await readRecipe({ ...JUMPRELU, source }, await npzFile(path, options));
}

/** A folder of the hub, by the end of its name: `gemma-scope-2b-pt-att`, or `att` alone. */
const KIND = /(?:^|-)(res|att|mlp|transcoders?)(?:-canonical)?$/;

/**
 * What the folders of a file tell, named as on the hub: the model, by `gemma-scope-2b-pt-res`; the layer, by `layer_12`; and
 * what it reads: what attention's output projection reads (`att`), what the feed-forward part adds (`mlp`), what that
 * reads and then adds (`transcoders`), the embedding (`embedding` in the layer's place), else the residual stream.
 */
export function gemmaScopeOrigin(path: string): Omit<SaeSource, "path" | "format"> {
  const folders = path.split(/[/\\]/).slice(0, -1);
  const repository = folders.findLast((folder) => /gemma-scope-/.test(folder));
  const [, size, tuning] = /gemma-scope-(\d+b)-(pt|it)/.exec(repository ?? "") ?? [];
  const model = size === undefined ? {} : { model: `gemma-2-${size}${tuning === "it" ? "-it" : ""}` };
  if (repository !== undefined && folders.includes("embedding")) return { ...model, hook: "hook_embed" };
  const place = folders.findLastIndex((folder) => /^layer_\d+$/.test(folder));
  if (place < 0) return model;
  const layer = Number(folders[place].slice("layer_".length));
  const kind = folders.slice(0, place).findLast((folder) => KIND.test(folder)) ?? repository ?? "res";
  const word = KIND.exec(kind)?.[1];
  return { ...model, ...(word === undefined ? { hook: `${kind}, layer ${layer}` } : placesOfWord(word, layer)) };
}

/**
 * Reads a sparse autoencoder or transcoder of Gemma Scope 2: `params.safetensors`, in which names are in lower case, and
 * `config.json`, without which the folders tell what it is of: `resid_post/layer_12_width_16k_l0_medium`.
 *
 * @throws {Error} A sentence if a file is missing, damaged or of something else.
 */
export async function readGemmaScope2(files: OtherSaeFiles): Promise<SaeWeights> {
  const { config, weights } = files;
  const fields = await isFile(config) ? await readConfig(config) : {};
  const architecture = fields.architecture ?? "jump_relu";
  if (architecture !== "jump_relu") {
    throw refused(config, `its architecture is ${JSON.stringify(architecture)}`, "Expected jump_relu.");
  }
  const file = await safetensorsFile(weights);
  if (fields.type === "clt" || (file.outline.get("w_dec")?.shape.length ?? 2) > 2) {
    throw refused(weights, "it is a transcoder to several layers at once", "Expected one of a single layer.");
  }
  const source = { path: weights, format: "gemma-scope-2" as const, ...gemmaScope2Origin(fields, weights) };
  return await readRecipe({
    ...JUMPRELU,
    hasSkip: flag(fields, "affine_connection", false, config),
    source,
  }, file);
}

/** Words of Gemma Scope 2's folders; its `attn_out` is what attention's output projection reads. */
const WORDS: Readonly<Record<string, string>> = { attn_out: "att", transcoder_all: "transcoder" };

/** What `config.json` says, and where it says nothing the folders. */
export function gemmaScope2Origin(fields: Fields, path: string): Omit<SaeSource, "path" | "format"> {
  const name = textOf(fields.model_name);
  const model = name === undefined ? {} : { model: name };
  const [reads, predicts] = [textOf(fields.hf_hook_point_in), textOf(fields.hf_hook_point_out)];
  if (reads !== undefined) {
    const output = predicts === undefined || predicts === reads ? undefined : placeNamed(predicts);
    return { ...model, ...placesOf(placeNamed(reads), output) };
  }
  const folders = path.split(/[/\\]/);
  const layer = /layer_(\d+)/.exec(folders.at(-2) ?? "")?.[1];
  const word = folders.at(-3)?.replace(/_all$/, "") ?? "";
  return { ...model, ...(layer === undefined ? {} : placesOfWord(WORDS[word] ?? word, Number(layer))) };
}
