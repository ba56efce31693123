import { assertKind } from "../compute/kinds.ts";
import { dirname, join } from "node:path";
import { writeArrow } from "../files/arrow.ts";
import { exists } from "../files/exists.ts";
import { writeSealedJson } from "../files/sealed_json.ts";
import type { Provenance } from "./batch.ts";
import { type CacheIndex, findIndex, FORMAT, indexPath, type ShardEntry, shardPath } from "./cache_index.ts";
import { shardTables } from "./shard.ts";
import { selectionText, Selector } from "./selection.ts";
import { assertReadAs, bosOf, type Reading, type StreamSource } from "./source.ts";
import type { StreamBatch } from "./stream.ts";

/**
 * Writes a stream to a folder as it passes by, a shard a batch. The index that makes the folder a cache is written
 * after the last batch: a stream that is not read to its end leaves none, and a later run starts over.
 *
 * Others read the folder as one table of activations, `pyarrow.dataset.dataset(folder, format="arrow")`: `prompt`,
 * `position`, `token`, the token's text, and a vector for each layer. `_prompts` in it is such a folder too, a row a prompt
 * of a shard; `_index.json` says how the stream was read.
 *
 * @param stream Batches with provenance.
 * @param folder A folder that holds no activation cache yet; it is made if need be.
 * @param source How the stream is read, as {@link "./source.ts".describeStream} says it of one of its layers.
 * @throws {Error} if the folder holds a cache already, a batch does not fit the others or `source`, or a file cannot be
 * written. Batches yielded before stay good.
 *
 * @example Written while they are used
 * ```ts
 * import { loadModel } from "../model/mod.ts";
 * import { cacheActivations, describeStream, extract, readActivations } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const reading = { context: 8, batchPrompts: 2 };
 * const stream = extract(model, ["The cat.", "The dog.", "The mat."], { layers: [3], ...reading });
 * const source = describeStream({ ...reading, model, layer: 3, corpus: "three words" });
 *
 * let prompts = 0;
 * for await (using batch of cacheActivations(stream, folder, source)) prompts += batch.prompts.length;
 * for await (using batch of readActivations(folder)) prompts -= batch.prompts.length;
 * if (prompts !== 0) throw new Error(`${prompts}`);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function* cacheActivations(
  stream: AsyncIterable<StreamBatch> | Iterable<StreamBatch>,
  folder: string,
  source: StreamSource,
): AsyncGenerator<StreamBatch> {
  assertKind("a stream to cache", stream, "iterable");
  assertKind("the folder of a cache", folder, "string");
  assertKind("the source of a cache", source, "object");
  await assertNoCache(folder);
  await removeShards(folder);
  const made = { source: readingOf(source), hook: source.hook.at };
  const selector = new Selector(source);
  const shards: ShardEntry[] = [];
  let shape: Shape | undefined;
  for await (const batch of stream) {
    shape ??= shapeOf(batch);
    assertFits(batch, shape, source, selector);
    shards.push(await writeShard(batch, shape, folder, made, shards.length));
    yield batch;
  }
  if (!shape) {
    throw new Error(`Expected activations to write to ${folder} but the stream is empty: name another corpus`);
  }
  const index: CacheIndex = { format: FORMAT, ...made, ...shape, shards };
  await writeSealedJson(indexPath(folder), { ...index });
}

/**
 * Writes a whole stream to a folder, as {@linkcode cacheActivations} does, and disposes its batches.
 *
 * @param folder A folder that holds no activation cache yet; it is made if need be.
 * @param stream Batches with provenance.
 * @param source How the stream is read, as `describeStream` says it of one of its layers.
 * @returns Activations written, at each layer.
 * @throws {Error} as {@linkcode cacheActivations} does.
 *
 * @example
 * ```ts
 * import { loadModel } from "../model/mod.ts";
 * import { describeStream, extract, writeActivations } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const stream = extract(model, ["The cat sat on the mat."], { layers: [3, 5], context: 4, windows: "first" });
 * const source = describeStream({ model, layer: 3, corpus: "one sentence", context: 4, windows: "first" });
 * const rows = await writeActivations(folder, stream, source);
 * if (rows !== 3) throw new Error(`Expected three tokens after <bos> but found ${rows}`);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeActivations(
  folder: string,
  stream: AsyncIterable<StreamBatch> | Iterable<StreamBatch>,
  source: StreamSource,
): Promise<number> {
  let rows = 0;
  for await (using written of cacheActivations(stream, folder, source)) {
    rows += rowsOf(written);
  }
  return rows;
}

const SHARD_FILE = /^\d{5,}\.(activations|prompts)\.arrow$/;

type Shape = Pick<CacheIndex, "layers" | "dim">;
type Made = Pick<CacheIndex, "source" | "hook">;

function shapeOf({ batches }: StreamBatch): Shape {
  return { layers: [...batches.keys()], dim: batches.values().next().value!.dim };
}

function rowsOf({ batches }: StreamBatch): number {
  return batches.values().next().value!.rows;
}

/** The reading alone: a source's hook names one layer, a cache holds several. */
function readingOf(source: Reading): Reading {
  const { model, revision, commit, context, stride, batchPrompts, chat, corpus } = source;
  const { extractor, excludeTokens, excludePositions, repeats, controlTokens, templateDate } = source;
  const { modelChecksum, dtype, weights } = source;
  return {
    model,
    ...(modelChecksum !== undefined && { modelChecksum }),
    ...(dtype && { dtype }),
    ...(weights && { weights }),
    ...(commit === undefined ? {} : { revision, commit }),
    extractor,
    ...(excludeTokens && { excludeTokens }),
    ...(excludePositions !== undefined && { excludePositions }),
    ...(repeats && { repeats }),
    context,
    ...(stride !== undefined && { stride }),
    batchPrompts,
    chat,
    corpus,
    bos: bosOf(source),
    ...(controlTokens && { controlTokens }),
    ...(templateDate && { templateDate }),
  };
}

async function assertNoCache(folder: string): Promise<void> {
  if (!await findIndex(folder)) return;
  throw new Error(`Expected a folder without an activation cache but ${folder} holds one: delete it, or name another`);
}

/**
 * Removes the shards of a run that was cut off: it may have written more of them than this one will, and who reads the
 * folder without its index would take all.
 */
async function removeShards(folder: string): Promise<void> {
  for (const path of [folder, dirname(shardPath(folder, "", "prompts"))]) {
    if (!await exists(path)) continue;
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (isFile && SHARD_FILE.test(name)) await Deno.remove(join(path, name));
    }
  }
}

/** @param selector Sees every prompt of the stream once. */
function assertFits(batch: StreamBatch, { layers, dim }: Shape, described: StreamSource, selector: Selector): void {
  const found = [...batch.batches.keys()];
  if (found.join() !== layers.join()) {
    throw new Error(`Expected batches of layers ${layers.join(", ")} but found one of ${found.join(", ")}`);
  }
  for (const [layer, activations] of batch.batches) {
    if (activations.dim === dim) continue;
    throw new Error(`Expected activations of length ${dim} but found ${activations.dim} in layer ${layer}`);
  }
  for (const { provenance } of batch.batches.values()) {
    const { source } = provenance ?? {};
    // It describes one of the layers.
    const hook = { ...described.hook, ...(source && { layer: source.hook.layer }) };
    assertReadAs("cache", { ...described, hook }, source);
  }
  const each = batch.prompts.map((prompt) => selector.take(prompt).length);
  const kept = each.reduce((sum, count) => sum + count, 0);
  // A budget of activations can end within the last prompt.
  const least = batch.isPart ? kept - each[each.length - 1] : kept;
  if (rowsOf(batch) < least || rowsOf(batch) > kept) {
    throw new Error(
      `Expected the ${kept} activations that the ${selectionText(described).replace(/^[^,]+/, "$& extractor")} gives ` +
        `for ${batch.prompts.length} prompts but found ${rowsOf(batch)}: describe the stream as it was extracted`,
    );
  }
}

async function writeShard(
  batch: StreamBatch,
  shape: Shape,
  folder: string,
  made: Made,
  number: number,
): Promise<ShardEntry> {
  const entry: ShardEntry = {
    name: String(number).padStart(5, "0"),
    prompts: batch.prompts.length,
    tokens: batch.tokens,
    rows: rowsOf(batch),
    start: batch.start,
    promptsBefore: batch.promptsBefore,
    ...(batch.isPart && { isPart: true }),
  };
  const layers = new Map<number, Float32Array<ArrayBuffer>>();
  for (const [layer, activations] of batch.batches) layers.set(layer, await activations.values());
  const tables = shardTables({ layers, provenance: provenanceOf(batch) }, shape.dim, shardMetadata(made, entry));
  const prompts = await writeArrow(shardPath(folder, entry.name, "prompts"), tables.prompts);
  const activations = await writeArrow(shardPath(folder, entry.name, "activations"), tables.activations);
  // Checksums of the files, which cannot stand in the files themselves.
  return { ...entry, files: { activations, prompts } };
}

/** What a shard's files say about themselves: to whom they belong. */
export function shardMetadata(
  { source, hook }: Made,
  { files: _, ...entry }: ShardEntry,
  format: CacheIndex["format"] = FORMAT,
): Record<string, string> {
  const reading = Object.entries(source).map(([name, value]) => [name, settingText(value)]);
  return { format, hook, ...Object.fromEntries(reading), shard: JSON.stringify(entry) };
}

/** A setting of a reading in words: what it is in a file's metadata. */
export function settingText(value: unknown): string {
  // Lists as they always were: files of before are to be read.
  return typeof value === "object" && !Array.isArray(value) ? JSON.stringify(value) : String(value);
}

function provenanceOf({ batches }: StreamBatch): Provenance {
  const { provenance } = batches.values().next().value!;
  if (provenance) return provenance;
  throw new Error("Expected a stream that says where its rows come from but it has no provenance: give it one");
}
