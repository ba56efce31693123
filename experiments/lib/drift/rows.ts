/** Result rows of `drift`. */
import {
  balancedAccuracy,
  divideByLabel,
  MATCH_FIGURES,
  memberFields,
  type MemberFigures,
  nearestMembers,
  type OrderComparison,
  type OrderMatch,
  type RefusalCriteria,
  refusalRegion,
  type RegionShare,
  rotated,
} from "../../../src/analysis/mod.ts";
import {
  LAYER,
  number,
  oneOf,
  PERCENTILE,
  prefixed,
  row,
  type RowOf,
  sameSetting,
  THRESHOLD,
  whole,
  words,
} from "../../../src/report/mod.ts";
import type { Places, PromptPartition, PromptPartitions } from "../../../src/run/mod.ts";

/** Which two dictionaries are matched. */
export const COMPARISONS = {
  "same order": "base – instruct, same order",
  "other order": "base – instruct, other order",
  "first with itself": "base – base, other order",
  "second with itself": "instruct – instruct, other order",
  "chance": "base – rotated instruct",
} as const satisfies Record<OrderComparison, string>;

const MATCHED = row({
  layer: LAYER,
  percentile: PERCENTILE,
  comparison: oneOf(Object.values(COMPARISONS), "which two dictionaries are matched"),
  seedA: whole("stream order of the first"),
  seedB: whole("stream order of the second"),
});
/** One matching. */
export const MATCH = row({ ...MATCHED, ...MATCH_FIGURES });
/** A row of {@linkcode MATCH}, with the cosines of its pairs. */
export type MatchRow = RowOf<typeof MATCH> & Pick<OrderMatch, "cosines">;

/** One matched pair. */
export const PAIR = row({ ...MATCHED, cosine: number("cosine of the pair's mean directions") });

/** Either model. */
export const MODELS = ["base", "instruct"] as const;
/** One of {@linkcode MODELS}. */
export type Model = typeof MODELS[number];

const NO_DICTIONARY = { missing: "no dictionary could be made" } as const;
const FEW = { missing: "no dictionary could be made, or no region has enough final tokens" } as const;
const OF = row({ layer: LAYER, percentile: PERCENTILE, model: oneOf(MODELS, "base or instruct") });

/** How one dictionary of chat prompts divides their final tokens, or why there is none. */
export const FINAL_TOKENS = row({
  ...OF,
  seed: number("stream order", NO_DICTIONARY),
  threshold: THRESHOLD,
  regions: number("regions of all positions", NO_DICTIONARY),
  finalTokenRegions: number("regions that hold final tokens", { heading: "final-token regions", ...NO_DICTIONARY }),
  largestRegion: number("final tokens in the largest of them", { heading: "in the largest", ...NO_DICTIONARY }),
  maxHarmfulShare: number("largest harmful share, regions of enough final tokens", {
    heading: "max harmful share",
    ...FEW,
  }),
  maxHarmfulShareShuffled: number("largest harmful share with shuffled labels, mean", {
    heading: "shuffled",
    ...FEW,
  }),
  purity: number("share of final tokens with their region's majority label", NO_DICTIONARY),
  purityShuffled: number("purity with shuffled labels, mean", NO_DICTIONARY),
  heldoutAccuracy: number("balanced accuracy of the majority labels, held-out prompts", {
    heading: "held-out accuracy",
    ...NO_DICTIONARY,
  }),
  failure: words("why there is no dictionary", { missing: "there is one" }),
});
/** A row of {@linkcode FINAL_TOKENS}, with the regions that hold final tokens, largest first; none without a dictionary. */
export type FinalTokensRow = RowOf<typeof FINAL_TOKENS> & { readonly split: readonly RegionShare[] };

/** One region that holds final tokens. */
export const FINAL_REGION = row({
  ...OF,
  seed: whole("stream order"),
  region: whole("number in its dictionary"),
  finalTokens: whole("final tokens in it"),
  harmfulShare: number("share of them of harmful prompts"),
});

/** The instruct model's region of refusal, and the regions nearest to it. */
export const REFUSAL = row({
  layer: LAYER,
  percentile: PERCENTILE,
  seed: whole("stream order", { heading: "order" }),
  refusalRate: number("share of refused prompts among its final tokens"),
  finalTokens: whole("final tokens in the refusal region"),
  baseCosine: number("cosine with the base model's nearest region"),
  reorderCosine: number("cosine with the nearest of another stream order", { heading: "other-order cosine" }),
  chanceCosine: number("cosine with the nearest of the rotated base regions"),
  ...prefixed("refusal", memberFields("the refusal region")),
  ...prefixed("base", memberFields("the base model's nearest region")),
  ...prefixed("reorder", memberFields("the instruct model's nearest region of another stream order")),
});
/** A row of {@linkcode REFUSAL}, with the regions by whose they are. */
export type RefusalRow = RowOf<typeof REFUSAL> & {
  readonly members: Readonly<Record<"refusal" | "base" | "reorder", MemberFigures>>;
};

/** What prompts are labelled with. */
export interface PromptLabels {
  readonly harmful: readonly boolean[];
  readonly heldoutHarmful: readonly boolean[];
  /** Whether the instruct model refuses each prompt. */
  readonly refused: readonly boolean[];
}

/** Divides the final tokens of every dictionary of one model. */
export function finalTokenRows(
  model: Model,
  { bySeed, failed, places, heldoutPlaces }: PromptPartitions,
  { harmful, heldoutHarmful }: PromptLabels,
  minMembers: number,
): { readonly made: FinalTokensRow[]; readonly failed: FinalTokensRow[] } {
  const rate = harmful.filter(Boolean).length / harmful.length;
  const finalOf = (regions: Int32Array, { final }: Places) => final.map((place) => regions[place]);
  const made = [...bySeed].flatMap(([seed, partitions]) =>
    partitions.map(({ layer, percentile, threshold, size, regions, heldout }): FinalTokensRow => {
      const division = divideByLabel(finalOf(regions, places), harmful, { minMembers, seed });
      return {
        ...{ layer, percentile, model, seed, threshold, regions: size },
        finalTokenRegions: division.split.length,
        largestRegion: division.split[0].members,
        maxHarmfulShare: division.maxShare,
        maxHarmfulShareShuffled: division.maxShareShuffled,
        purity: division.purity,
        purityShuffled: division.purityShuffled,
        heldoutAccuracy: balancedAccuracy(division.split, rate, finalOf(heldout, heldoutPlaces), heldoutHarmful),
        failure: null,
        split: division.split,
      };
    })
  );
  const none = {
    ...{ model, seed: null, regions: null, finalTokenRegions: null, largestRegion: null, split: [] },
    ...{ maxHarmfulShare: null, maxHarmfulShareShuffled: null, purity: null, purityShuffled: null },
    heldoutAccuracy: null,
  };
  return { made, failed: failed.map(({ reason, ...setting }) => ({ ...setting, ...none, failure: reason })) };
}

/** The refusal region of every dictionary of the instruct model that has one, and the regions nearest to it. */
export function refusalRows(
  base: PromptPartitions,
  instruct: PromptPartitions,
  labels: PromptLabels,
  criteria: RefusalCriteria,
): RefusalRow[] {
  const seeds = [...instruct.bySeed.keys()];
  const placed = (partition: PromptPartition, { places }: PromptPartitions) => ({ ...partition, places });
  return seeds.flatMap((seed, i) =>
    instruct.bySeed.get(seed)!.flatMap((partition): RefusalRow[] => {
      const refusal = refusalRegion(placed(partition, instruct), labels, criteria);
      const counterpart = sameSetting(base.bySeed.get(seed) ?? [], partition);
      const reordered = sameSetting(instruct.bySeed.get(seeds[(i + 1) % seeds.length])!, partition)!;
      if (!refusal || !counterpart) return [];
      const other = placed(counterpart, base);
      const nearest = nearestMembers(refusal.direction, other, labels.harmful);
      const again = nearestMembers(refusal.direction, placed(reordered, instruct), labels.harmful);
      const turned = { ...other, means: rotated(other.means, other.dim, seed) };
      return [{
        layer: partition.layer,
        percentile: partition.percentile,
        seed,
        refusalRate: refusal.rate,
        finalTokens: refusal.finalTokens,
        baseCosine: nearest.cosine,
        reorderCosine: again.cosine,
        chanceCosine: nearestMembers(refusal.direction, turned, labels.harmful).cosine,
        ...prefixed("refusal", refusal.members),
        ...prefixed("base", nearest.members),
        ...prefixed("reorder", again.members),
        members: { refusal: refusal.members, base: nearest.members, reorder: again.members },
      }];
    })
  );
}
