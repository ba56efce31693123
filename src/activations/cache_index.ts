import { join } from "node:path";
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
}

/** What an activation cache holds. Written when every shard is, so a folder that has it is whole. */
export interface CacheIndex {
  readonly format: typeof FORMAT;
  readonly source: Reading;
  /** Where in each of the layers the activations were read. */
  readonly hook: HookSite;
  readonly layers: readonly number[];
  /** Length of an activation. */
  readonly dim: number;
  readonly shards: readonly ShardEntry[];
}

/** Tells an index of ours, and its version, from any other file. */
export const FORMAT = "exemplar activations 1";

/** Path of a cache's index. */
export function indexPath(folder: string): string {
  return join(folder, "index.json");
}

/**
 * Reads what an activation cache holds, without its activations.
 *
 * @throws {Error} if the folder is no activation cache, or one whose writing was cut off.
 */
export async function readCacheIndex(folder: string): Promise<CacheIndex> {
  const path = indexPath(folder);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(
      `Expected an activation cache at ${folder} but it has no index.json, which is written last: either the run that ` +
        `wrote it was cut off, or this is another folder. Extract again into it`,
      { cause },
    );
  }
  const foreign = (found: string, cause?: unknown) =>
    new Error(
      `Expected ${path} to be the index of an activation cache, of format "${FORMAT}", but found ${found}. ` +
        `Extract again into another folder`,
      { cause },
    );
  let index: CacheIndex;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw foreign(`text that is not JSON (${(cause as Error).message})`, cause);
  }
  if (index?.format !== FORMAT) throw foreign(`JSON of format ${JSON.stringify(index?.format) ?? "none"}`);
  // Caches that do not tell it are older than the choice.
  return { ...index, hook: index.hook ?? "resid_post" };
}
