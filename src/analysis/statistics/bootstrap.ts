import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { Random } from "../../compute/random.ts";
import { quantiles } from "./quantile.ts";

/** A mean with its interval. */
export interface Interval {
  /** Mean of the values themselves. */
  readonly mean: number;
  /** The interval's lower end. */
  readonly low: number;
  /** The interval's upper end. */
  readonly high: number;
}

/** How an interval is made. */
export interface BootstrapOptions {
  /** Samples drawn with replacement; default 10,000. */
  resamples?: number;
  /** Share of the resampled means inside the interval, 0..1; default 0.95. */
  level?: number;
  /** Default 0. The same seed and number of values draw the same samples. */
  seed?: number;
}

const OPTIONS: OptionKinds<BootstrapOptions> = { resamples: "number", level: "number", seed: "number" };

/**
 * How an interval is made, with the defaults.
 *
 * @internal
 * @param usual Samples where the options do not say.
 * @throws {RangeError} if there is no sample, or the level is no share.
 */
export function bootstrapSettings(options: BootstrapOptions, usual: number): Required<BootstrapOptions> {
  assertOptions("a bootstrap", options, OPTIONS);
  const { resamples = usual, level = 0.95, seed = 0 } = options;
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new RangeError(`Expected at least one resample but found ${resamples}`);
  }
  if (!(level > 0 && level < 1)) throw new RangeError(`Expected a level between 0 and 1 but found ${level}`);
  return { resamples, level, seed };
}

/**
 * The mean of some values with its percentile bootstrap interval (Efron, "Bootstrap Methods: Another Look at the
 * Jackknife", 1979): as many values are drawn with replacement, again and again, and the interval holds the middle of
 * their means. It says how the mean would vary over other values of the same kind; with few values it is too narrow.
 *
 * @param values At least one, all finite.
 * @throws {RangeError} if there is none, one is not finite, or an option makes no sense.
 *
 * @example
 * ```ts
 * const { mean, low, high } = bootstrapMean([1, 2, 3, 4]);
 * if (!(mean === 2.5 && 1 <= low && low < mean && mean < high && high <= 4)) throw new Error(`${low} ${high}`);
 * ```
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  const { resamples, level, seed } = bootstrapSettings(options, 10_000);
  const count = values.length;
  const wrong = Array.from(values).find((value) => !Number.isFinite(value));
  if (count === 0 || wrong !== undefined) {
    throw new RangeError(`Expected finite values to resample but found ${count === 0 ? "none" : wrong}`);
  }
  const random = new Random(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[random.integer(count)];
    return sum / count;
  });
  const [low, high] = quantiles(means, [(1 - level) / 2, (1 + level) / 2]);
  return { mean: Array.from(values).reduce((sum, value) => sum + value, 0) / count, low, high };
}

/**
 * The mean of `a[i] - b[i]` with its bootstrap interval: pairs are drawn, so that what makes a pair hard for both does not
 * widen the interval.
 *
 * @throws {RangeError} if there are not as many of both, or as {@linkcode bootstrapMean}.
 *
 * @example
 * ```ts
 * const { mean, low, high } = pairedDifference([0.5, 0.9], [0.25, 0.65]);
 * if (![mean, low, high].every((value) => Math.abs(value - 0.25) < 1e-9)) throw new Error(`${low} ${high}`);
 * ```
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions = {},
): Interval {
  if (a.length !== b.length) throw new RangeError(`Expected pairs but found ${a.length} and ${b.length} values`);
  return bootstrapMean(Float64Array.from(a, (value, i) => value - b[i]), options);
}
