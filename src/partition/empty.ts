import type { Backend } from "../compute/backend.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { assertSeed } from "../compute/random.ts";
import { Contexts } from "./contexts.ts";
import { type CalibrationValues, LEVEL, type Level, VALUES } from "./calibration_values.ts";
import type { DictionaryOptions } from "./options.ts";
import type { DictionaryCalibration, DictionaryParts } from "./parts.ts";
import { RegionArrays } from "./region_arrays.ts";
import { Members } from "./members.ts";

/** Distances are known to about 1e-6: a smaller threshold would tell equal activations apart by rounding. */
const SMALLEST_THRESHOLD = 1e-6;

/**
 * The parts of an empty dictionary.
 *
 * @throws {RangeError} if the threshold is not more than 1e-6 and less than 2, the center is not finite, or the number
 * of members or the seed is none.
 */
export function emptyParts(
  calibration: DictionaryCalibration,
  backend: Backend,
  { seed = 0, members = 0 }: Pick<DictionaryOptions, "seed" | "members">,
): DictionaryParts {
  assertCalibrated(calibration);
  const { threshold, percentile } = calibration;
  const center = Float32Array.from(calibration.center);
  if (center.length === 0 || !center.every(Number.isFinite)) {
    throw new RangeError(`Expected a center of finite numbers but found ${center.length} of them, not all finite`);
  }
  if (!(threshold > SMALLEST_THRESHOLD && threshold < 2)) {
    const suffix = percentile === undefined ? "" : ` at percentile ${percentile}`;
    throw new RangeError(
      `Expected a threshold between ${SMALLEST_THRESHOLD} and 2 but found ${threshold}${suffix}: a stream with many ` +
        "equal activations (shared prompt prefixes) has a threshold of 0 at small percentiles; take a larger one",
    );
  }
  if (!Number.isInteger(members) || members < 0) {
    throw new RangeError(`Expected a number of members to keep a region, 0 for none, but found ${members}`);
  }
  assertSeed(seed);
  return {
    backend,
    calibration: { ...calibration, center },
    seed,
    exemplars: backend.create(center.length),
    sums: backend.create(center.length),
    regions: new RegionArrays(),
    contexts: new Contexts(),
    ...(members > 0 && { members: new Members(center.length, seed, members) }),
    activations: 0,
    beyond: 0,
    foundedUntil: 0,
    batches: 0,
  };
}

type Calibrated = DictionaryCalibration & Level & CalibrationValues;

/** What `Calibration.at` says of a percentile, or a whole calibration with a threshold beside it. */
const CALIBRATED: OptionKinds<Calibrated> = { ...VALUES, ...LEVEL };

/** Throws unless this is the center and threshold of one percentile, not a whole calibration. */
function assertCalibrated(calibration: DictionaryCalibration): void {
  const { levels, threshold }: Partial<Calibrated> = Object(calibration);
  if (Array.isArray(levels) && threshold === undefined) {
    const percentiles = levels.map(({ percentile }) => percentile);
    throw new TypeError(
      `Expected the center and threshold of one percentile but found a whole calibration, of ${
        percentiles.join(", ")
      }: ` +
        `give what its at() gives, calibration.at(${percentiles[0]})`,
    );
  }
  assertOptions("a calibration", calibration as Calibrated, CALIBRATED);
  for (const name of ["center", "threshold"] as const) {
    if (calibration[name] !== undefined) continue;
    throw new TypeError(
      `Expected a calibration with its center and threshold, as Calibration.at gives one, but found no ${name}`,
    );
  }
}
