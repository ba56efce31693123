import { type ActivationBatch, assertBatches } from "../activations/batch.ts";
import type { StreamSource } from "../activations/source.ts";
import { batchAt, layered, type LayeredBatch } from "../activations/stream.ts";
import type { Backend, BackendChoice } from "../compute/backend.ts";
import { assertPercentiles } from "../compute/histogram.ts";
import { assertKind } from "../compute/kinds.ts";
import { assertOneOf, assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { Calibration, type CalibrationValues, Calibrator, type Level } from "./calibrator.ts";
import { openBackend } from "../compute/open.ts";
import { assertSeed } from "../compute/random.ts";
import { PAIRS, type Pairs, type TakenPairs } from "./calibration_pairs.ts";
import type { CalibrationSample } from "./calibration_sample.ts";

export { Calibration, type CalibrationSample, type CalibrationValues, type Level, type Pairs, type TakenPairs };

/** Options of a calibration. */
export interface CalibrateOptions {
  /** Percentiles of pairwise cosine distance, 0..100; default `[10]`. */
  percentiles?: readonly number[];
  /** Stop once this many activations were seen (overshoots by at most a batch); default 200,000. */
  activations?: number;
  /**
   * Times the median norm beyond which activations are left out, here and by `discover` under the calibration: those of
   * attention sinks lie in one direction, far out. Default none is left out.
   */
  maxNorm?: number;
  /**
   * Which pairs of activations distances are taken of: those within each `"batch"` of the stream, as published, or those of
   * the whole `"sample"`, which is dealt into blocks of 3,072 to 5,120 rows, or one of up to 6,143. Default within batches
   * as long as these tell of the sample; {@linkcode Calibration.pairs} says which it was, and why.
   */
  pairs?: Pairs;
  /** Seed of that deal; default 0. */
  seed?: number;
  /** Where to compute; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Recorded in the result; default what the batches tell. */
  source?: StreamSource;
}

const OPTIONS: OptionKinds<CalibrateOptions> = {
  percentiles: "numbers",
  activations: "number",
  maxNorm: "number",
  pairs: "string",
  seed: "number",
  backend: ["string", "backend"],
  source: "object",
};

/**
 * Measures center and thresholds of a stream.
 *
 * With `u = mean(x / ||x||)` and `direction = u / ||u||`, the center is `direction * <mean(x), direction>`. The
 * threshold of a percentile is the mean over batches of that percentile (linear interpolation between ranks) of all
 * cosine distances between the batch's centred activations, as published: the published batch is 128 shuffled prompts of
 * 128 tokens. Batches of fewer than two are skipped, and the last one if it has less than half of the mean rows of the
 * others: what is left at a stream's end must not weigh as much as a whole batch.
 *
 * Such a mean depends on how the stream is cut and ordered. So it is taken over blocks that all activations are dealt into
 * at random instead, where batches do not tell of the whole: if one has fewer than 128 rows, if those of vectors of one's
 * own (without provenance) differ more than twofold in size, or if distances within batches are more than 5 % off those of
 * the whole (at p 2), as in a stream that is sorted by source. `pairs` asks for one or the other.
 *
 * Holds all activations it sees in memory, `activations x dim` float32.
 *
 * @param batches Activations, `rows x dim` each, all of one length.
 * @param options Percentiles, default `[10]`; activations to measure on, default 200,000; which pairs; where to compute.
 * @returns The center, and the threshold of each percentile as a cosine distance, 0..2, with its spread over batches or
 * blocks.
 * @throws {RangeError} before anything is read, if an option makes no sense.
 * @throws {Error} if the stream is empty, has no pair of rows, or a row that is not finite; if all rows are the same; if
 * activations of more than 10 times the median norm are together half as long as all others, or those of more than 100
 * times a tenth: they would draw the center to them.
 *
 * @example
 * ```ts
 * import { calibrate } from "./calibration.ts";
 *
 * const data = Float32Array.of(1, 0, 0, 1, 1, 1);
 * const calibration = await calibrate([{ data, rows: 3, dim: 2 }], { percentiles: [10, 50], backend: "cpu" });
 * const { center, threshold } = calibration.at(50);
 * if (center.length !== 2 || !(threshold > 0)) throw new Error(`unexpected threshold ${threshold}`);
 * ```
 */
export async function calibrate(
  batches: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  assertOptions("calibrate", options, OPTIONS);
  assertBatches("calibrate on", batches);
  assertValues(options);
  const { percentiles = [10], activations = 200_000, pairs, seed, maxNorm, backend: choice, source } = options;
  using calibrator = new Calibrator(await openBackend(choice), source);
  for await (const batch of batches) {
    await calibrator.push(batch);
    if (calibrator.activations >= activations) break;
  }
  return await calibrator.finish(percentiles, { pairs, seed, maxNorm });
}

/** What several layers are calibrated with. */
export type CalibrateLayersOptions = Omit<CalibrateOptions, "source"> & {
  /** What is recorded for each layer; default what its batches tell. */
  sourceOf?: (layer: number) => StreamSource;
  /** Called after every batch with the activations seen so far. */
  onBatch?: (activations: number) => void;
};

const { source: _, ...SHARED } = OPTIONS;
const LAYER_OPTIONS: OptionKinds<CalibrateLayersOptions> = { ...SHARED, sourceOf: "function", onBatch: "function" };

/**
 * Calibrates several layers in one pass over a stream, each as {@linkcode calibrate} does one.
 *
 * @param stream Batches; each is disposed. Arrays of those with provenance, as `extract` gives them, are kept and not
 * copied.
 * @param layers Layers of the stream to calibrate.
 * @param options As for one layer; `sourceOf` gives what is recorded for each, `onBatch` is called after every batch
 * with the activations seen so far.
 * @returns Calibrations by layer.
 * @throws {Error} as {@linkcode calibrate} does.
 * @throws {RangeError} if the stream has no such layer.
 *
 * @example
 * ```ts
 * async function* stream() {
 *   const [near, far] = [[1, 0, 1, 0.2, 1, 0.4], [1, 0, 0, 1, -1, 0]].map((values) => Float32Array.from(values));
 *   const batches = new Map([[3, { data: near, rows: 3, dim: 2 }], [5, { data: far, rows: 3, dim: 2 }]]);
 *   yield { batches, [Symbol.dispose]() {} };
 * }
 * const calibrations = await calibrateLayers(stream(), [3, 5], { percentiles: [50], backend: "cpu" });
 * if (calibrations.get(5)!.activations !== 3) throw new Error("three activations of each layer");
 * ```
 */
export async function calibrateLayers(
  stream: AsyncIterable<LayeredBatch>,
  layers: readonly number[],
  options: CalibrateLayersOptions = {},
): Promise<Map<number, Calibration>> {
  assertOptions("calibrateLayers", options, LAYER_OPTIONS);
  assertValues(options);
  assertKind("layers of calibrateLayers", layers, "numbers");
  if (layers.length === 0) throw new RangeError("Expected at least one layer to calibrate but found none");
  const { percentiles = [10], activations = 200_000, pairs, seed, maxNorm, backend: choice } = options;
  const { sourceOf, onBatch } = options;
  const backend = await openBackend(choice);
  using made = new DisposableStack();
  const calibrators = new Map(layers.map((layer) => [layer, made.use(new Calibrator(backend, sourceOf?.(layer)))]));
  let seen = 0;
  for await (using streamed of layered(stream)) {
    for (const [layer, calibrator] of calibrators) {
      const batch = batchAt(streamed, layer);
      // What the model gave, and says so, has arrays of its own; a caller's array may be that of the next batch, too.
      await calibrator.push(batch, batch.provenance !== undefined);
      // All layers of a batch have the same rows.
      seen = calibrator.activations;
    }
    onBatch?.(seen);
    if (seen >= activations) break;
  }
  const calibrations = new Map<number, Calibration>();
  for (const [layer, calibrator] of calibrators) {
    // A layer's copies are given back before the next layer makes directions of its own.
    using finished = calibrator;
    calibrations.set(layer, await finished.finish(percentiles, { pairs, seed, maxNorm }));
  }
  return calibrations;
}

function assertValues({ percentiles = [], activations = 1, pairs, seed = 0, maxNorm = 2 }: CalibrateOptions): void {
  assertPercentiles(percentiles);
  // Infinity: all that there are.
  if (!(activations >= 1)) {
    throw new RangeError(`Expected activations to calibrate on to be a number from 1 but found ${activations}`);
  }
  if (pairs !== undefined) assertOneOf("pairs", pairs, PAIRS);
  assertSeed(seed);
  if (!(maxNorm > 1)) {
    throw new RangeError(`Expected maxNorm to be a number of times the median norm, more than 1, but found ${maxNorm}`);
  }
}
