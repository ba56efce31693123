import { lengthOf } from "../compute/long_lists.ts";
import { type ActivationBatch, Batch, rowError, selectedProvenance } from "../activations/batch.ts";
import type { StreamSource } from "../activations/source.ts";
import type { Backend, Matrix, Moments } from "../compute/backend.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import {
  assertNoneOverwhelms,
  type CalibrationSample,
  medianNorm,
  type SampledRows,
  sampleOf,
} from "./calibration_sample.ts";

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
  /** Norms and repetitions of what was seen; absent in calibrations of before they were looked at. */
  readonly sample?: CalibrationSample;
  /**
   * Norm beyond which activations were left out; absent if none was. `discover` leaves them out too; who adds batches to a
   * dictionary by hand leaves them out there.
   */
  readonly normLimit?: number;
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
  readonly sample?: CalibrationSample;
  readonly normLimit?: number;
  readonly source?: StreamSource;

  /** Takes values that were measured. */
  constructor({ center, levels, activations, sample, normLimit, source }: CalibrationValues) {
    this.center = center;
    this.levels = levels;
    this.activations = activations;
    if (sample) this.sample = sample;
    if (normLimit !== undefined) this.normLimit = normLimit;
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
  at(percentile: number): Level & Pick<CalibrationValues, "center" | "source"> {
    const level = this.levels.find((level) => level.percentile === percentile);
    if (level) return { ...level, center: this.center, ...(this.source && { source: this.source }) };
    throw new RangeError(
      `Expected one of the calibrated percentiles ${
        this.percentiles.join(", ")
      } but found ${percentile}: calibrate it too`,
    );
  }
}

/** A batch that was pushed. */
interface Pushed extends SampledRows {
  readonly matrix: Matrix;
  readonly moments: Moments;
}

/** Share of the largest batch's rows that a stream's last batch must have for its distances to count. */
const SMALL_BATCH = 0.25;

/** Collects batches of one hook point, for streams that carry several; see `calibrate`. */
export class Calibrator implements Disposable {
  readonly #batches: Pushed[] = [];
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
    const taken = Batch.of(batch);
    if (batch.rows === 0) return;
    const { dim } = this.#batches[0]?.matrix ?? batch;
    if (batch.dim !== dim) {
      throw new RangeError(
        `Expected activations of length ${dim}, as before, but found ${batch.dim}: use one model and layer`,
      );
    }
    const { provenance } = taken;
    await taken.on(this.backend, async (x) => {
      const moments = await this.backend.moments(x);
      // Distances need the center, which is known at the end only: until then every batch is kept.
      const isKept = isConstant && taken.isOnHost && this.backend.name === "cpu";
      const matrix = isKept
        ? this.backend.upload(taken.data, batch.rows, batch.dim)
        : this.#copy(x, rowNumbers(0, x.rows));
      this.#batches.push({ matrix, moments, norms: moments.norms, provenance });
    });
    this.#activations += batch.rows;
  }

  /**
   * The calibration of everything pushed so far.
   *
   * @param maxNorm Times the median norm beyond which activations are left out; default none is.
   */
  async finish(
    percentiles: readonly number[],
    { maxNorm, source }: { readonly maxNorm?: number; readonly source?: StreamSource } = {},
  ): Promise<Calibration> {
    if (this.#activations === 0) {
      throw new Error(
        "Expected activations to calibrate on but the stream was empty: check the corpus and its filter, and what is left " +
          "out of it (excludeTokens, excludePositions; texts of one token give none)",
      );
    }
    const normLimit = maxNorm === undefined ? undefined : maxNorm * medianNorm(this.#batches);
    const masked = normLimit === undefined ? 0 : await this.#mask(normLimit);
    assertNoneOverwhelms(this.#batches);
    const center = this.#center();
    const sums = new Float64Array(percentiles.length);
    let measured = 0;
    const most = this.#batches.reduce((rows, { matrix }) => Math.max(rows, matrix.rows), 0);
    for (const [i, { matrix, provenance }] of this.#batches.entries()) {
      // What is left at a stream's end must not weigh as much as a whole batch; in the center it counts all the same.
      const isRest = i === this.#batches.length - 1 && matrix.rows < SMALL_BATCH * most;
      if (matrix.rows < 2 || isRest) continue;
      using directions = await this.backend.directions(matrix, center).catch((error) => {
        throw rowError({ provenance }, error);
      });
      const values = await this.backend.percentiles(directions, percentiles);
      values.forEach((value, i) => sums[i] += value);
      measured++;
    }
    if (measured === 0) {
      throw new Error("Expected a batch of at least two activations to take distances of but every batch had one");
    }
    // A mean of percentiles within batches, as published: pairs across batches are never looked at.
    const levels = percentiles.map((percentile, i) => ({ percentile, threshold: sums[i] / measured }));
    const sample = sampleOf(this.#batches, masked);
    return new Calibration({ center, levels, activations: this.#activations, sample, normLimit, source });
  }

  /** Leaves out activations beyond a norm, and says how many. */
  async #mask(limit: number): Promise<number> {
    let masked = 0;
    for (const [i, batch] of this.#batches.entries()) {
      const rows = Int32Array.from(batch.norms.keys().filter((row) => batch.norms[row] <= limit));
      if (rows.length === batch.norms.length) continue;
      masked += batch.norms.length - rows.length;
      const matrix = this.#copy(batch.matrix, rows);
      batch.matrix.dispose();
      // Summed anew: what is left of a sum after its largest terms are taken away is mostly rounding.
      const moments = await this.backend.moments(matrix);
      const provenance = batch.provenance && selectedProvenance(batch.provenance, rows);
      this.#batches[i] = { matrix, moments, norms: moments.norms, provenance };
    }
    this.#activations -= masked;
    return masked;
  }

  #center(): Float32Array<ArrayBuffer> {
    const [{ matrix: { dim } }] = this.#batches;
    const [sum, unitSum] = [new Float64Array(dim), new Float64Array(dim)];
    for (const { moments } of this.#batches) {
      for (let j = 0; j < dim; j++) {
        sum[j] += moments.sum[j];
        unitSum[j] += moments.unitSum[j];
      }
    }
    return centerOf(sum, unitSum, this.#activations);
  }

  #copy(x: Matrix, rows: Int32Array): Matrix {
    const copy = this.backend.create(x.dim, rows.length);
    this.backend.copyRows(x, rows, copy, rowNumbers(0, rows.length));
    return copy;
  }

  /** Gives the copies back. */
  [Symbol.dispose](): void {
    for (const { matrix } of this.#batches.splice(0)) matrix.dispose();
  }
}

/**
 * `direction * <mean(x), direction>`, direction the unit vector of `mean(x / ||x||)`: the published center. It points
 * where the activations do on average whatever their norms, so that a few of large norm do not turn it.
 */
function centerOf(sum: Float64Array, unitSum: Float64Array, count: number): Float32Array<ArrayBuffer> {
  // The length of a sum is enough for a direction: its count cancels out.
  const norm = lengthOf(unitSum);
  // Directions that cancel out have no mean; the center is then the origin.
  const direction = unitSum.map((value) => norm > 0 ? value / norm : 0);
  const magnitude = direction.reduce((dot, value, j) => dot + value * sum[j] / count, 0);
  return Float32Array.from(direction, (value) => value * magnitude);
}
