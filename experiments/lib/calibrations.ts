import type { StreamSource } from "../../src/activations/source.ts";
import type { StreamBatch } from "../../src/activations/stream.ts";
import type { Backend } from "../../src/compute/backend.ts";
import { calibrateLayers, type Calibration } from "../../src/partition/calibration.ts";
import { cacheCalibration, cachedCalibration, type CalibrationKey } from "../../src/partition/calibration_cache.ts";
import { localPath } from "../../src/hub/hub_file.ts";
import type { Progress } from "./progress.ts";

/** Files of a model's folder that its activations of a text or a chat depend on. */
const MODEL_FILES = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "onnx/model.onnx",
];

/** Where calibrations of earlier runs are kept. */
const CACHE = "results/cache/calibration";

/** What {@linkcode calibrationsOf} needs. */
export interface CalibrationRequest {
  /** What each layer is read from. */
  readonly sources: ReadonlyMap<number, StreamSource>;
  readonly percentiles: readonly number[];
  /** Activations to measure on. */
  readonly activations: number;
  /** Seed of the stream's order. */
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
}

/** Calibrations by layer: those of an earlier run with the same settings and files, or measured in one pass. */
export async function calibrationsOf(
  request: CalibrationRequest,
  stream: () => AsyncIterable<StreamBatch>,
): Promise<Map<number, Calibration>> {
  const { sources, percentiles, activations, seed, backend, progress, note, label = "" } = request;
  const files = [request.weights, ...await Promise.all(request.files.map(fingerprint))].join(" ");
  const keyOf = (layer: number): CalibrationKey => {
    return { source: sources.get(layer)!, percentiles, activations, seed, backend: backend.name, files };
  };
  const layers = [...sources.keys()];
  const cached = await Promise.all(layers.map((layer) => cachedCalibration(CACHE, keyOf(layer), note)));
  if (cached.every((calibration) => calibration !== undefined)) {
    return new Map(layers.map((layer, i) => [layer, cached[i]!]));
  }
  const stage = progress.stage(`${label}calibrate`, activations, "activations");
  const calibrations = await calibrateLayers(stream(), layers, {
    percentiles,
    activations,
    backend,
    sourceOf: (layer) => sources.get(layer)!,
    onBatch: (seen) => stage.set(Math.min(seen, activations)),
  });
  stage.end();
  for (const [layer, calibration] of calibrations) await cacheCalibration(CACHE, keyOf(layer), calibration);
  return calibrations;
}

/** Size and time of a file, or of the files of a model's folder; of a file of the hub also its commit. */
async function fingerprint(name: string): Promise<string> {
  const parts: string[] = [];
  // In a cache the path holds the commit.
  const path = await localPath(name);
  for (const name of ["", ...MODEL_FILES.map((file) => `/${file}`)]) {
    try {
      const { isFile, size, mtime } = await Deno.stat(path + name);
      if (isFile) parts.push(`${path}${name}:${size}:${mtime?.getTime()}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    }
  }
  return parts.join(" ");
}
