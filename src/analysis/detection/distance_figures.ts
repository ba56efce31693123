import { number, row, type RowOf, whole } from "../../report/row.ts";
import { quantiles } from "../statistics/quantile.ts";
import { auroc, truePositiveRate } from "../statistics/roc.ts";
import type { Distances } from "./distances.ts";

/** False positive rate at which the true positive rate is read. */
const FALSE_POSITIVES = 0.01;

const REFERENCE = { missing: "the reference itself" } as const;

/**
 * What distances to the nearest exemplar say of a set of prompts.
 *
 * @internal
 */
export const DISTANCE_FIGURES = row({
  activations: whole("activations that are scored"),
  mean: number("mean distance of activations to the nearest exemplar"),
  median: number("median distance of activations to the nearest exemplar"),
  p90: number("90th percentile of activations' distance to the nearest exemplar"),
  p99: number("99th percentile of activations' distance to the nearest exemplar"),
  withinThreshold: number("share of activations within θ, 0..1", { heading: "within θ" }),
  auroc: number("AUROC of one activation's distance against the reference's", { heading: "AUROC", ...REFERENCE }),
  tpr: number("true positive rate at 1 % false positives, by activation", { heading: "TPR", ...REFERENCE }),
  aurocPrompt: number("AUROC of a prompt's mean distance", { heading: "AUROC of prompts", ...REFERENCE }),
  tprPrompt: number("true positive rate at 1 % false positives, by prompt", {
    heading: "TPR of prompts",
    ...REFERENCE,
  }),
});

/** A row of {@linkcode DISTANCE_FIGURES}. */
export type DistanceFigures = RowOf<typeof DISTANCE_FIGURES>;

/**
 * Reads the distances of a set of prompts.
 *
 * @param scored Its distances to some exemplars.
 * @param threshold The exemplars' θ.
 * @param reference The distances of in-distribution prompts to the same exemplars, which AUROC and true positive rate are
 * taken against; none for that set itself.
 *
 * @example
 * ```ts
 * const near = { activations: Float32Array.of(0.1, 0.2), prompts: Float64Array.of(0.15) };
 * const far = { activations: Float32Array.of(0.6, 0.8), prompts: Float64Array.of(0.7) };
 * const { auroc, withinThreshold } = distanceFigures(far, 0.6, near);
 * if (auroc !== 1 || withinThreshold !== 0) throw new Error(`${auroc} ${withinThreshold}`);
 * ```
 */
export function distanceFigures(
  { activations, prompts }: Distances,
  threshold: number,
  reference?: Distances,
): DistanceFigures {
  const [median, p90, p99] = quantiles(activations, [0.5, 0.9, 0.99]);
  return {
    activations: activations.length,
    mean: activations.reduce((sum, distance) => sum + distance, 0) / activations.length,
    ...{ median, p90, p99 },
    withinThreshold: activations.filter((distance) => distance <= threshold).length / activations.length,
    auroc: reference ? auroc(reference.activations, activations) : null,
    tpr: reference ? truePositiveRate(reference.activations, activations, FALSE_POSITIVES) : null,
    aurocPrompt: reference ? auroc(reference.prompts, prompts) : null,
    tprPrompt: reference ? truePositiveRate(reference.prompts, prompts, FALSE_POSITIVES) : null,
  };
}
