import { exceeds } from "../../report/figures.ts";
import { quantiles } from "../statistics/quantile.ts";
import { type BestMatch, companions } from "./best_match.ts";
import { F1_CUT } from "./best_f1.ts";
import type { ComparedFirings } from "./compare_firings.ts";
import { byToken, firingCount, type Firings, firingsOf, unitCount } from "./firings.ts";

/** Units of each kind, and counterparts shown of each. */
const PICKS = 8;
const PARTS = 4;

/** Why a unit is picked: both sides have it, both have more of it than a token id has, or one side only has it. */
export const PICK_KINDS = ["shared", "shared, no single token", "EP only", "SAE only"] as const;

/** A unit that was picked, with its counterparts by number. */
export interface PickedUnit {
  /** Why it is picked. */
  readonly kind: typeof PICK_KINDS[number];
  /** Region, or feature where only the SAE has it. */
  readonly unit: number;
  /** Counterpart of largest F1 (of a shared pair the feature of the one-to-one match); `null` where there is none. */
  readonly best: number | null;
  /** F1 with that counterpart, 0..1. */
  readonly f1: number;
  /** Tokens that fire both. */
  readonly shared: number;
  /** Units of the other side that fire on most of its tokens, most first, and the shares of its tokens. */
  readonly parts: readonly { readonly unit: number; readonly covers: number }[];
}

/**
 * Picks units to be looked at: the pairs of highest F1, one to one, and those of regions that no single token id matches; of
 * the regions in the larger half and in the more coherent half, and of the features in the larger half, those of lowest best
 * F1. Halves are of the units that count.
 *
 * @param compared The regions and features, compared.
 * @param regionFirings Of the first order. @param coherences Of these regions, 0..1.
 *
 * @example
 * ```ts
 * import { compareFirings } from "./compare_firings.ts";
 * import { partitionFirings } from "./firings.ts";
 *
 * const regions = partitionFirings([0, 0, 1, 1], 2);
 * const options = { ids: Int32Array.of(5, 5, 5, 6), vocab: 7, minimum: 2, draws: [0] };
 * const features = { firings: regions, strongest: regions };
 * const compared = compareFirings([{ seed: 0, firings: regions, random: regions }], regions, features, options);
 * const picks = pickUnits(compared, regions, [0.9, 0.8], regions);
 * if (picks[0].kind !== "shared" || picks[0].best !== 0) throw new Error(JSON.stringify(picks[0]));
 * ```
 */
export function pickUnits(
  { regions, features, pairs, tokenIds }: Pick<ComparedFirings, "regions" | "features" | "pairs" | "tokenIds">,
  regionFirings: Firings,
  coherences: ArrayLike<number>,
  featureFirings: Firings,
): PickedUnit[] {
  const [regionsOfTokens, featuresOfTokens] = [byToken(regionFirings), byToken(featureFirings)];
  const pick = (kind: PickedUnit["kind"], unit: number, { unit: best, f1, shared }: BestMatch): PickedUnit => {
    const isFeature = kind === "SAE only";
    const tokens = firingsOf(isFeature ? featureFirings : regionFirings, unit);
    const parts = companions(tokens, isFeature ? regionsOfTokens : featuresOfTokens).slice(0, PARTS)
      .map((part) => ({ unit: part.unit, covers: part.shared / tokens.length }));
    // Only units that count are picked.
    return { kind, unit, best, f1: f1!, shared, parts };
  };
  const byF1 = pairs.toSorted((x, y) => y.f1 - x.f1);
  const moreThanTokens = byF1.filter(({ a }) => !exceeds(tokenIds[a].f1, F1_CUT));
  const coherent = medianOf(coherences, regions);
  const onlyRegions = lowest(regions, regionFirings, (unit) => coherences[unit] >= coherent);
  const onlyFeatures = lowest(features, featureFirings, () => true);
  return [
    ...byF1.slice(0, PICKS).map(({ a, b, ...pair }) => pick("shared", a, { unit: b, ...pair })),
    ...moreThanTokens.slice(0, PICKS).map(({ a, b, ...pair }) =>
      pick("shared, no single token", a, { unit: b, ...pair })
    ),
    ...onlyRegions.map((unit) => pick("EP only", unit, regions[unit])),
    ...onlyFeatures.map((unit) => pick("SAE only", unit, features[unit])),
  ];
}

/** Of the larger half of the units that count, those with the lowest F1. */
function lowest(matches: readonly BestMatch[], firings: Firings, isRight: (unit: number) => boolean): number[] {
  const sizes = Float64Array.from({ length: unitCount(firings) }, (_, unit) => firingCount(firings, unit));
  const large = medianOf(sizes, matches);
  return counted(matches).filter((unit) => sizes[unit] >= large && isRight(unit))
    .sort((x, y) => matches[x].f1! - matches[y].f1! || x - y).slice(0, PICKS);
}

/** Median over the units that count. */
function medianOf(values: ArrayLike<number>, matches: readonly BestMatch[]): number {
  return quantiles(counted(matches).map((unit) => values[unit]), [0.5])[0];
}

/** The units that fire often enough to count. */
function counted(matches: readonly BestMatch[]): number[] {
  return [...matches.keys()].filter((unit) => matches[unit].f1 !== null);
}
