import { LAYER, oneOf, PERCENTILE, row, type RowOf, THRESHOLD, whole } from "../../report/row.ts";
import { type ComparedExemplars, EXEMPLAR_KINDS } from "./coreset.ts";
import { DISTANCE_FIGURES, distanceFigures } from "./distance_figures.ts";
import type { Distances } from "./distances.ts";

/**
 * What the distances of a set of prompts say of a dictionary, or of random activations in its place.
 *
 * @internal
 */
export const EXEMPLAR_SCORE = row({
  layer: LAYER,
  percentile: PERCENTILE,
  kind: oneOf(EXEMPLAR_KINDS, "regions: a dictionary's exemplars; coreset: random activations", {
    heading: "exemplars",
  }),
  exemplars: whole("number of exemplars", { heading: "K" }),
  threshold: THRESHOLD,
  ...DISTANCE_FIGURES,
});

/** A row of {@linkcode EXEMPLAR_SCORE}. */
export type ExemplarScore = RowOf<typeof EXEMPLAR_SCORE>;

/**
 * Reads the distances of a set of prompts to dictionaries, and to random activations in their place.
 *
 * @param sets Dictionaries and random activations, as `Coresets.besides` gives them.
 * @param scored Distances of the prompts to each, in their order.
 * @param reference Distances of in-distribution prompts, see {@linkcode distanceFigures}; none for that set itself.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../../mod.ts";
 * import { exemplarScores } from "../mod.ts";
 *
 * const batch = { data: Float32Array.of(1, 0, 0, 1, -1, 0), rows: 3, dim: 2 };
 * const calibration = { center: new Float32Array(2), threshold: 0.5, percentile: 8 };
 * using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
 * await dictionary.add(batch);
 * const distances = { activations: Float32Array.of(0.1, 0.7), prompts: Float64Array.of(0.4) };
 *
 * const sets = [{ layer: 3, percentile: 8, kind: "regions" as const, exemplars: dictionary }];
 * const [{ exemplars, withinThreshold }] = exemplarScores(sets, [distances]);
 * if (exemplars !== 3 || withinThreshold !== 0.5) throw new Error(`${exemplars} ${withinThreshold}`);
 * ```
 */
export function exemplarScores(
  sets: readonly ComparedExemplars[],
  scored: readonly Distances[],
  reference?: readonly Distances[],
): ExemplarScore[] {
  return sets.map(({ layer, percentile, kind, exemplars: { size, threshold } }, i) => ({
    ...{ layer, percentile, kind, exemplars: size, threshold },
    ...distanceFigures(scored[i], threshold, reference?.[i]),
  }));
}
