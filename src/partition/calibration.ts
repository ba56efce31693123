import type { ActivationBatch } from "../activations/batch.ts";
import type { StreamSource } from "../activations/source.ts";
import { batchAt, type StreamBatch } from "../activations/stream.ts";
import type { Backend, BackendChoice, Matrix } from "../compute/backend.ts";
import { assertPercentiles } from "../compute/histogram.ts";
import { openBackend } from "../compute/open.ts";
import { withMatrix } from "./directions.ts";
import { rowNumbers } from "./reservoir.ts";

/** What a stream of activations is measured against. */
export interface Calibration {
  /** Length `dim`; see {@linkcode calibrate}. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Percentiles of pairwise cosine distance, as asked for. */
  readonly percentiles: readonly number[];
  /** The distance of each percentile, in the same order. */
  readonly thresholds: readonly number[];
  /** Activations seen. */
  readonly activations: number;
  /** What produced them (model, hook, extractor, context, corpus). */
  readonly source?: StreamSource;
}

/** Options of a calibration. */
export interface CalibrateOptions {
  /** Percentiles of pairwise cosine distance, 0..100; default `[10]`. */
  percentiles?: readonly number[];
  /** Stop once this many activations were seen (overshoots by at most a batch); default 200,000. */
  activations?: number;
  /** Where to compute; default `"auto"`. */
  backend?: BackendChoice | Backend;
  /** Recorded in the result. */
  source?: StreamSource;
}

/**
 * Measures center and thresholds of a stream.
 *
 * With `u = mean(x / ||x||)` and `direction = u / ||u||`, the center is `direction * <mean(x), direction>`. The threshold of
 * a percentile is the mean over batches of that percentile (linear interpolation between ranks) of all cosine distances
 * between the batch's centred activations; batches of fewer than two are skipped. So batch size changes it: the
 * published batch is 128 prompts of 128 tokens. Holds all activations it sees in memory, `activations x dim` float32.
 *
 * @throws {Error} if the stream is empty, has no batch of two rows, or a row that is not finite.
 *
 * @example
 * ```ts
 * import { calibrate } from "./calibration.ts";
 *
 * const data = Float32Array.of(1, 0, 0, 1, 1, 1);
 * const { center, thresholds } = await calibrate([{ data, rows: 3, dim: 2 }], { percentiles: [50], backend: "cpu" });
 * if (center.length !== 2 || !(thresholds[0] > 0)) throw new Error(`unexpected thresholds ${thresholds}`);
 * ```
 */
export async function calibrate(
  batches: AsyncIterable<ActivationBatch> | Iterable<ActivationBatch>,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  const { percentiles = [10], activations = 200_000, backend: choice = "auto", source } = options;
  assertPercentiles(percentiles);
  const calibrator = new Calibrator(typeof choice === "string" ? await openBackend(choice) : choice);
  try {
    for await (const batch of batches) {
      await calibrator.push(batch);
      if (calibrator.activations >= activations) break;
    }
    return await calibrator.finish(percentiles, source);
  } finally {
    calibrator.dispose();
  }
}

/**
 * Calibrates several layers in one pass over a stream; see {@linkcode calibrate}.
 *
 * @param stream Batches; each is disposed.
 * @param layers Layers of the stream to calibrate.
 * @param options As for one layer; `sourceOf` gives what is recorded for each, `onBatch` is called after every batch with
 * the activations seen so far.
 * @returns Calibrations by layer.
 * @throws {Error} as {@linkcode calibrate} does. @throws {RangeError} if the stream has no such layer.
 */
export async function calibrateLayers(
  stream: AsyncIterable<StreamBatch>,
  layers: readonly number[],
  options: Omit<CalibrateOptions, "source"> & {
    sourceOf?: (layer: number) => StreamSource;
    onBatch?: (activations: number) => void;
  } = {},
): Promise<Map<number, Calibration>> {
  const { percentiles = [10], activations = 200_000, backend: choice = "auto", sourceOf, onBatch } = options;
  assertPercentiles(percentiles);
  const backend = typeof choice === "string" ? await openBackend(choice) : choice;
  const calibrators = new Map(layers.map((layer) => [layer, new Calibrator(backend)]));
  const calibrations = new Map<number, Calibration>();
  try {
    let seen = 0;
    for await (const streamed of stream) {
      try {
        for (const [layer, calibrator] of calibrators) {
          await calibrator.push(batchAt(streamed, layer));
          seen = calibrator.activations;
        }
      } finally {
        streamed.dispose();
      }
      onBatch?.(seen);
      if (seen >= activations) break;
    }
    for (const [layer, calibrator] of calibrators) {
      calibrations.set(layer, await calibrator.finish(percentiles, sourceOf?.(layer)));
      calibrator.dispose();
    }
    return calibrations;
  } finally {
    for (const calibrator of calibrators.values()) calibrator.dispose();
  }
}

/** Collects batches of one hook point, for streams that carry several; see {@linkcode calibrate}. */
export class Calibrator {
  readonly #batches: Matrix[] = [];
  #sum = new Float64Array(0);
  #unitSum = new Float64Array(0);
  #activations = 0;

  constructor(readonly backend: Backend) {}

  /** Activations seen so far. */
  get activations(): number {
    return this.#activations;
  }

  /** Takes a copy of a batch. */
  async push(batch: ActivationBatch): Promise<void> {
    if (batch.rows === 0) return;
    if (this.#activations === 0) {
      this.#sum = new Float64Array(batch.dim);
      this.#unitSum = new Float64Array(batch.dim);
    } else if (batch.dim !== this.#sum.length) {
      throw new RangeError(
        `Expected activations of length ${this.#sum.length}, as before, but found ${batch.dim}: use one model and layer`,
      );
    }
    const moments = await withMatrix(this.backend, batch, async (x) => {
      const moments = await this.backend.moments(x);
      this.#batches.push(this.#copy(x));
      return moments;
    });
    for (let j = 0; j < batch.dim; j++) {
      this.#sum[j] += moments.sum[j];
      this.#unitSum[j] += moments.unitSum[j];
    }
    this.#activations += batch.rows;
  }

  /** The calibration of everything pushed so far. */
  async finish(percentiles: readonly number[], source?: StreamSource): Promise<Calibration> {
    if (this.#activations === 0) {
      throw new Error("Expected activations to calibrate on but the stream was empty: check the corpus and its filter");
    }
    const center = centerOf(this.#sum, this.#unitSum, this.#activations);
    const sums = new Float64Array(percentiles.length);
    let measured = 0;
    for (const batch of this.#batches) {
      if (batch.rows < 2) continue;
      const directions = await this.backend.directions(batch, center);
      try {
        const values = await this.backend.percentiles(directions, percentiles);
        values.forEach((value, i) => sums[i] += value);
      } finally {
        directions.dispose();
      }
      measured++;
    }
    if (measured === 0) {
      throw new Error("Expected a batch of at least two activations to take distances of but every batch had one");
    }
    const thresholds = [...sums].map((sum) => sum / measured);
    return {
      center,
      percentiles: [...percentiles],
      thresholds,
      activations: this.#activations,
      ...(source && { source }),
    };
  }

  #copy(x: Matrix): Matrix {
    const copy = this.backend.create(x.dim, x.rows);
    const rows = rowNumbers(0, x.rows);
    this.backend.copyRows(x, rows, copy, rows);
    return copy;
  }

  /** Gives the copies back. */
  dispose(): void {
    for (const batch of this.#batches.splice(0)) batch.dispose();
  }
}

/** `direction * <mean(x), direction>`, direction the unit vector of `mean(x / ||x||)`. */
function centerOf(sum: Float64Array, unitSum: Float64Array, count: number): Float32Array<ArrayBuffer> {
  const norm = Math.hypot(...unitSum);
  const direction = unitSum.map((value) => norm > 0 ? value / norm : 0);
  const magnitude = direction.reduce((dot, value, j) => dot + value * sum[j] / count, 0);
  return Float32Array.from(direction, (value) => value * magnitude);
}
