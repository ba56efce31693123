import { isDeepStrictEqual } from "node:util";
import type { Backend } from "../compute/backend.ts";
import { assertKind } from "../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { metadataOf, outlineArrow, readArrow, type Table } from "../files/arrow.ts";
import type { HookSite } from "../model/types.ts";
import { Batch } from "./batch.ts";
import { type CacheIndex, readCacheIndex, type ShardEntry, shardPath } from "./cache_index.ts";
import { settingText, shardMetadata } from "./cache_write.ts";
import { readShardTables, type Shard } from "./shard.ts";
import { bosOf, type Reading } from "./source.ts";
import { type StreamBatch, streamBatch } from "./stream.ts";

/** How to read an activation cache. */
export interface ReadActivationsOptions {
  /** Layers to read; by default all that the cache has. */
  layers?: readonly number[];
  /** Where the activations go too; by default they stay on the host only. */
  backend?: Backend;
  /** What the stream must be: anything else is refused. */
  expect?: Partial<Reading> & { dim?: number; hook?: HookSite };
  /** Gets a sentence about a cache from before checksums; default `console.warn`. */
  onWarning?: (sentence: string) => void;
  /** Prompts at the start of the stream to pass over, a whole number of shards; default 0. */
  skipPrompts?: number;
}

const OPTIONS: OptionKinds<ReadActivationsOptions> = {
  layers: "numbers",
  backend: "backend",
  expect: "object",
  onWarning: "function",
  skipPrompts: "number",
};

/**
 * Streams the batches of an activation cache, the same to the byte as the extraction that wrote it gave them.
 *
 * @param folder What {@link "./cache_write.ts".cacheActivations} wrote.
 * @param options Layers, backend, what the stream must be.
 * @returns Batches in stream order; whoever takes one disposes it.
 * @throws {Error} at the first step if the folder is no cache, is not whole, or is not what was expected; at a shard
 * that is missing, cut short, or of another cache.
 *
 * @example
 * ```ts
 * import { loadModel } from "../model/mod.ts";
 * import { batchAt, describeStream, extract, readActivations, writeActivations } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 *   const stream = extract(model, ["The cat sat on the mat."], { layers: [3, 5], context: 4, windows: "first" });
 *   await writeActivations(folder, stream, describeStream({ model, layer: 3, corpus: "one sentence", context: 4, windows: "first" }));
 * }
 * for await (using batch of readActivations(folder, { layers: [5], expect: { corpus: "one sentence" } })) {
 *   const [prompt] = batch.prompts;
 *   if (batchAt(batch, 5).rows !== 3 || !prompt.excerpt(1).token.includes("The")) throw new Error(prompt.id);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function* readActivations(
  folder: string,
  options: ReadActivationsOptions = {},
): AsyncGenerator<StreamBatch> {
  assertOptions("readActivations", options, OPTIONS);
  assertKind("the folder of a cache", folder, "string");
  const index = await readCacheIndex(folder, options.onWarning);
  const { backend, expect = {}, layers = index.layers, skipPrompts = 0 } = options;
  assertExpected(folder, index, expect);
  for (const layer of layers) {
    if (index.layers.includes(layer)) continue;
    throw new Error(`Expected one of the layers ${index.layers.join(", ")} of ${folder} but found ${layer}`);
  }
  for (const entry of shardsAfter(index, skipPrompts, folder)) {
    yield batchOf(await readShard(folder, index, entry, layers), entry, index, backend);
  }
}

function assertExpected(folder: string, index: CacheIndex, expected: Record<string, unknown>): void {
  const found: Record<string, unknown> = {
    ...index.source,
    bos: bosOf(index.source),
    hook: index.hook,
    dim: index.dim,
  };
  for (const [name, value] of Object.entries(expected)) {
    if (value === undefined || isDeepStrictEqual(inOrder(value), inOrder(found[name]))) continue;
    const [wanted, kept] = [value, found[name]].map(settingText);
    throw new Error(
      `Expected activations of ${name} ${wanted} but those of ${folder} have ${kept}: extract them again into another folder`,
    );
  }
}

/** A list of ids in the order in which a reading has it. */
function inOrder(value: unknown): unknown {
  const isList = Array.isArray(value) || ArrayBuffer.isView(value);
  return isList ? [...value as unknown as Iterable<number>].sort((a, b) => a - b) : value;
}

function shardsAfter({ shards }: CacheIndex, skipPrompts: number, folder: string): readonly ShardEntry[] {
  if (skipPrompts === 0) return shards;
  const last = shards.findIndex(({ promptsBefore, prompts }) => promptsBefore + prompts === skipPrompts);
  if (last >= 0) return shards.slice(last + 1);
  throw new Error(
    `Expected to skip whole shards of ${folder} but ${skipPrompts} prompts end inside one or past the last: skip a ` +
      `multiple of the prompts of a batch`,
  );
}

async function readShard(
  folder: string,
  index: CacheIndex,
  entry: ShardEntry,
  layers: readonly number[],
): Promise<Shard> {
  const read = async (kind: "activations" | "prompts", rows: number) => {
    const path = shardPath(folder, entry.name, kind, index.format);
    // Of a cache that is older than checksums its index has told so.
    const table = await readArrow(path, { onWarning: () => {} });
    assertBelongs(path, table, shardMetadata(index, entry, index.format), rows);
    return table;
  };
  const tables = { activations: await read("activations", entry.rows), prompts: await read("prompts", entry.prompts) };
  let shard: Shard;
  try {
    shard = readShardTables(tables, layers, index.dim, entry.promptsBefore);
  } catch (cause) {
    throw new Error(`Cannot use shard ${entry.name} of ${folder}: ${(cause as Error).message}. Extract again`, {
      cause,
    });
  }
  // Two caches made alike say the same of themselves: only the index's checksums tell their files apart.
  for (const kind of ["activations", "prompts"] as const) {
    const path = shardPath(folder, entry.name, kind, index.format);
    if (!entry.files || (await outlineArrow(path)).identity === entry.files[kind]) continue;
    throw new Error(`Expected ${path} to be of the cache beside it but it is of another, made alike. Extract again`);
  }
  return shard;
}

/** Throws unless a file is the one that the index means: shards of several caches look alike. */
function assertBelongs(path: string, table: Table, expected: Record<string, string>, rows: number): void {
  const found = metadataOf(table);
  for (const [name, value] of Object.entries(expected)) {
    // Files of before do not tell a template.
    if (found[name] === value || (found[name] === "[object Object]" && value.startsWith("{"))) continue;
    throw new Error(
      `Expected ${path} to be of the cache beside it, with ${name} ${value}, but found ${
        found[name] ?? "none"
      }: it was ` +
        `put there from elsewhere. Extract again`,
    );
  }
  if (table.numRows !== rows) {
    throw new Error(`Expected ${rows} rows in ${path} but found ${table.numRows}. Extract again`);
  }
}

function batchOf(
  { layers, provenance }: Shard,
  entry: ShardEntry,
  { dim, hook: at, source: reading }: CacheIndex,
  backend?: Backend,
): StreamBatch {
  const batches = new Map<number, Batch>();
  for (const [layer, data] of layers) {
    const source = { ...reading, hook: { layer, at } };
    batches.set(layer, Batch.of({ data, rows: entry.rows, dim, provenance: { ...provenance, source } }, backend));
  }
  return streamBatch({
    prompts: provenance.prompts,
    tokens: entry.tokens,
    promptsBefore: entry.promptsBefore,
    start: entry.start,
    batches,
    ...(entry.isPart && { isPart: true }),
    forwardSeconds: 0,
  });
}
