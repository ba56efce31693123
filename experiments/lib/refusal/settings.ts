/** Dictionaries of chat prompts, read for refusal: which regions hold the prompts that the model refuses. */
import type { ActivationBatch } from "../../../src/activations/mod.ts";
import { matchedRegion, refusalRegions, type RegionShare } from "../../../src/analysis/mod.ts";
import type { Dictionary, Growth } from "../../../src/partition/mod.ts";

/** Which direction of a region is ablated: its mean, its founder, or the member nearest to its mean. */
export type AblationBasis = "mean" | "exemplar" | "re-anchored";

/** All bases. */
export const BASES: readonly AblationBasis[] = ["mean", "exemplar", "re-anchored"];

/** A region of final positions, with what it takes to ablate it. */
export interface RefusalRegion extends RegionShare {
  /** Members at all positions. */
  readonly count: number;
  readonly coherence: number;
  readonly directions: Readonly<Record<AblationBasis, Float32Array<ArrayBuffer>>>;
}

/** One dictionary, read for refusal. */
export interface RefusalSetting {
  readonly seed: number;
  readonly layer: number;
  readonly percentile: number;
  readonly threshold: number;
  /** Regions, and those of them that hold final positions. */
  readonly regions: number;
  readonly occupied: number;
  readonly center: Float32Array<ArrayBuffer>;
  /** Regions of refusal, ranked. */
  readonly candidates: readonly RefusalRegion[];
  /** The answered region most like the first candidate in size and coherence, and its distance from it. */
  readonly matched?: RefusalRegion & { readonly distance: number };
}

/**
 * Reads a dictionary for refusal.
 *
 * @param reanchored The same dictionary, re-anchored.
 * @param finals Final positions of the build prompts at the dictionary's layer.
 * @param refused Whether the model refuses each of these prompts.
 * @param most Candidates to keep.
 */
export async function refusalSetting(
  { layer, percentile, dictionary }: Growth,
  reanchored: Dictionary,
  finals: ActivationBatch,
  refused: readonly boolean[],
  most: number,
): Promise<Omit<RefusalSetting, "seed">> {
  const { threshold, center, size, memberCounts, coherences } = dictionary;
  const { regions } = await dictionary.assign(finals);
  const { candidates, nulls, occupied } = refusalRegions(regions, refused);
  const shape = { memberCounts, coherences };
  const [first] = candidates;
  const match = first && matchedRegion(shape, first.region, nulls.map(({ region }) => region));
  const nullShare = nulls.find(({ region }) => region === match?.region);

  const describe = (share: RegionShare): RefusalRegion => ({
    ...share,
    count: memberCounts[share.region],
    coherence: coherences[share.region],
    directions: {
      mean: rowOf(dictionary, "means", share.region),
      exemplar: rowOf(dictionary, "exemplars", share.region),
      "re-anchored": rowOf(reanchored, "exemplars", share.region),
    },
  });
  return {
    layer,
    percentile,
    threshold,
    regions: size,
    occupied,
    center,
    candidates: candidates.slice(0, most).map(describe),
    matched: match && nullShare && { ...describe(nullShare), distance: match.distance },
  };
}

function rowOf(dictionary: Dictionary, rows: "means" | "exemplars", region: number): Float32Array<ArrayBuffer> {
  return dictionary[rows].slice(region * dictionary.dim, (region + 1) * dictionary.dim);
}
