import { type ActivationBatch, assertBatches } from "../activations/batch.ts";
import type { StreamSource } from "../activations/source.ts";
import type { StreamBatch } from "../activations/stream.ts";
import type { Backend, BackendChoice } from "../compute/backend.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { openBackend } from "../compute/open.ts";
import { assertCalibration } from "./calibration_values.ts";
import type { CalibrationValues } from "./calibrator.ts";
import { assertCheckpoint, type CheckpointOptions, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { type CountedBatch, promptsOf, promptsWithin, withinNorms } from "./batch_parts.ts";
import { directionsByLayer, growAll, startGrowths } from "./grow.ts";
import type { DiscoveryCounts, Growth } from "./growth.ts";

/** Options of a discovery. */
export interface DiscoverOptions {
  /** Where to compute; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Seed of the samples of members; default 0. */
  seed?: number;
  /** Member directions to keep a region, a uniform sample of all; default 0. */
  members?: number;
  /** A dictionary is saturated when more than this many consecutive batches founded nothing; default 1. */
  saturationWindow?: number;
  /** Read on when all dictionaries are saturated, to the end of the stream or the budget; default false. */
  readAll?: boolean;
  /**
   * Stop after the prompt that reaches this many tokens, `<bos>` included; default: no limit. A run that goes on with a
   * larger budget gets the regions of one that had it from the start; rows of a batch that the smaller one cut are members of the
   * nearest of the regions that there were then.
   */
  maxTokens?: number;
  /** Stop after the batch that reaches this many prompts; default: no limit. */
  maxPrompts?: number;
  /** Merge regions within the threshold of each other after every batch; default false. */
  merge?: boolean;
  /**
   * What each layer of the stream is read from: checked against the calibration, recorded in the dictionary; default what
   * the calibration tells.
   */
  sources?: ReadonlyMap<number, StreamSource>;
  /** Where and how often to keep the state of the run, and whether to go on from it. */
  checkpoint?: CheckpointOptions;
  /** Stops at the next batch, after a last checkpoint, with the signal's reason. */
  signal?: AbortSignal;
  /** Called after every batch. */
  onProgress?: (state: DiscoveryCounts & { readonly regions: number }) => void;
}

const OPTIONS: OptionKinds<DiscoverOptions> = {
  backend: ["string", "backend"],
  seed: "number",
  members: "number",
  saturationWindow: "number",
  maxTokens: "number",
  maxPrompts: "number",
  merge: "boolean",
  readAll: "boolean",
  sources: Map,
  checkpoint: "object",
  signal: AbortSignal,
  onProgress: "function",
};

/** Why a discovery read no further: all its dictionaries were saturated, its budget was spent, its stream was over. */
export type DiscoveryEnd = "saturated" | "budget" | "stream";

/** What a discovery gives. Who called for it disposes it, or its dictionaries one by one. */
export interface Discovery extends DiscoveryCounts, Disposable {
  /** By layer, then percentile, in the calibrations' order. */
  readonly growths: readonly Growth[];
  /** Why it read no further. */
  readonly ended: DiscoveryEnd;
  /** Seconds of this run spent waiting for activations. */
  readonly secondsExtract: number;
  /** Seconds of this run spent on the dictionaries. */
  readonly secondsAssign: number;
  /** Seconds of this run spent on checkpoints. */
  readonly secondsCheckpoint: number;
  /** Gives the memory of all dictionaries back. */
  dispose(): void;
}

/** A stream of several layers, or plain batches, which are of the calibrations' first layer. */
export type ActivationStream =
  | AsyncIterable<StreamBatch | ActivationBatch>
  | Iterable<StreamBatch | ActivationBatch>;

/**
 * Grows one dictionary for every layer and percentile of the calibrations, in one pass over the stream. The pass ends when
 * all are saturated, at the budget, or with the stream. A dictionary that is saturated before founds no more regions, so
 * that what it has does not depend on the others, but goes on counting: all have taken the same activations.
 *
 * @param stream Batches in stream order, or a function that opens the stream after the given number of prompts: a run
 * that goes on from a checkpoint then need not run the model on what it has seen.
 * @param calibrations By layer, or that of one layer: the one that its source names, 0 if it names none.
 * @throws {CheckpointMismatchError} if a checkpoint to go on from is of other settings, or of a larger budget.
 * @throws {Error} if a calibration was made for another reading, all checkpoints are damaged, the stream is empty,
 * there is a budget and batches do not tell their prompts, or a batch is bad. What was grown before is in the checkpoint,
 * if there is one.
 *
 * @example
 * ```ts
 * import { calibrate } from "./calibration.ts";
 * import { discover } from "./discover.ts";
 *
 * const batch = { data: Float32Array.of(1, 0, 0, 1, 1, 1, -1, 2), rows: 4, dim: 2 };
 * const calibration = await calibrate([batch], { percentiles: [10, 50], backend: "cpu" });
 * using discovery = await discover([batch, batch, batch], calibration, { backend: "cpu" });
 * if (discovery.ended !== "saturated") throw new Error("two batches founded nothing");
 * ```
 */
export async function discover(
  stream: ActivationStream | ((skipPrompts: number) => ActivationStream),
  calibrations: CalibrationValues | ReadonlyMap<number, CalibrationValues>,
  options: DiscoverOptions = {},
): Promise<Discovery> {
  assertOptions("discover", options, OPTIONS);
  if (options.checkpoint) assertCheckpoint(options.checkpoint);
  const { backend: choice, saturationWindow = 1, readAll = false, checkpoint, signal } = options;
  const { maxTokens = Infinity, maxPrompts = Infinity } = options;
  if (!(saturationWindow >= 0)) {
    throw new RangeError(`Expected a saturation window from 0 but found ${saturationWindow}`);
  }
  if (!(maxTokens > 0)) throw new RangeError(`Expected a budget of at least 1 token but found ${maxTokens}`);
  if (!(maxPrompts > 0)) throw new RangeError(`Expected a budget of at least 1 prompt but found ${maxPrompts}`);
  const backend = await openBackend(choice);
  const byLayer = calibrationsByLayer(calibrations);
  const rules = { saturationWindow, merge: options.merge ?? false, members: options.members ?? 0 };
  const limit = (budget: number) => Number.isFinite(budget) ? budget : null;
  const settings = { rules, budget: { maxTokens: limit(maxTokens), maxPrompts: limit(maxPrompts), readAll } };
  // Every dictionary that this run makes; they are given back unless it comes to its end, and then belong to the caller.
  using made = new DisposableStack();
  const fresh = await startGrowths(byLayer, backend, options);
  for (const { dictionary } of fresh) made.use(dictionary);
  const { onWarning = console.warn } = checkpoint ?? {};
  const resumed = checkpoint?.resume
    ? await readCheckpoint(checkpoint.folder, settings, fresh, backend, onWarning)
    : undefined;
  const counts: DiscoveryCounts = resumed?.counts ?? noneRead();
  // They gave the settings to compare; the checkpoint's take their place.
  for (const { dictionary } of resumed ? fresh : []) dictionary.dispose();
  const grown = resumed?.growths ?? fresh;
  for (const { dictionary } of grown) made.use(dictionary);
  let [secondsExtract, secondsAssign, secondsCheckpoint, saved, savedAt] = [0, 0, 0, counts.batches, performance.now()];

  // Whether every dictionary has taken the same batches and can be kept, so that the run can go on from here.
  let intact = true;
  const save = async () => {
    // What cannot be written now is not tried again.
    intact = false;
    const before = performance.now();
    if (checkpoint && counts.batches > saved) await writeCheckpoint(checkpoint.folder, settings, counts, grown, saved);
    [saved, savedAt, intact] = [counts.batches, performance.now(), true];
    secondsCheckpoint += (savedAt - before) / 1000;
  };
  const ended = (): DiscoveryEnd => {
    if (!readAll && grown.every(({ saturated }) => saturated)) return "saturated";
    return counts.tokens >= maxTokens || counts.prompts >= maxPrompts ? "budget" : "stream";
  };
  const isOver = () => ended() !== "stream";

  // Prompts of the first batch that were taken before.
  let { cut: before = 0 } = counts;
  let waiting = performance.now();
  try {
    // A run that goes on from its end reads nothing.
    for await (const batch of isOver() ? [] : openStream(stream, byLayer, counts, { maxTokens, maxPrompts })) {
      const arrived = performance.now();
      secondsExtract += (arrived - waiting) / 1000;
      {
        const left = maxTokens - counts.tokens;
        const within = batch.tokens > left ? promptsWithin(batch.prompts, left) : batch.prompts.length;
        using streamed = await promptsOf(batch, 0, within);
        const taken = streamed.prompts.length;
        // After a batch has come and before any dictionary takes it: what is kept then is of whole batches.
        signal?.throwIfAborted();
        using held = new DisposableStack();
        const activations = await withinNorms(streamed, byLayer, backend, held);
        const directions = await directionsByLayer(activations, byLayer, grown, held);
        intact = false;
        await growAll(streamed, activations, directions, grown, counts, rules);
        if (streamed.isPart) counts.cut = before + taken;
        else delete counts.cut;
        before = 0;
        intact = true;
      }
      secondsAssign += (performance.now() - arrived) / 1000;
      // After the batch is given back: what the caller does here holds no memory of the model's.
      options.onProgress?.({ ...counts, regions: grown.reduce((sum, growth) => sum + growth.dictionary.size, 0) });
      if (isOver()) break;
      if (checkpoint && isDue(checkpoint, counts.batches - saved, performance.now() - savedAt)) await save();
      waiting = performance.now();
    }
  } catch (error) {
    // A bad batch must not lose what was grown before it.
    if (intact) {
      await save().catch((second: Error) => {
        throw new AggregateError([error, second], `${(error as Error).message}; and no checkpoint: ${second.message}`);
      });
    }
    throw error;
  }
  await save();
  if (counts.activations === 0) {
    throw new Error("Expected activations to partition but the stream was empty: check the corpus and its filter");
  }
  for (const growth of grown) await growth.dictionary.refresh();
  const dictionaries = made.move();
  return {
    ...counts,
    growths: grown,
    ended: ended(),
    secondsExtract,
    secondsAssign,
    secondsCheckpoint,
    dispose: () => dictionaries.dispose(),
    [Symbol.dispose]: () => dictionaries.dispose(),
  };
}

const noneRead = (): DiscoveryCounts => ({ batches: 0, prompts: 0, texts: 0, tokens: 0, activations: 0 });

/** Whether it is time for a checkpoint, some batches and milliseconds after the last. */
function isDue({ every = 10, seconds = 0 }: CheckpointOptions, batches: number, milliseconds: number): boolean {
  return batches >= every && milliseconds >= seconds * 1000;
}

function calibrationsByLayer(
  calibrations: CalibrationValues | ReadonlyMap<number, CalibrationValues>,
): ReadonlyMap<number, CalibrationValues> {
  if (calibrations instanceof Map) {
    calibrations.values().forEach(assertCalibration);
    return calibrations;
  }
  const calibration = calibrations as CalibrationValues;
  assertCalibration(calibration);
  return new Map([[calibration.source?.hook.layer ?? 0, calibration]]);
}

/** The stream from where `counts` stands, plain batches dressed as those of the first layer. */
async function* openStream(
  stream: ActivationStream | ((skipPrompts: number) => ActivationStream),
  calibrations: ReadonlyMap<number, CalibrationValues>,
  counts: DiscoveryCounts,
  budget: Readonly<Record<"maxTokens" | "maxPrompts", number>>,
): AsyncGenerator<CountedBatch> {
  // A batch in which the budget ended before is read again, without the prompts that were taken.
  const { cut = 0, rests = 0 } = counts;
  const opened = typeof stream === "function" ? stream(counts.prompts - cut) : stream;
  assertBatches("discover in", opened);
  // Batches that name no prompts can only be counted.
  let skip = typeof stream === "function" && counts.prompts > 0 ? 0 : counts.batches - rests - (cut > 0 ? 1 : 0);
  let isFirst = true;
  const [layer] = calibrations.keys();
  for await (const batch of opened) {
    const dressed = "batches" in batch ? batch : dressedBatch(batch, layer, budget);
    if (skip-- > 0) {
      dressed[Symbol.dispose]();
      continue;
    }
    yield isFirst ? await promptsOf(dressed, cut, dressed.prompts.length) : dressed;
    isFirst = false;
  }
}

/** A plain batch as one of a stream; vectors of one's own, which tell no prompts, count none. */
function dressedBatch(
  batch: ActivationBatch,
  layer: number,
  budget: Readonly<Record<"maxTokens" | "maxPrompts", number>>,
): CountedBatch {
  const prompts = batch.provenance?.prompts ?? [];
  const [limit] = Object.entries(budget).find(([, most]) => Number.isFinite(most)) ?? [];
  if (limit && prompts.length === 0 && batch.rows > 0) {
    throw new Error(
      `Expected batches that tell their prompts, to count up to ${limit}, but found ${batch.rows} rows without: give ` +
        "as many batches as it shall read, without it",
    );
  }
  const tokens = prompts.reduce((sum, prompt) => sum + prompt.tokens.length, 0);
  // Whoever made a plain batch gives it back.
  return { batches: new Map([[layer, batch]]), prompts, tokens, [Symbol.dispose]() {} };
}
