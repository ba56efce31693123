/** Result rows of `ood`. */
import {
  type ComparedExemplars,
  type Distances,
  EXEMPLAR_SCORE,
  exemplarScores,
  histogram,
} from "../../../src/analysis/mod.ts";
import { oneOf, row, type RowOf, whole } from "../../../src/report/mod.ts";

/** The sets of prompts that are scored: the dictionary's own kind of text, and three that are not. */
export const PROMPT_SETS = ["held-out", "shuffled", "Bulgarian", "random tokens"] as const;
/** One of {@linkcode PROMPT_SETS}. */
export type PromptSet = typeof PROMPT_SETS[number];

/** One seed, layer, percentile, kind of exemplars and set of prompts. */
export const DISTANCE = row({
  seed: whole("of stream order, prompts, random ids, coreset"),
  set: oneOf(PROMPT_SETS, "the prompts that are scored", { heading: "prompts" }),
  ...EXEMPLAR_SCORE,
});

/** A row of {@linkcode DISTANCE}, and activations by distance for a chart. */
export type DistanceRow = RowOf<typeof DISTANCE> & {
  /** In bins of {@linkcode BIN} from 0 to 2. */
  readonly histogram: readonly number[];
};

/** Width of a bin of a histogram, in cosine distance. */
export const BIN = 0.02;

/** Reads every set of prompts against every set of exemplars; `distances` are in the order of `exemplars`. */
export function distanceRows(
  seed: number,
  exemplars: readonly ComparedExemplars[],
  distances: ReadonlyMap<PromptSet, readonly Distances[]>,
): DistanceRow[] {
  const heldout = distances.get("held-out")!;
  const scores = [...distances].map(([set, scored]) => {
    return { set, scored, rows: exemplarScores(exemplars, scored, set === "held-out" ? undefined : heldout) };
  });
  return exemplars.flatMap((_, i) =>
    scores.map(({ set, scored, rows }): DistanceRow => {
      return { seed, set, ...rows[i], histogram: histogram(scored[i].activations, BIN, 2) };
    })
  );
}
