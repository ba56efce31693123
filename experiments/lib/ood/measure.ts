/** What is read off the distances of one set of prompts to one set of exemplars. */
import type { Distances, ExemplarSet } from "../../../src/analysis/detection/distances.ts";
import { quantiles } from "../../../src/analysis/statistics/quantile.ts";
import { auroc, truePositiveRate } from "../../../src/analysis/statistics/roc.ts";

/** The sets of prompts that are scored: the dictionary's own kind of text, and three that are not. */
export const PROMPT_SETS = ["held-out", "shuffled", "Bulgarian", "random tokens"] as const;
export type PromptSet = typeof PROMPT_SETS[number];

/** False positive rate at which the true positive rate is read. */
const FALSE_POSITIVES = 0.01;
/** Width of a bin of {@linkcode Measured.histogram}, in cosine distance. */
export const BIN = 0.02;

/** Exemplars of a dictionary, or as many random activations. */
export interface KindOfExemplars extends ExemplarSet {
  readonly percentile: number;
  readonly kind: "regions" | "coreset";
}

/** One seed, layer, percentile, kind of exemplars and set of prompts. */
export interface Measured {
  readonly seed: number;
  readonly layer: number;
  readonly percentile: number;
  readonly kind: "regions" | "coreset";
  /** Number of exemplars. */
  readonly exemplars: number;
  readonly threshold: number;
  readonly set: PromptSet;
  readonly activations: number;
  /** Mean, median, 90th and 99th percentile of the distance of activations. */
  readonly mean: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  /** Share of the activations within the threshold. */
  readonly within: number;
  /** Of activations against held-out ones; NaN for held-out text itself. */
  readonly auroc: number;
  /** True positive rate at 1 % false positives. */
  readonly tpr: number;
  /** The same of prompts, by the mean distance of their activations. */
  readonly promptAuroc: number;
  readonly promptTpr: number;
  /** Activations by distance, in bins of {@linkcode BIN} from 0 to 2. */
  readonly histogram: readonly number[];
}

/** Measures every set of prompts against every set of exemplars; `distances` are in the order of `exemplarSets`. */
export function measureSets(
  seed: number,
  exemplarSets: readonly KindOfExemplars[],
  distances: ReadonlyMap<PromptSet, readonly Distances[]>,
): Measured[] {
  return exemplarSets.flatMap(({ layer, percentile, kind, threshold, exemplars }, i) => {
    const heldout = distances.get("held-out")![i];
    return PROMPT_SETS.map((set): Measured => {
      const { activations, prompts } = distances.get(set)![i];
      const isShifted = set !== "held-out";
      const [median, p90, p99] = quantiles(activations, [0.5, 0.9, 0.99]);
      return {
        ...{ seed, layer, percentile, kind, exemplars: exemplars.rows, threshold, set },
        activations: activations.length,
        mean: activations.reduce((sum, distance) => sum + distance, 0) / activations.length,
        ...{ median, p90, p99 },
        within: activations.filter((distance) => distance <= threshold).length / activations.length,
        auroc: isShifted ? auroc(heldout.activations, activations) : NaN,
        tpr: isShifted ? truePositiveRate(heldout.activations, activations, FALSE_POSITIVES) : NaN,
        promptAuroc: isShifted ? auroc(heldout.prompts, prompts) : NaN,
        promptTpr: isShifted ? truePositiveRate(heldout.prompts, prompts, FALSE_POSITIVES) : NaN,
        histogram: histogramOf(activations),
      };
    });
  });
}

function histogramOf(distances: Float32Array): number[] {
  const counts = new Array<number>(Math.round(2 / BIN)).fill(0);
  for (const distance of distances) counts[Math.min(counts.length - 1, Math.floor(distance / BIN))]++;
  return counts;
}
