import { join } from "node:path";
import { readSealedJson } from "../files/sealed_json.ts";
import type { HookSite } from "../model/types.ts";
import type { Reading } from "./source.ts";

/** One published batch in an activation cache: `<name>.activations.arrow` and `<name>.prompts.arrow`. */
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
  /** What tells its two files from all others; caches of before checksums have none. */
  readonly files?: { readonly activations: string; readonly prompts: string };
}

/** What an activation cache holds. Written when every shard is, so a folder that has it is whole. */
export interface CacheIndex {
  readonly format: typeof FORMAT | typeof FIRST_FORMAT;
  readonly source: Reading;
  /** Where in each of the layers the activations were read. */
  readonly hook: HookSite;
  readonly layers: readonly number[];
  /** Length of an activation. */
  readonly dim: number;
  readonly shards: readonly ShardEntry[];
}

/** Tells an index of ours, and its version, from any other file. */
export const FORMAT = "exemplar activations 2";
/** Of before checksums. */
const FIRST_FORMAT = "exemplar activations 1";

/** Path of a cache's index. */
export function indexPath(folder: string): string {
  return join(folder, "index.json");
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
  const path = indexPath(folder);
  const index = await readSealedJson(path, { remedy: "extract again into another folder", onWarning });
  if (!index) {
    throw new Error(
      `Expected an activation cache at ${folder} but it has no index.json, which is written last: either the run that ` +
        `wrote it was cut off, or this is another folder. Extract again into it`,
    );
  }
  const { format } = index;
  if (format !== FORMAT && format !== FIRST_FORMAT) {
    throw new Error(
      `Expected ${path} to be the index of an activation cache, of format "${FORMAT}", but found JSON of format ` +
        `${JSON.stringify(format) ?? "none"}. Extract again into another folder`,
    );
  }
  // Caches that do not tell it are older than the choice.
  return { hook: "resid_post", ...index } as unknown as CacheIndex;
}
