import { hypot } from "../compute/long_lists.ts";
import { type ActivationBatch, Batch, selectedProvenance } from "../activations/batch.ts";
import { assertReadAs, assertSameOrigin, type StreamSource } from "../activations/source.ts";
import type { Backend, Matrix, Moments } from "../compute/backend.ts";
import { inWords } from "../compute/kinds.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import { assertCalibration, type CalibrationValues, type Level } from "./calibration_values.ts";
import type { Pairs, TakenPairs } from "./calibration_pairs.ts";
import {
  assertNoneOverwhelms,
  type CalibrationSample,
  medianNorm,
  type SampledRows,
  sampleOf,
} from "./calibration_sample.ts";
import { pairPercentiles } from "./pair_percentiles.ts";

export type { CalibrationValues, Level };

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
  readonly pairs?: TakenPairs;
  readonly sample?: CalibrationSample;
  readonly normLimit?: number;
  readonly source?: StreamSource;

  /** Takes values that were measured. */
  constructor(values: CalibrationValues) {
    assertCalibration(values);
    const { center, levels, activations, pairs, sample, normLimit, source } = values;
    this.center = center;
    this.levels = levels;
    this.activations = activations;
    if (pairs) this.pairs = pairs;
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
      `Expected one of the calibrated percentiles ${this.percentiles.join(", ")} but found ${
        inWords(percentile)
      }: calibrate it too`,
    );
  }
}

/** A batch that was pushed. */
interface Pushed extends SampledRows {
  readonly matrix: Matrix;
  readonly rows: number;
  readonly moments: Moments;
}

/** What a calibration is finished with; see `CalibrateOptions`. */
interface FinishOptions {
  readonly pairs?: Pairs;
  readonly seed?: number;
  readonly maxNorm?: number;
}

// Rows that are compared at once: those of real streams differ from the first on.
const COMPARED_ROWS = 256;
/** Share of its length by which a row may be off the first and still be the same: what float32 rounds. */
const SAME = 1e-6;

/** Collects batches of one hook point, for streams that carry several; see `calibrate`. */
export class Calibrator implements Disposable {
  readonly #batches: Pushed[] = [];
  #activations = 0;
  /** What the batches tell that they were read from. */
  #source?: StreamSource;

  /**
   * @param backend Where to compute.
   * @param source What is recorded; default what the batches tell.
   */
  constructor(readonly backend: Backend, readonly source?: StreamSource) {}

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
    assertSameOrigin("calibration", this.source, provenance?.source);
    // Who names a source may mix streams that were read in several ways.
    if (!this.source) assertReadAs("calibration", this.#source, provenance?.source);
    this.#source ??= provenance?.source;
    await taken.on(this.backend, async (x) => {
      const moments = await this.backend.moments(x);
      // Distances need the center, which is known at the end only: until then every batch is kept.
      const isKept = isConstant && taken.isOnHost && this.backend.name === "cpu";
      const matrix = isKept
        ? this.backend.upload(taken.data, batch.rows, batch.dim)
        : this.#copy(x, rowNumbers(0, x.rows));
      this.#batches.push({ matrix, rows: matrix.rows, moments, norms: moments.norms, provenance });
    });
    this.#activations += batch.rows;
  }

  /**
   * The calibration of everything pushed so far.
   *
   * @param options `pairs` and `seed` as `calibrate` takes them; `maxNorm` times the median norm beyond which activations
   * are left out, default none is.
   */
  async finish(percentiles: readonly number[], options: FinishOptions = {}): Promise<Calibration> {
    const { pairs, seed = 0, maxNorm } = options;
    if (this.#activations === 0) {
      throw new Error(
        "Expected activations to calibrate on but the stream was empty: check the corpus and its filter, and what is left " +
          "out of it (excludeTokens, excludePositions; texts of one token give none)",
      );
    }
    const normLimit = maxNorm === undefined ? undefined : maxNorm * medianNorm(this.#batches);
    const masked = normLimit === undefined ? 0 : await this.#mask(normLimit);
    assertNoneOverwhelms(this.#batches);
    await this.#assertDiffer();
    const center = this.#center();
    const measured = { backend: this.backend, batches: this.#batches, center };
    const { parts, taken } = await pairPercentiles(measured, percentiles, { pairs, seed });
    const levels = percentiles.map((percentile, i) => levelOf(percentile, parts.map((values) => values[i])));
    const told = this.#source && { ...this.#source, ...(maxNorm !== undefined && { maxNorm }) };
    return new Calibration({
      ...{ center, levels, activations: this.#activations, pairs: taken, sample: sampleOf(this.#batches, masked) },
      ...{ normLimit, source: this.source ?? told },
    });
  }

  /**
   * Throws if all activations are the same but for what float32 rounds: what lies between them and their center is then
   * nothing, and its direction noise.
   */
  async #assertDiffer(): Promise<void> {
    const [{ matrix: { dim } }] = this.#batches;
    if (this.#activations < 2) return;
    let first: Float32Array | undefined;
    for (const { matrix, rows } of this.#batches) {
      for (let row = 0; row < rows; row += COMPARED_ROWS) {
        const part = await this.backend.download(matrix, rowNumbers(row, Math.min(COMPARED_ROWS, rows - row)));
        first ??= part.slice(0, dim);
        for (let start = 0; start < part.length; start += dim) {
          if (!isSame(part.subarray(start, start + dim), first)) return;
        }
      }
    }
    throw new Error(
      `Expected activations that differ, to take distances of, but all ${this.#activations} are the same: check what was ` +
        "extracted (one token over and over, a position that every text begins with)",
    );
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
      this.#batches[i] = { matrix, rows: matrix.rows, moments, norms: moments.norms, provenance };
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

/** The mean of a percentile over batches or blocks, and how far it spreads over them. */
function levelOf(percentile: number, values: readonly number[]): Level {
  const threshold = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { percentile, threshold };
  const squares = values.reduce((sum, value) => sum + (value - threshold) ** 2, 0);
  return { percentile, threshold, spread: Math.sqrt(squares / (values.length - 1)) };
}

/** Whether two rows differ by rounding at most. */
function isSame(row: Float32Array, other: Float32Array): boolean {
  let [apart, length] = [0, 0];
  for (let j = 0; j < row.length; j++) {
    apart += (row[j] - other[j]) ** 2;
    length += other[j] ** 2;
  }
  return apart <= SAME ** 2 * length;
}

/**
 * `direction * <mean(x), direction>`, direction the unit vector of `mean(x / ||x||)`: the published center. It points
 * where the activations do on average whatever their norms, so that a few of large norm do not turn it.
 */
function centerOf(sum: Float64Array, unitSum: Float64Array, count: number): Float32Array<ArrayBuffer> {
  // The length of a sum is enough for a direction: its count cancels out.
  const norm = hypot(unitSum);
  // Directions that cancel out have no mean; the center is then the origin.
  const direction = unitSum.map((value) => norm > 0 ? value / norm : 0);
  const magnitude = direction.reduce((dot, value, j) => dot + value * sum[j] / count, 0);
  return Float32Array.from(direction, (value) => value * magnitude);
}
