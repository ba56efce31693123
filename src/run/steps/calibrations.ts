import type { ExtractProgress } from "../../activations/extract.ts";
import type { StreamSource } from "../../activations/source.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import type { Backend } from "../../compute/backend.ts";
import { calibrateLayers, type Calibration, type Pairs } from "../../partition/calibration.ts";
import { cacheCalibration, cachedCalibration, type CalibrationKey } from "../../partition/calibration_cache.ts";
import { fingerprint } from "../folder/fingerprint.ts";
import type { Progress } from "../terminal/progress.ts";

/** Where calibrations of earlier runs are kept. */
const CACHE = "results/cache/calibration";
/** What a calibration is measured by; of another definition none is used again. */
const DEFINITION = "definition 5";

/** What {@linkcode calibrationsOf} needs. */
export interface CalibrationRequest {
  /** What each layer is read from. */
  readonly sources: ReadonlyMap<number, StreamSource>;
  readonly percentiles: readonly number[];
  /** Activations to measure on. */
  readonly activations: number;
  /** Times the median norm beyond which activations are left out; default none is. */
  readonly maxNorm?: number;
  /** Pairs to take distances of; default as the batches are. */
  readonly pairs?: Pairs;
  /** Seed of the stream's order, and of the deal of a sample into blocks. */
  readonly seed: number;
  readonly backend: Backend;
  /** Which of the model's weights are run, and in what. */
  readonly weights: string;
  /** Files that the numbers depend on, the model's folder and the corpus; those that are not local are passed over. */
  readonly files: readonly string[];
  readonly progress: Progress;
  /** Takes a sentence for the reader. */
  readonly note: (sentence: string) => void;
  /** Put before the progress stage's name. */
  readonly label?: string;
  /** Texts of the stream, where that is known. */
  readonly texts?: number;
}

/**
 * Calibrations by layer: those of an earlier run with the same settings and files, or measured in one pass.
 *
 * @param stream Opens a stream that ends at as many activations as are asked for, and tells how far it is.
 */
export async function calibrationsOf(
  request: CalibrationRequest,
  stream: (onProgress: (state: ExtractProgress) => void) => AsyncIterable<StreamBatch>,
): Promise<Map<number, Calibration>> {
  const { sources, percentiles, activations, maxNorm, pairs, seed, backend, progress, note, texts } = request;
  const { label = "" } = request;
  const files = [DEFINITION, request.weights, ...await Promise.all(request.files.map(fingerprint))].join(" ");
  const keyOf = (layer: number): CalibrationKey => {
    return { source: sources.get(layer)!, percentiles, activations, pairs, seed, backend: backend.name, files };
  };
  const layers = [...sources.keys()];
  const cached = await Promise.all(layers.map((layer) => cachedCalibration(CACHE, keyOf(layer), note)));
  if (cached.every((calibration) => calibration !== undefined)) {
    return new Map(layers.map((layer, i) => [layer, cached[i]!]));
  }
  const stage = progress.stage(`${label}calibrate`, activations, "activations");
  const read = stream((state) => {
    stage.set(state.activations);
    // All that there are may be fewer.
    if (texts !== undefined) stage.budget(state.texts, texts, "texts", state.inTexts);
    if (state.activations >= activations || state.texts === texts) stage.note("taking distances");
  });
  const calibrations = await calibrateLayers(read, layers, {
    percentiles,
    activations,
    pairs,
    seed,
    maxNorm,
    backend,
    sourceOf: (layer) => sources.get(layer)!,
  });
  stage.end();
  try {
    for (const [layer, calibration] of calibrations) await cacheCalibration(CACHE, keyOf(layer), calibration);
  } catch (error) {
    note(`${(error as Error).message.replace(/\.?$/, ".")} The calibration is not kept for later runs.`);
  }
  return calibrations;
}
