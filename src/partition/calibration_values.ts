/** What a calibration holds, and whether a caller gives that. */
import type { StreamSource } from "../activations/source.ts";
import { inWords } from "../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import type { TakenPairs } from "./calibration_pairs.ts";
import type { CalibrationSample } from "./calibration_sample.ts";

/** A percentile of pairwise cosine distance, and that distance. */
export interface Level {
  /** p, 0..100. */
  readonly percentile: number;
  /** θ, cosine distance, 0..2: a mean over batches, or over blocks of the sample (see {@linkcode TakenPairs}). */
  readonly threshold: number;
  /**
   * Standard deviation of θ over these. Absent where there was one, and in calibrations of before it was looked at.
   */
  readonly spread?: number;
}

/** What a calibration holds. */
export interface CalibrationValues {
  /** Length `dim`; the spherical mean, scaled; see `calibrate`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** In the order in which percentiles were asked for. */
  readonly levels: readonly Level[];
  /** Activations seen. */
  readonly activations: number;
  /** Which pairs distances were taken of, and why; absent in calibrations of before there was a choice. */
  readonly pairs?: TakenPairs;
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

/** The kinds of {@linkcode CalibrationValues}. */
export const VALUES: OptionKinds<CalibrationValues> = {
  center: "array",
  levels: "list",
  activations: "number",
  pairs: "object",
  sample: "object",
  normLimit: "number",
  source: "object",
};

/** The kinds of a {@linkcode Level}. */
export const LEVEL: OptionKinds<Level> = { percentile: "number", threshold: "number", spread: "number" };

/**
 * Throws unless this is a whole calibration, of all its percentiles.
 *
 * @throws {TypeError} that says so, of what `Calibration.at` gives too.
 */
export function assertCalibration(calibration: CalibrationValues): void {
  const { levels, center, threshold }: Partial<CalibrationValues & Level> = Object(calibration);
  if (levels === undefined || center === undefined) {
    const found = threshold === undefined ? inWords(calibration) : "one percentile of it, as its at() gives it";
    throw new TypeError(`Expected a whole calibration, as calibrate gives it, but found ${found}`);
  }
  assertOptions("a calibration", calibration, VALUES);
  for (const level of levels) {
    assertOptions("a level of a calibration", level, LEVEL);
    if (level.percentile !== undefined && level.threshold !== undefined) continue;
    throw new TypeError(`Expected levels of a calibration with their percentile and threshold but one lacks either`);
  }
}
