/** The formats of sparse autoencoders: which one a path is of, and what their files are called. */
import { basename, dirname, join } from "node:path";
import { isFile } from "../files/exists.ts";

/** Files of Gemma Scope's format. */
export interface GemmaScopeFiles {
  readonly format: "gemma-scope";
  /** The `.npz` file of all tensors. */
  readonly weights: string;
  /** What else there is to a dictionary that was written as an autoencoder. */
  readonly regions: string;
}

/** Files of a SAELens folder. */
export interface SaeLensFiles {
  readonly format: "saelens";
  /** What the autoencoder is, as JSON. */
  readonly config: string;
  /** Its tensors. */
  readonly weights: string;
  /** What else there is to a dictionary that was written as an autoencoder. */
  readonly regions: string;
}

/** Files of the formats that only others write. */
export interface OtherSaeFiles {
  readonly format: "gemma-scope-2" | "sparsify" | "dictionary-learning";
  /** What the autoencoder is, as JSON; Gemma Scope 2 and dictionary_learning may lack it. */
  readonly config: string;
  /** Its tensors: `params.safetensors`, `sae.safetensors`, `ae.pt`. */
  readonly weights: string;
}

/** The files of a sparse autoencoder. */
export type SaeFiles = GemmaScopeFiles | SaeLensFiles | OtherSaeFiles;

const CONFIG = "cfg.json";
const PARAMS = "params.npz";
const REGIONS = "regions.safetensors";

/** What the files of a folder are called, by its format. */
const OTHERS = [
  { format: "gemma-scope-2", config: "config.json", weights: "params.safetensors" },
  { format: "sparsify", config: CONFIG, weights: "sae.safetensors" },
  { format: "dictionary-learning", config: "config.json", weights: "ae.pt" },
] as const;

/** Whether a name is one of Gemma Scope's format. */
const isNpz = (path: string) => /\.npz$/i.test(path);

/** Files by the name of an `.npz` file. */
export function gemmaScopeFiles(path: string): GemmaScopeFiles {
  // A file may be called otherwise, as the hub's cache names files by their checksums.
  return { format: "gemma-scope", weights: path, regions: `${path.replace(/\.npz$/i, "")}.${REGIONS}` };
}

/** Files by the name of a SAELens folder. */
export function saeLensFiles(folder: string): SaeLensFiles {
  return {
    format: "saelens",
    config: join(folder, CONFIG),
    weights: join(folder, "sae_weights.safetensors"),
    regions: join(folder, REGIONS),
  };
}

/**
 * The files that a path names for a dictionary, be they there or not: of Gemma Scope's format where it ends in `.npz`, else
 * of SAELens's.
 */
export function saeFilesAt(path: string): GemmaScopeFiles | SaeLensFiles {
  return isNpz(path) ? gemmaScopeFiles(path) : saeLensFiles(path);
}

/**
 * The autoencoder that is at a path, told by names: a folder of any format, or the file of its weights; undefined if there
 * is none.
 */
export async function findSaeFiles(path: string): Promise<SaeFiles | undefined> {
  if (await isFile(path)) return saeFilesOf(path);
  for (const { format, config, weights } of OTHERS) {
    const files = { format, config: join(path, config), weights: join(path, weights) };
    // SAELens's folders have the configuration that sparsify's have.
    if (await isFile(files.weights) && !await isFile(saeLensFiles(path).weights)) return files;
  }
  if (await isFile(join(path, CONFIG))) return saeLensFiles(path);
  if (await isFile(join(path, PARAMS))) return gemmaScopeFiles(join(path, PARAMS));
}

/** The files that a file of weights belongs to, told by its name. */
function saeFilesOf(path: string): SaeFiles | undefined {
  if (isNpz(path)) return gemmaScopeFiles(path);
  if (basename(path) === "sae_weights.safetensors") return saeLensFiles(dirname(path));
  const other = OTHERS.find(({ weights }) => basename(path) === weights) ??
    // Whatever it is called: no other format comes as a file of torch.save.
    OTHERS.find(({ format }) => format === "dictionary-learning" && /\.pt$/i.test(path));
  return other && { format: other.format, config: join(dirname(path), other.config), weights: path };
}
