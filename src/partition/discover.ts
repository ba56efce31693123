import type { ActivationBatch } from "../activations/batch.ts";
import { assertSameReading, type StreamSource } from "../activations/source.ts";
import { batchAt, type StreamBatch } from "../activations/stream.ts";
import type { Backend, BackendChoice, Matrix } from "../compute/backend.ts";
import { openBackend } from "../compute/open.ts";
import type { Calibration } from "./calibration.ts";
import { type CheckpointOptions, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { Dictionary } from "./dictionary.ts";
import { directionsOf } from "./directions.ts";

/** Options of a discovery. */
export interface DiscoverOptions {
  /** Where to compute; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Seed of the reservoirs; default 0. */
  seed?: number;
  /** A dictionary is saturated when more than this many consecutive batches founded nothing; default 1. */
  saturationWindow?: number;
  /** Stop after the batch that reaches this many tokens, `<bos>` included; default: no limit. */
  maxTokens?: number;
  /** Merge regions within the threshold of each other after every batch; default false. */
  merge?: boolean;
  /** What each layer of the stream is read from: checked against the calibration, recorded in the dictionary. */
  sources?: ReadonlyMap<number, StreamSource>;
  /** Where and how often to keep the state of the run, and whether to go on from it. */
  checkpoint?: CheckpointOptions;
  /** Stops at the next batch, after a last checkpoint, with the signal's reason. */
  signal?: AbortSignal;
  /** Called after every batch. */
  onProgress?: (state: DiscoveryCounts & { readonly regions: number }) => void;
}

/** How far a stream was read. */
export interface DiscoveryCounts {
  batches: number;
  prompts: number;
  /** `<bos>` included; 0 for plain batches. */
  tokens: number;
  /** `<bos>` not included. */
  activations: number;
}

/** State of one dictionary after a batch. */
export interface Snapshot {
  readonly activations: number;
  readonly tokens: number;
  readonly regions: number;
  /** Regions that the batch founded. */
  readonly founded: number;
}

/** One dictionary that was grown. */
export interface Growth extends DiscoveryCounts {
  readonly layer: number;
  readonly percentile: number;
  readonly dictionary: Dictionary;
  saturated: boolean;
  /** Consecutive batches that founded nothing, up to now. */
  emptyBatches: number;
  /** One for each batch that it took. */
  readonly snapshots: Snapshot[];
}

/** What a discovery gives. */
export interface Discovery extends DiscoveryCounts {
  /** By layer, then percentile, in the calibrations' order. */
  readonly growths: readonly Growth[];
  /** Seconds of this run spent waiting for activations. */
  readonly secondsExtract: number;
  /** Seconds of this run spent on the dictionaries. */
  readonly secondsAssign: number;
}

/** A stream of several layers, or plain batches of one (layer 0). */
export type ActivationStream =
  | AsyncIterable<StreamBatch | ActivationBatch>
  | Iterable<StreamBatch | ActivationBatch>;

/**
 * Grows one dictionary for every layer and percentile of the calibrations, in one pass over the stream. A dictionary that
 * is saturated takes no more batches; the pass ends when all are, at the budget, or with the stream.
 *
 * @param stream Batches in stream order, or a function that opens the stream after the given number of prompts: a run
 * that goes on from a checkpoint then need not run the model on what it has seen.
 * @param calibrations Of the stream's one layer, or by layer.
 * @throws {Error} if a calibration was made for another reading, a checkpoint is of another run, or a batch is bad. What
 * was grown before is in the checkpoint, if there is one.
 *
 * @example
 * ```ts
 * import { calibrate } from "./calibration.ts";
 * import { discover } from "./discover.ts";
 *
 * const batch = { data: Float32Array.of(1, 0, 0, 1, 1, 1, -1, 2), rows: 4, dim: 2 };
 * const calibration = await calibrate([batch], { percentiles: [10, 50], backend: "cpu" });
 * const { growths } = await discover([batch, batch, batch], calibration, { backend: "cpu" });
 * if (!growths.every((growth) => growth.saturated)) throw new Error("two batches founded nothing");
 * ```
 */
export async function discover(
  stream: ActivationStream | ((skipPrompts: number) => ActivationStream),
  calibrations: Calibration | ReadonlyMap<number, Calibration>,
  options: DiscoverOptions = {},
): Promise<Discovery> {
  const { backend: choice = "auto", saturationWindow = 1, maxTokens = Infinity, checkpoint, signal } = options;
  const backend = typeof choice === "string" ? await openBackend(choice) : choice;
  const byLayer = calibrations instanceof Map ? calibrations : new Map([[0, calibrations as Calibration]]);
  const growths = await startGrowths(byLayer, backend, options);
  const resumed = checkpoint?.resume ? await readCheckpoint(checkpoint.folder, growths, backend) : undefined;
  const counts: DiscoveryCounts = resumed ?? { batches: 0, prompts: 0, tokens: 0, activations: 0 };
  const grown = resumed?.growths ?? growths;
  let [secondsExtract, secondsAssign, saved] = [0, 0, counts.batches];

  const save = async () => {
    if (checkpoint && counts.batches > saved) await writeCheckpoint(checkpoint.folder, counts, grown);
    saved = counts.batches;
  };
  const isOver = () => grown.every((growth) => growth.saturated) || counts.tokens >= maxTokens;

  // Whether every dictionary has taken the same batches, so that the run can go on from here.
  let intact = true;
  let waiting = performance.now();
  try {
    for await (const batch of isOver() ? [] : openStream(stream, counts)) {
      const arrived = performance.now();
      secondsExtract += (arrived - waiting) / 1000;
      try {
        signal?.throwIfAborted();
        const directions = await directionsByLayer(batch, byLayer, grown);
        intact = false;
        await growAll(batch, directions, grown, counts, saturationWindow, options.merge ?? false);
        intact = true;
      } finally {
        batch.dispose();
      }
      secondsAssign += (performance.now() - arrived) / 1000;
      options.onProgress?.({ ...counts, regions: grown.reduce((sum, growth) => sum + growth.dictionary.size, 0) });
      if (isOver()) break;
      if (checkpoint && counts.batches - saved >= (checkpoint.every ?? 10)) await save();
      waiting = performance.now();
    }
  } finally {
    // Also when a batch is bad: what was grown before it is kept.
    if (intact) await save();
  }
  for (const growth of grown) await growth.dictionary.refresh();
  return { ...counts, growths: grown, secondsExtract, secondsAssign };
}

async function startGrowths(
  calibrations: ReadonlyMap<number, Calibration>,
  backend: Backend,
  { sources, seed }: DiscoverOptions,
): Promise<Growth[]> {
  const growths: Growth[] = [];
  for (const [layer, calibration] of calibrations) {
    const source = sources?.get(layer) ?? calibration.source;
    if (calibration.source && source) assertSameReading(calibration.source, source);
    for (const [i, percentile] of calibration.percentiles.entries()) {
      const { center, thresholds } = calibration;
      const dictionary = await Dictionary.create({ center, threshold: thresholds[i], percentile, source }, {
        backend,
        seed,
      });
      const counts = { batches: 0, prompts: 0, tokens: 0, activations: 0 };
      growths.push({ layer, percentile, dictionary, saturated: false, emptyBatches: 0, snapshots: [], ...counts });
    }
  }
  return growths;
}

/** The stream from where `counts` stands, plain batches dressed as those of layer 0. */
async function* openStream(
  stream: ActivationStream | ((skipPrompts: number) => ActivationStream),
  counts: Readonly<DiscoveryCounts>,
): AsyncGenerator<Pick<StreamBatch, "batches" | "prompts" | "tokens" | "dispose">> {
  const opened = typeof stream === "function" ? stream(counts.prompts) : stream;
  let skip = typeof stream === "function" ? 0 : counts.batches;
  for await (const batch of opened) {
    const dressed = "batches" in batch
      ? batch
      : { batches: new Map([[0, batch]]), prompts: batch.provenance?.prompts ?? [], tokens: 0, dispose() {} };
    if (skip-- > 0) dressed.dispose();
    else yield dressed;
  }
}

/** Directions of every layer that still grows, before any dictionary changes: a bad row must leave all as they were. */
async function directionsByLayer(
  batch: Pick<StreamBatch, "batches">,
  calibrations: ReadonlyMap<number, Calibration>,
  growths: readonly Growth[],
): Promise<Map<number, Matrix>> {
  const directions = new Map<number, Matrix>();
  try {
    for (const [layer, { center }] of calibrations) {
      const activations = batchAt(batch, layer);
      const growing = growths.find((growth) => growth.layer === layer && !growth.saturated);
      if (growing) directions.set(layer, await directionsOf(growing.dictionary.backend, activations, center));
    }
  } catch (error) {
    for (const matrix of directions.values()) matrix.dispose();
    throw error;
  }
  return directions;
}

async function growAll(
  batch: Pick<StreamBatch, "batches" | "prompts" | "tokens">,
  directions: ReadonlyMap<number, Matrix>,
  growths: readonly Growth[],
  counts: DiscoveryCounts,
  saturationWindow: number,
  merge: boolean,
): Promise<void> {
  const [first] = batch.batches.values();
  counts.batches++;
  counts.prompts += batch.prompts.length;
  counts.tokens += batch.tokens;
  counts.activations += first?.rows ?? 0;
  try {
    // Together, so that waiting for one dictionary's answers from a GPU overlaps with the others' work.
    const results = await Promise.allSettled(
      growths.filter((growth) => !growth.saturated).map(async (growth) => {
        Object.assign(growth, counts);
        await grow(growth, directions.get(growth.layer)!, batchAt(batch, growth.layer), merge);
        growth.saturated = growth.emptyBatches > saturationWindow;
      }),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  } finally {
    for (const matrix of directions.values()) matrix.dispose();
  }
}

async function grow(growth: Growth, directions: Matrix, batch: ActivationBatch, merge: boolean): Promise<void> {
  const { dictionary, snapshots } = growth;
  // A batch of prompts without an activation says nothing about saturation.
  if (batch.rows === 0) return;
  const before = dictionary.size;
  await dictionary.ingest(directions, batch.provenance);
  const founded = dictionary.size - before;
  if (merge) await dictionary.merge();
  growth.emptyBatches = founded > 0 ? 0 : growth.emptyBatches + 1;
  const { activations } = dictionary;
  snapshots.push({ activations, tokens: growth.tokens, regions: dictionary.size, founded });
}
