import { Random } from "../../compute/random.ts";
import { type BootstrapOptions, bootstrapSettings, type Interval } from "./bootstrap.ts";
import { quantiles } from "./quantile.ts";

/**
 * A figure of documents with its percentile bootstrap interval: as many documents are drawn with replacement, again and
 * again, and the figure is computed of each draw. Activations of one text are not independent, so it is documents that
 * are drawn, not activations.
 *
 * @param documents How many there are.
 * @param figure Computes the figure of documents given by number, some several times. Draws that give NaN are left out.
 * @param options As of `bootstrapMean`; 1,000 resamples by default.
 * @returns The figure of all documents, and its interval.
 *
 * @example
 * ```ts
 * // Right answers and questions of three documents.
 * const [right, all] = [[1, 2, 9], [2, 2, 10]];
 * const sum = (values: number[], drawn: Int32Array) => drawn.reduce((total, i) => total + values[i], 0);
 * const { mean, low, high } = bootstrapDocuments(3, (drawn) => sum(right, drawn) / sum(all, drawn));
 * if (mean !== 12 / 14 || !(low < mean && mean < high)) throw new Error(`${low} ${mean} ${high}`);
 * ```
 */
export function bootstrapDocuments(
  documents: number,
  figure: (drawn: Int32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  const { resamples, level, seed } = bootstrapSettings(options, 1000);
  if (!(documents >= 1)) throw new RangeError("Expected documents to resample but found none");
  const random = new Random(seed);
  // One array for all draws: `figure` must not keep it.
  const drawn = new Int32Array(documents);
  const figures: number[] = [];
  for (let i = 0; i < resamples; i++) {
    for (let j = 0; j < documents; j++) drawn[j] = random.integer(documents);
    const value = figure(drawn);
    if (!Number.isNaN(value)) figures.push(value);
  }
  const [low, high] = quantiles(figures, [(1 - level) / 2, (1 + level) / 2]);
  return { mean: figure(drawn.map((_, j) => j)), low, high };
}
