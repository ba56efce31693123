/** Result rows of `ood`. */
import {
  DISTANCE_FIGURES,
  distanceFigures,
  type Distances,
  histogram,
  type LayerExemplars,
} from "../../../src/analysis/mod.ts";
import { LAYER, oneOf, PERCENTILE, row, type RowOf, THRESHOLD, whole } from "../../../src/report/mod.ts";

/** The sets of prompts that are scored: the dictionary's own kind of text, and three that are not. */
export const PROMPT_SETS = ["held-out", "shuffled", "Bulgarian", "random tokens"] as const;
/** One of {@linkcode PROMPT_SETS}. */
export type PromptSet = typeof PROMPT_SETS[number];

/** What distances are taken to: a dictionary's exemplars, or as many random activations. */
export const KINDS = ["regions", "coreset"] as const;
/** One of {@linkcode KINDS}. */
export type Kind = typeof KINDS[number];

/** One seed, layer, percentile, kind of exemplars and set of prompts. */
export const DISTANCE = row({
  seed: whole("of stream order, prompts, random ids, coreset"),
  layer: LAYER,
  percentile: PERCENTILE,
  kind: oneOf(KINDS, "regions: a dictionary's exemplars; coreset: random activations", { heading: "exemplars" }),
  exemplars: whole("number of exemplars", { heading: "K" }),
  set: oneOf(PROMPT_SETS, "the prompts that are scored", { heading: "prompts" }),
  threshold: THRESHOLD,
  ...DISTANCE_FIGURES,
});

/** A row of {@linkcode DISTANCE}, and activations by distance for a chart. */
export type DistanceRow = RowOf<typeof DISTANCE> & {
  /** In bins of {@linkcode BIN} from 0 to 2. */
  readonly histogram: readonly number[];
};

/** Width of a bin of a histogram, in cosine distance. */
export const BIN = 0.02;

/** Exemplars of a setting. */
export interface ScoredExemplars extends LayerExemplars {
  readonly percentile: number;
  readonly kind: Kind;
}

/** Reads every set of prompts against every set of exemplars; `distances` are in the order of `sets`. */
export function distanceRows(
  seed: number,
  sets: readonly ScoredExemplars[],
  distances: ReadonlyMap<PromptSet, readonly Distances[]>,
): DistanceRow[] {
  return sets.flatMap(({ layer, percentile, kind, exemplars: { size, threshold } }, i) =>
    PROMPT_SETS.map((set): DistanceRow => {
      const own = distances.get(set)![i];
      const reference = set === "held-out" ? undefined : distances.get("held-out")![i];
      return {
        ...{ seed, layer, percentile, kind, exemplars: size, set, threshold },
        ...distanceFigures(own, threshold, reference),
        histogram: histogram(own.activations, BIN, 2),
      };
    })
  );
}
