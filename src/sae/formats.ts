/** The formats of sparse autoencoders: which one a path is of, and what their files are called. */
import { join } from "node:path";
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

/** The files of a sparse autoencoder. */
export type SaeFiles = GemmaScopeFiles | SaeLensFiles;

const CONFIG = "cfg.json";
const PARAMS = "params.npz";
const REGIONS = "regions.safetensors";

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
 * The files that a path names, be they there or not: of Gemma Scope's format where it ends in `.npz`, else a folder's.
 */
export function saeFilesAt(path: string): SaeFiles {
  return isNpz(path) ? gemmaScopeFiles(path) : saeLensFiles(path);
}

/**
 * The autoencoder that is at a path, told by names: an `.npz` file, or a folder of either format; undefined if none is.
 */
export async function findSaeFiles(path: string): Promise<SaeFiles | undefined> {
  if (isNpz(path) && await isFile(path)) return gemmaScopeFiles(path);
  if (await isFile(join(path, CONFIG))) return saeLensFiles(path);
  if (await isFile(join(path, PARAMS))) return gemmaScopeFiles(join(path, PARAMS));
}
