/**
 * Activations: what a model's residual stream, attention and MLPs hold at the tokens of texts.
 *
 * A *corpus* is a file of texts, an *entry* one of them. {@linkcode extract} reads texts with a model and streams
 * *batches*: the prompts of a batch, and for every layer their activations as `rows x dim`, a row a token position.
 * *Provenance* says of each row which prompt, position and token it is of; a *source* says of a whole stream how it was
 * read. {@linkcode cacheActivations} keeps a stream on disk, {@linkcode readActivations} streams it again.
 *
 * @example
 * ```ts
 * import { loadModel } from "../model/mod.ts";
 * import { batchAt, extract, readCorpus } from "./mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = readCorpus("fixtures/corpora/pile.jsonl", { where: { split: "heldout" } });
 * for await (using batch of extract(model, texts, { layers: [1, 3], context: 16, maxPrompts: 4 })) {
 *   const { rows, dim } = batchAt(batch, 3);
 *   if (rows === 0 || dim !== model.dim) throw new Error(`${rows} rows of length ${dim}`);
 * }
 * ```
 *
 * @module
 */
export { type ActivationBatch, Batch, type Provenance } from "./batch.ts";
export type { Excerpt, Prompt } from "./prompt.ts";
export {
  type CorpusEntry,
  type CorpusItem,
  type CorpusItems,
  type CorpusOptions,
  readCorpus,
  type SkippedRows,
} from "./corpus.ts";
export { CorpusError } from "./errors.ts";
export { shuffled } from "./shuffled.ts";
export { shuffleBuffer } from "./shuffle_buffer.ts";
export { type SampleBounds, sampledTexts } from "./sampled_texts.ts";
export { type TokenWindow, tokenWindows } from "./token_windows.ts";
export type { WindowOptions, Windows } from "./windows.ts";
export { shuffledTokens, type TokenPrompts, uniformTokens } from "./random_tokens.ts";
export { type AxBench, type AxBenchConcept, type AxBenchRow, readAxBench } from "./axbench.ts";
export { AxBenchReader, type AxBenchReading, type TextActivations } from "./axbench_reader.ts";
export { type Line, linesOf, readLines } from "./lines.ts";
export { inBatches } from "./in_batches.ts";

export { extract, type ExtractOptions, type ExtractProgress, type Text, type TokenIds } from "./extract.ts";
export type { Extractor } from "./extractor.ts";
export type { Repeats, Selection, SelectOptions } from "./selection.ts";
export { type HeldActivations, holdActivations } from "./held_activations.ts";
export { type PromptSets, promptSets } from "./prompt_sets.ts";
export { encodeBeginning, type Tokenizer } from "./read_prompts.ts";
export { atLayer, batchAt, type LayeredBatch, type StreamBatch } from "./stream.ts";
export { type DescribeOptions, describeStream, type Reading, type StreamSource } from "./source.ts";
export {
  type Template,
  TEMPLATE_PARTS,
  templateOf,
  type TemplatePart,
  templatePart,
  templatePartShares,
} from "./template_parts.ts";

export { readVectors } from "./vectors/read_vectors.ts";
export type { ReadVectorsOptions } from "./vectors/rows.ts";
export { cacheActivations, writeActivations } from "./cache_write.ts";
export { readActivations, type ReadActivationsOptions } from "./cache_read.ts";
