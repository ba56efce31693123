/**
 * What is where in an activation cache. The folder itself holds Arrow files of activations and nothing else that a reader
 * of folders sees: these pass over names that begin with `_`, as index and prompts do, so that pyarrow opens the folder
 * as one dataset.
 */
import { join } from "node:path";
import { exists } from "../files/exists.ts";
import { readSealedJson } from "../files/sealed_json.ts";
import type { HookSite } from "../model/types.ts";
import type { Reading } from "./source.ts";

/** One published batch in an activation cache: two files, see {@linkcode shardPath}. */
export interface ShardEntry {
  readonly name: string;
  readonly prompts: number;
  /** Tokens of the prompts, `<bos>` included. */
  readonly tokens: number;
  /** Activations. */
  readonly rows: number;
  /** Stream index of the first activation. */
  readonly start: number;
  /** Prompts of the stream before the shard. */
  readonly promptsBefore: number;
  /** Whether a budget ended the stream within the batch; absent if not. */
  readonly isPart?: boolean;
  /** What tells its two files from all others; caches of before checksums have none. */
  readonly files?: { readonly activations: string; readonly prompts: string };
}

/** What an activation cache holds. Written when every shard is, so a folder that has it is whole. */
export interface CacheIndex {
  readonly format: typeof FORMAT | typeof FLAT_FORMAT | typeof FIRST_FORMAT;
  readonly source: Reading;
  /** Where in each of the layers the activations were read. */
  readonly hook: HookSite;
  readonly layers: readonly number[];
  /** Length of an activation. */
  readonly dim: number;
  readonly shards: readonly ShardEntry[];
}

/** Tells an index of ours, and its version, from any other file. */
export const FORMAT = "exemplar activations 3";
/** Index and prompts beside the activations, under names that readers of folders do not pass over. */
const FLAT_FORMAT = "exemplar activations 2";
/** Of before checksums, else as the second. */
const FIRST_FORMAT = "exemplar activations 1";
const FLAT_INDEX = "index.json";

/** Path of the index that makes a folder a cache. */
export function indexPath(folder: string): string {
  return join(folder, "_index.json");
}

/** Path of one of a shard's two files, in a cache of a format. */
export function shardPath(
  folder: string,
  name: string,
  kind: "activations" | "prompts",
  format: CacheIndex["format"] = FORMAT,
): string {
  const isApart = kind === "prompts" && format === FORMAT;
  return join(folder, ...(isApart ? ["_prompts"] : []), `${name}.${kind}.arrow`);
}

/** Path of the index that a folder has, of whatever format; `undefined` if it has none. */
export async function findIndex(folder: string): Promise<string | undefined> {
  for (const path of [indexPath(folder), join(folder, FLAT_INDEX)]) if (await exists(path)) return path;
}

/**
 * Reads what an activation cache holds, without its activations.
 *
 * @param onWarning Gets a sentence about a cache from before checksums; default `console.warn`.
 * @throws {Error} if the folder is no activation cache, a damaged one, or one whose writing was cut off.
 */
export async function readCacheIndex(
  folder: string,
  onWarning?: (sentence: string) => void,
): Promise<CacheIndex> {
  const path = await findIndex(folder) ?? indexPath(folder);
  const index = await readSealedJson(path, { remedy: "extract again into another folder", onWarning });
  if (!index) {
    throw new Error(
      `Expected an activation cache at ${folder} but it has no _index.json, which is written last: either the run that ` +
        `wrote it was cut off, or this is another folder. Extract again into it`,
    );
  }
  const { format } = index;
  if (format !== FORMAT && format !== FLAT_FORMAT && format !== FIRST_FORMAT) {
    throw new Error(
      `Expected ${path} to be the index of an activation cache, of format "${FORMAT}", but found JSON of format ` +
        `${JSON.stringify(format) ?? "none"}. Extract again into another folder`,
    );
  }
  // Caches that do not tell it are older than the choice.
  return { hook: "resid_post", ...index } as unknown as CacheIndex;
}
