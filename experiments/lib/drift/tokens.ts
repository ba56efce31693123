/** What final tokens and the refusal region fall into. */
import { TEMPLATE_PARTS } from "../../../src/activations/mod.ts";
import {
  balancedAccuracy,
  largestShare,
  nearestDirection,
  purity,
  type RegionShare,
  rotated,
  splitByLabel,
} from "../../../src/analysis/mod.ts";
import { Random } from "../../../src/compute/mod.ts";
import { meanOfAll as meanOf, sameSetting, type SettingKey as Setting } from "../../../src/report/mod.ts";
import type { Places, PromptPartition, PromptPartitions } from "../../../src/run/mod.ts";

/** Either model. */
export type Side = "base" | "instruct";

/** What prompts are labelled with. */
export interface PromptLabels {
  /** Whether each prompt is harmful. */
  readonly harmful: readonly boolean[];
  /** Whether each held-out prompt is harmful. */
  readonly heldoutHarmful: readonly boolean[];
  /** Whether the instruct model refuses each prompt. */
  readonly refused: readonly boolean[];
}

/** How one dictionary divides final tokens. */
export interface FinalTokens extends Setting {
  readonly model: Side;
  readonly seed: number;
  readonly threshold: number;
  readonly size: number;
  /** The regions that hold final tokens and their harmful share, largest first. */
  readonly split: readonly RegionShare[];
  /** Largest harmful share among regions of at least `minMembers` final tokens; NaN if there is none. */
  readonly maxShare: number;
  /** What `maxShare` is with the labels shuffled, mean over shuffles. */
  readonly maxShareShuffled: number;
  /** Share of final tokens that are of their region's larger label. */
  readonly purity: number;
  /** Purity with the labels shuffled, mean over shuffles. */
  readonly purityShuffled: number;
  /** Balanced accuracy of the regions' majority labels on held-out prompts. */
  readonly accuracy: number;
}

const SHUFFLES = 50;

/** Divides the final tokens of every dictionary of one model. */
export function finalTokens(
  model: Side,
  { bySeed, places, heldoutPlaces }: PromptPartitions,
  { harmful, heldoutHarmful }: PromptLabels,
  minMembers: number,
): FinalTokens[] {
  const rate = harmful.filter(Boolean).length / harmful.length;
  return [...bySeed].flatMap(([seed, partitions]) =>
    partitions.map(({ layer, percentile, threshold, size, regions, heldout }) => {
      const final = at(regions, places);
      const split = splitByLabel(final, harmful);
      const random = new Random(seed);
      const shuffled = Array.from({ length: SHUFFLES }, () => splitByLabel(final, random.shuffle([...harmful])));
      const mean = (measure: (split: readonly RegionShare[]) => number) => meanOf(shuffled.map(measure));
      return {
        model,
        seed,
        layer,
        percentile,
        threshold,
        size,
        split,
        maxShare: largestShare(split, minMembers),
        maxShareShuffled: mean((split) => largestShare(split, minMembers)),
        purity: purity(split),
        purityShuffled: mean(purity),
        accuracy: balancedAccuracy(split, rate, at(heldout, heldoutPlaces), heldoutHarmful),
      };
    })
  );
}

const at = (regions: Int32Array, { final }: Places) => final.map((place) => regions[place]);

/** Where the members of a region lie. */
export interface Members {
  readonly region: number;
  readonly members: number;
  /** Share of them in each of `TEMPLATE_PARTS`. */
  readonly parts: readonly number[];
  /** Share of them in harmful prompts. */
  readonly harmful: number;
}

/** The instruct model's refusal region and what it corresponds to. */
export interface RefusalRegion extends Setting {
  readonly seed: number;
  readonly refusal: Members;
  /** Share of refused prompts among the region's final tokens. */
  readonly rate: number;
  /** Final tokens in it. */
  readonly finals: number;
  /** The base model's nearest region of the same stream order. */
  readonly base: Members & { readonly cosine: number };
  /** The instruct model's nearest region of another stream order. */
  readonly reorder: Members & { readonly cosine: number };
  /** Cosine of the nearest of the base model's regions after a random rotation. */
  readonly chance: number;
}

/** Which regions may be the refusal region. */
export interface RefusalRule {
  /** Final tokens at least. */
  readonly minMembers: number;
  /** Share of refused prompts among them at least. */
  readonly minRate: number;
}

/**
 * The refusal region of every dictionary of the instruct model that has one (the largest rate x final tokens), the nearest
 * region of the base model, and where the members of both lie.
 */
export function refusalRegions(
  base: PromptPartitions,
  instruct: PromptPartitions,
  { harmful, refused }: PromptLabels,
  { minMembers, minRate }: RefusalRule,
): RefusalRegion[] {
  const seeds = [...instruct.bySeed.keys()];
  return seeds.flatMap((seed, i) =>
    instruct.bySeed.get(seed)!.flatMap((partition) => {
      const other = sameSetting(base.bySeed.get(seed) ?? [], partition);
      const reordered = sameSetting(instruct.bySeed.get(seeds[(i + 1) % seeds.length])!, partition)!;
      const [best] = splitByLabel(at(partition.regions, instruct.places), refused)
        .filter(({ members, share }) => members >= minMembers && share >= minRate)
        .sort((a, b) => b.share * b.members - a.share * a.members);
      if (!best || !other) return [];
      const direction = partition.means.subarray(best.region * partition.dim, (best.region + 1) * partition.dim);
      const nearest = (to: PromptPartition, places: Places) => {
        const { row, cosine } = nearestDirection(direction, to.means);
        return { ...membersOf(to, row, places, harmful), cosine };
      };
      return [{
        seed,
        layer: partition.layer,
        percentile: partition.percentile,
        refusal: membersOf(partition, best.region, instruct.places, harmful),
        rate: best.share,
        finals: best.members,
        base: nearest(other, base.places),
        reorder: nearest(reordered, instruct.places),
        chance: nearestDirection(direction, rotated(other.means, other.dim, seed)).cosine,
      }];
    })
  );
}

function membersOf(
  { regions }: Pick<PromptPartition, "regions">,
  region: number,
  places: Places,
  harmful: readonly boolean[],
): Members {
  const inside = [...regions.keys()].filter((place) => regions[place] === region);
  const share = (isCounted: (place: number) => boolean) => inside.filter(isCounted).length / inside.length;
  return {
    region,
    members: inside.length,
    parts: TEMPLATE_PARTS.map((part) => share((place) => places.part[place] === part)),
    harmful: share((place) => harmful[places.prompt[place]]),
  };
}
