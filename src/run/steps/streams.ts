/** The activations of an experiment's texts, in one order. */
import { extract, type ExtractOptions, type Text, type TokenIds } from "../../activations/extract.ts";
import { shuffled } from "../../activations/shuffled.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import type { Backend } from "../../compute/backend.ts";
import type { LanguageModel } from "../../model/types.ts";

/** What is read, through what. */
export interface ReadPlan {
  /** Where the numbers are computed. */
  readonly backend: Backend;
  /** The model, read at its hook. */
  readonly model: LanguageModel;
  /** The layers that are read. */
  readonly layers: readonly number[];
  /**
   * Texts, or prompts of token ids, which are read in the order of `seed`; or a function that reads them as they come.
   */
  readonly texts: readonly (Text | TokenIds)[] | (() => AsyncIterable<Text | TokenIds>);
  /** How many texts a function gives, for progress, where that is known. */
  readonly count?: number;
  /** Name of the texts, for records: file, filter, order if not seeded. Other texts must have another name. */
  readonly corpus: string;
  /** Files that the texts come from: a calibration made before they changed is not used again. */
  readonly files: readonly string[];
  /** Seed of the texts' order, and of the samples of members. */
  readonly seed: number;
  /** How texts are read, and beyond how many times the median norm activations are left out (default none is). */
  readonly reading?: Omit<ExtractOptions, "layers" | "backend" | "skipPrompts"> & { readonly maxNorm?: number };
  /** Put before the progress stages' names, for experiments that read several times. */
  readonly label?: string;
}

/**
 * The activations of a plan's texts, in its order, after the first `skipPrompts`. Batches are the caller's to dispose.
 *
 * @param plan What is read, through what.
 * @param skipPrompts Prompts at the start to pass over without running them; default 0.
 *
 * @example
 * ```ts
 * import { batchAt } from "../../activations/mod.ts";
 * import { openBackend } from "../../compute/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = ["The cat sat on the mat."];
 * const plan = { backend: await openBackend("cpu"), model, layers: [3], texts, corpus: "one", files: [], seed: 0 };
 * for await (using batch of streamOf({ ...plan, reading: { context: 4, windows: "first" } })) {
 *   const { rows } = batchAt(batch, 3);
 *   if (rows !== 3) throw new Error(`Expected three tokens after <bos> but found ${rows}`);
 * }
 * ```
 */
export function streamOf(plan: ReadPlan, skipPrompts = 0): AsyncGenerator<StreamBatch> {
  const { model, layers, backend } = plan;
  // Calibrations leave out what is beyond, and dictionaries under them.
  const { maxNorm: _, ...reading } = plan.reading ?? {};
  return extract(model, textsInOrder(plan), { ...reading, layers, backend, skipPrompts });
}

/**
 * The texts of a plan in the order in which they are read.
 *
 * @example
 * ```ts
 * const texts = ["The cat sat on the mat.", "The dog sat on the cat.", "A bird."];
 * const [once, again] = [textsInOrder({ texts, seed: 1 }), textsInOrder({ texts, seed: 1 })];
 * if (`${await Array.fromAsync(once)}` !== `${await Array.fromAsync(again)}`) throw new Error("Expected one order");
 * ```
 */
export function textsInOrder({ texts, seed }: Pick<ReadPlan, "texts" | "seed">): AsyncIterable<Text | TokenIds> {
  return typeof texts === "function" ? texts() : shuffled(texts, seed);
}
