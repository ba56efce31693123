/** Which regions and features are looked at: what both have, what only one has. */
import {
  byToken,
  companions,
  firingCount,
  type Firings,
  firingsOf,
  type Pair,
  quantiles,
  unitCount,
} from "../../../src/analysis/mod.ts";
import { CUT, type Measured } from "./measure.ts";

/** Units of each kind, and counterparts shown of each. */
const PICKS = 8;
const PARTS = 4;

/** A unit that was picked, with its counterparts by number. */
export interface Pick {
  readonly kind: "shared" | "shared, no single token" | "EP only" | "SAE only";
  /** Region, or feature where only the SAE has it. */
  readonly unit: number;
  /** Counterpart of largest F1 (of a shared pair the feature of the one-to-one match); -1 where there is none. */
  readonly best: number;
  readonly f1: number;
  /** Tokens that fire both. */
  readonly shared: number;
  /** Units of the other side that fire on most of its tokens, most first, and the shares of its tokens. */
  readonly parts: readonly { readonly unit: number; readonly covers: number }[];
}

/**
 * Picks at one percentile, of the first order: the pairs of highest F1, one to one, and those of regions that no single token
 * id matches; of the regions in the larger half and in the more coherent half, and of the features in the larger half, those
 * of lowest best F1. Halves are of the units that count.
 */
export function pickUnits(
  { orders: [order], regions, features, pairs, tokenIds }: Measured,
  featureFirings: Firings,
): Pick[] {
  const { firings, coherences } = order;
  const [regionsOfTokens, featuresOfTokens] = [byToken(firings), byToken(featureFirings)];
  const pick = (kind: Pick["kind"], { a: unit, b: best, f1, shared }: Pair): Pick => {
    const isFeature = kind === "SAE only";
    const tokens = firingsOf(isFeature ? featureFirings : firings, unit);
    const parts = companions(tokens, isFeature ? regionsOfTokens : featuresOfTokens).slice(0, PARTS)
      .map((part) => ({ unit: part.unit, covers: part.shared / tokens.length }));
    return { kind, unit, best, f1, shared, parts };
  };
  const byF1 = pairs.toSorted((x, y) => y.f1 - x.f1);
  const moreThanTokens = byF1.filter(({ a }) => tokenIds.f1[a] <= CUT);
  const coherent = medianOf(coherences, regions.f1);
  const onlyRegions = lowest(regions.f1, firings, (unit) => coherences[unit] >= coherent);
  const onlyFeatures = lowest(features.f1, featureFirings, () => true);
  const pairOf = ({ units, f1, shared }: typeof regions, a: number) => ({
    a,
    b: units[a],
    f1: f1[a],
    shared: shared[a],
  });
  return [
    ...byF1.slice(0, PICKS).map((pair) => pick("shared", pair)),
    ...moreThanTokens.slice(0, PICKS).map((pair) => pick("shared, no single token", pair)),
    ...onlyRegions.map((unit) => pick("EP only", pairOf(regions, unit))),
    ...onlyFeatures.map((unit) => pick("SAE only", pairOf(features, unit))),
  ];
}

/** Of the larger half of the units that count, those with the lowest F1. */
function lowest(f1: Float64Array, firings: Firings, isRight: (unit: number) => boolean): number[] {
  const sizes = Float64Array.from({ length: unitCount(firings) }, (_, unit) => firingCount(firings, unit));
  const large = medianOf(sizes, f1);
  return [...f1.keys()].filter((unit) => !Number.isNaN(f1[unit]) && sizes[unit] >= large && isRight(unit))
    .sort((x, y) => f1[x] - f1[y] || x - y).slice(0, PICKS);
}

/** Median over the units that count. */
function medianOf(values: ArrayLike<number>, f1: Float64Array): number {
  return quantiles([...f1.keys()].filter((unit) => !Number.isNaN(f1[unit])).map((unit) => values[unit]), [0.5])[0];
}
