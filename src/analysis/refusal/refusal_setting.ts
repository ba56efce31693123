import type { ActivationBatch } from "../../activations/batch.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { Growth } from "../../partition/growth.ts";
import { number, row, type RowOf, whole } from "../../report/row.ts";
import { matchedRegion } from "../interventions/matched_region.ts";
import type { RegionShare } from "../regions/label_split.ts";
import { refusalRegions } from "./refusal_regions.ts";

/** Which direction of a region is ablated: its mean, its founder, or the member nearest to its mean. */
export const BASES = ["mean", "exemplar", "re-anchored"] as const;
/** One of {@linkcode BASES}. */
export type AblationBasis = typeof BASES[number];

/** A region of final positions, with what it takes to ablate it. */
export interface AblatableRegion extends RegionShare {
  /** Members at all positions. */
  readonly count: number;
  /** Norm of its mean direction, 0..1. */
  readonly coherence: number;
  /** Unit directions, length `dim`. */
  readonly directions: Readonly<Record<AblationBasis, Float32Array<ArrayBuffer>>>;
}

/** One dictionary of chat prompts, read for refusal. */
export interface RefusalSetting {
  /** Seed of its stream order. */
  readonly seed: number;
  /** Layer whose output it partitions. */
  readonly layer: number;
  /** Percentile p of its threshold. */
  readonly percentile: number;
  /** θ, cosine distance. */
  readonly threshold: number;
  /** Number of its regions. */
  readonly size: number;
  /** Regions that hold a final position. */
  readonly occupied: number;
  /** Length `dim`: ablation moves activations along a direction to here. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Regions of refusal, ranked. */
  readonly candidates: readonly AblatableRegion[];
  /** The answered region most like the first candidate in size and coherence, and its distance from it; null if none is. */
  readonly matched: AblatableRegion & { readonly distance: number } | null;
}

/**
 * Reads a dictionary for refusal: its regions in which refused prompts end, and as their null the region most alike in which
 * answered ones end (see `refusalRegions` and `matchedRegion`).
 *
 * @param growth The dictionary, which was grown on every position of the prompts, and the seed of their order.
 * @param reanchored The same dictionary, re-anchored.
 * @param finals Final positions of the prompts at the dictionary's layer, `prompts x dim`.
 * @param refused Whether the model refuses each prompt.
 * @param most Candidates to keep.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/dictionary.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * const finals = { data: Float32Array.from(Array(5).fill([1, 0]).concat(Array(5).fill([0, 1])).flat()), rows: 10, dim: 2 };
 * await dictionary.add(finals);
 * using reanchored = await dictionary.reanchor([finals]);
 *
 * const refused = Array.from({ length: 10 }, (_, i) => i < 5);
 * const growth = { seed: 0, layer: 6, percentile: 2, dictionary };
 * const { candidates: [first], matched } = await refusalSetting(growth, reanchored, finals, refused, 3);
 * if (first.region !== 0 || first.share !== 1 || matched?.region !== 1) throw new Error(`${first.region} ${first.share}`);
 * ```
 */
export async function refusalSetting(
  { seed, layer, percentile, dictionary }: Pick<Growth, "layer" | "percentile" | "dictionary"> & {
    readonly seed: number;
  },
  reanchored: Dictionary,
  finals: ActivationBatch,
  refused: readonly boolean[],
  most: number,
): Promise<RefusalSetting> {
  const { threshold, center, size, memberCounts, coherences } = dictionary;
  const { regions } = await dictionary.assign(finals);
  const { candidates, nulls, occupied } = refusalRegions(regions, refused);
  const describe = (share: RegionShare): AblatableRegion => ({
    ...share,
    count: memberCounts[share.region],
    coherence: coherences[share.region],
    directions: {
      mean: rowOf(dictionary, "means", share.region),
      exemplar: rowOf(dictionary, "exemplars", share.region),
      "re-anchored": rowOf(reanchored, "exemplars", share.region),
    },
  });
  const [first] = candidates;
  const match = first &&
    matchedRegion({ memberCounts, coherences }, first.region, nulls.map(({ region }) => region));
  const nullShare = nulls.find(({ region }) => region === match?.region);
  return {
    ...{ seed, layer, percentile, threshold, size, occupied, center },
    candidates: candidates.slice(0, most).map(describe),
    matched: match && nullShare ? { ...describe(nullShare), distance: match.distance } : null,
  };
}

function rowOf(dictionary: Dictionary, rows: "means" | "exemplars", region: number): Float32Array<ArrayBuffer> {
  return dictionary[rows].slice(region * dictionary.dim, (region + 1) * dictionary.dim);
}

const [NO_REFUSAL, NO_NULL] = [{ missing: "no region of refusal" }, { missing: "no null region" }];

/**
 * A dictionary's first region of refusal and its null.
 *
 * @internal
 */
export const REFUSAL_FIGURES = row({
  finalRegions: whole("regions that hold a prompt's final position"),
  candidates: whole("regions of refusal: 5 prompts or more, 30 % refused or more; at most as many as are ablated"),
  members: number("prompts that end in the first of them", NO_REFUSAL),
  share: number("share of those prompts that the model refuses, 0..1", NO_REFUSAL),
  count: number("members of the first region of refusal at all positions", NO_REFUSAL),
  coherence: number("norm of the first region's mean direction, 0..1", NO_REFUSAL),
  nullMembers: number("prompts that end in the null region", NO_NULL),
  nullShare: number("share of the null's prompts that the model refuses, 0..1", NO_NULL),
  nullCount: number("the null's members at all positions", NO_NULL),
  nullCoherence: number("norm of the null's mean direction, 0..1", NO_NULL),
});
/** A row of {@linkcode REFUSAL_FIGURES}. */
export type RefusalFigures = RowOf<typeof REFUSAL_FIGURES>;

/**
 * The figures of a setting, as a row of {@linkcode REFUSAL_FIGURES}.
 *
 * @example
 * ```ts
 * const { finalRegions, share } = refusalFigures({ occupied: 7, candidates: [], matched: null });
 * if (finalRegions !== 7 || share !== null) throw new Error("no region of refusal among the seven");
 * ```
 */
export function refusalFigures(
  { occupied, candidates, matched }: Pick<RefusalSetting, "occupied" | "candidates" | "matched">,
): RefusalFigures {
  const first = candidates.at(0);
  return {
    finalRegions: occupied,
    candidates: candidates.length,
    members: first?.members ?? null,
    share: first?.share ?? null,
    count: first?.count ?? null,
    coherence: first?.coherence ?? null,
    nullMembers: matched?.members ?? null,
    nullShare: matched?.share ?? null,
    nullCount: matched?.count ?? null,
    nullCoherence: matched?.coherence ?? null,
  };
}
