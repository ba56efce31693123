import { type ActivationBatch, Batch } from "../activations/batch.ts";
import type { StreamSource } from "../activations/source.ts";
import type { Backend, Matrix } from "../compute/backend.ts";
import { rowNumbers } from "../compute/row_numbers.ts";

/** A percentile of pairwise cosine distance, and that distance. */
export interface Level {
  /** p, 0..100. */
  readonly percentile: number;
  /** θ, cosine distance, 0..2. */
  readonly threshold: number;
}

/** What a calibration holds. */
export interface CalibrationValues {
  /** Length `dim`; the spherical mean, scaled; see `calibrate`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** In the order in which percentiles were asked for. */
  readonly levels: readonly Level[];
  /** Activations seen. */
  readonly activations: number;
  /** What produced them (model, hook, extractor, context, corpus). */
  readonly source?: StreamSource;
}

/**
 * What a stream of activations is measured against: its center, and the distances at which dictionaries can be grown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const levels = [{ percentile: 1, threshold: 0.2 }, { percentile: 10, threshold: 0.6 }];
 * const calibration = new Calibration({ center: new Float32Array(2), levels, activations: 1000 });
 * assertEquals(calibration.percentiles, [1, 10]);
 * assertEquals(calibration.at(10).threshold, 0.6);
 * ```
 */
export class Calibration implements CalibrationValues {
  readonly center: Float32Array<ArrayBuffer>;
  readonly levels: readonly Level[];
  readonly activations: number;
  readonly source?: StreamSource;

  /** Takes values that were measured. */
  constructor({ center, levels, activations, source }: CalibrationValues) {
    this.center = center;
    this.levels = levels;
    this.activations = activations;
    if (source) this.source = source;
  }

  /** The percentile of each level. */
  get percentiles(): number[] {
    return this.levels.map(({ percentile }) => percentile);
  }

  /** The threshold of each level. */
  get thresholds(): number[] {
    return this.levels.map(({ threshold }) => threshold);
  }

  /**
   * What a dictionary of one of the percentiles is built under: `Dictionary.create(calibration.at(10))`.
   *
   * @throws {RangeError} if it was not measured.
   */
  at(percentile: number): Level & Omit<CalibrationValues, "levels" | "activations"> {
    const level = this.levels.find((level) => level.percentile === percentile);
    if (level) return { ...level, center: this.center, ...(this.source && { source: this.source }) };
    throw new RangeError(
      `Expected one of the calibrated percentiles ${
        this.percentiles.join(", ")
      } but found ${percentile}: calibrate it too`,
    );
  }
}

/** Collects batches of one hook point, for streams that carry several; see `calibrate`. */
export class Calibrator implements Disposable {
  readonly #batches: Matrix[] = [];
  #sum = new Float64Array(0);
  #unitSum = new Float64Array(0);
  #activations = 0;

  constructor(readonly backend: Backend) {}

  /** Activations seen so far. */
  get activations(): number {
    return this.#activations;
  }

  /**
   * Takes a batch: a copy of it, unless its values are on the host and stay as they are.
   *
   * @param isConstant Whether nobody changes the values from now on.
   */
  async push(batch: ActivationBatch, isConstant = false): Promise<void> {
    if (batch.rows === 0) return;
    if (this.#activations === 0) {
      this.#sum = new Float64Array(batch.dim);
      this.#unitSum = new Float64Array(batch.dim);
    } else if (batch.dim !== this.#sum.length) {
      throw new RangeError(
        `Expected activations of length ${this.#sum.length}, as before, but found ${batch.dim}: use one model and layer`,
      );
    }
    const taken = Batch.of(batch);
    const moments = await taken.on(this.backend, async (x) => {
      const moments = await this.backend.moments(x);
      // Distances need the center, which is known at the end only: until then every batch is kept.
      const isKept = isConstant && taken.isOnHost && this.backend.name === "cpu";
      this.#batches.push(isKept ? this.backend.upload(taken.data, batch.rows, batch.dim) : this.#copy(x));
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
      // Its activation counts in the center all the same.
      if (batch.rows < 2) continue;
      using directions = await this.backend.directions(batch, center);
      const values = await this.backend.percentiles(directions, percentiles);
      values.forEach((value, i) => sums[i] += value);
      measured++;
    }
    if (measured === 0) {
      throw new Error("Expected a batch of at least two activations to take distances of but every batch had one");
    }
    // A mean of percentiles within batches, as published: pairs across batches are never looked at.
    const levels = percentiles.map((percentile, i) => ({ percentile, threshold: sums[i] / measured }));
    return new Calibration({ center, levels, activations: this.#activations, source });
  }

  #copy(x: Matrix): Matrix {
    const copy = this.backend.create(x.dim, x.rows);
    const rows = rowNumbers(0, x.rows);
    this.backend.copyRows(x, rows, copy, rows);
    return copy;
  }

  /** Gives the copies back. */
  [Symbol.dispose](): void {
    for (const batch of this.#batches.splice(0)) batch.dispose();
  }
}

/**
 * `direction * <mean(x), direction>`, direction the unit vector of `mean(x / ||x||)`: the published center. It points
 * where the activations do on average whatever their norms, so that a few of large norm do not turn it.
 */
function centerOf(sum: Float64Array, unitSum: Float64Array, count: number): Float32Array<ArrayBuffer> {
  // The length of a sum is enough for a direction: its count cancels out.
  const norm = Math.hypot(...unitSum);
  // Directions that cancel out have no mean; the center is then the origin.
  const direction = unitSum.map((value) => norm > 0 ? value / norm : 0);
  const magnitude = direction.reduce((dot, value, j) => dot + value * sum[j] / count, 0);
  return Float32Array.from(direction, (value) => value * magnitude);
}
