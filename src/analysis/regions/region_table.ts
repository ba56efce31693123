import type { LanguageModel, LensToken } from "../../model/types.ts";
import type { Context } from "../../partition/contexts.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { Basis } from "../../partition/parts.ts";
import { lensTokens } from "./lens_tokens.ts";

/** A region as people read it. */
export interface RegionRow {
  /** Number in its dictionary. */
  readonly region: number;
  /** Members. */
  readonly count: number;
  /** Norm of the mean member direction, 0..1. */
  readonly coherence: number;
  /** Mean cosine distance of the members to the exemplar. */
  readonly meanDistance: number;
  /** Stream index of the founding activation. */
  readonly founder: number;
  /** What the logit lens reads off the region's direction, largest logit first; none where it cannot read the hook. */
  readonly lens: readonly LensToken[];
  /** Members nearest to the exemplar, nearest first. */
  readonly nearest: readonly Context[];
}

/**
 * Describes every region of a dictionary, in region order.
 *
 * @param model The model that the activations came from; its final norm and unembedding are the lens, which reads
 * directions of the residual stream and of what is added to it, no others.
 * @param options `basis` (default `"mean"`): the direction that is read; `k` (default 5): tokens of the lens.
 */
export async function describeRegions(
  dictionary: Dictionary,
  model: LanguageModel,
  options: { basis?: Basis; k?: number } = {},
): Promise<RegionRow[]> {
  const { basis = "mean", k = 5 } = options;
  const { size, memberCounts, coherences, distanceSums, founders } = dictionary;
  const at = dictionary.source?.hook.at;
  const lens = await lensTokens(model, dictionary.directions(basis).slice(), size, k, at);
  return Array.from({ length: size }, (_, region) => ({
    region,
    count: memberCounts[region],
    coherence: coherences[region],
    meanDistance: distanceSums[region] / memberCounts[region],
    founder: founders[region],
    lens: lens[region],
    nearest: dictionary.nearestContexts(region),
  }));
}
