import { assertOptions } from "../../compute/known_options.ts";
import { meanOf } from "../../report/figures.ts";
import { type BestMatch, bestMatches, oneToOneMatches, type Pair } from "./best_match.ts";
import { F1_CUT } from "./best_f1.ts";
import { type Firings, partitionFirings, permutedTokens, shiftedTokens } from "./firings.ts";
import type { FeatureFirings } from "./unit_firings.ts";

/** What units look for a counterpart among; EP stands for a dictionary's regions. */
export const FIRING_COMPARISONS = [
  "EP and SAE",
  "EP and SAE, strongest tokens",
  "EP and SAE, tokens permuted",
  "EP and SAE, tokens shifted",
  "random exemplars and SAE",
  "EP and EP of another order",
  "token ids",
] as const;
/** One of {@linkcode FIRING_COMPARISONS}. */
export type FiringComparison = typeof FIRING_COMPARISONS[number];

/** Whose units look: EP regions (or random exemplars' cells), or SAE features. */
export const FIRING_SIDES = ["regions", "features"] as const;
/** One of {@linkcode FIRING_SIDES}. */
export type FiringSide = typeof FIRING_SIDES[number];

/** The best F1 of every unit of one side. */
export interface ComparedSide {
  /** Whose units look. */
  readonly side: FiringSide;
  /** What they look among. */
  readonly comparison: FiringComparison;
  /** Stream order, or seed of the draw. */
  readonly seed: number;
  /** One a unit; `null` of units that fire too seldom to count. */
  readonly f1: readonly (number | null)[];
}

/** A dictionary of one stream order, on the tokens that are compared. */
export interface OrderFirings {
  /** Of the stream order. */
  readonly seed: number;
  /** Of the regions. */
  readonly firings: Firings;
  /** Of the cells of as many random activations, in the exemplars' place. */
  readonly random: Firings;
}

/** What {@linkcode compareFirings} gives; matches are those of the first order. */
export interface ComparedFirings {
  /** Every comparison, each side for itself. */
  readonly comparisons: readonly ComparedSide[];
  /** Best feature of each region. */
  readonly regions: readonly BestMatch[];
  /** Best region of each feature. */
  readonly features: readonly BestMatch[];
  /** Pairs of F1 above {@linkcode F1_CUT}, one to one. */
  readonly pairs: readonly Pair[];
  /** Each region's best counterpart in the second order, if there is one. */
  readonly otherOrder: readonly BestMatch[] | undefined;
  /** Each region's best counterpart among token ids. */
  readonly tokenIds: readonly BestMatch[];
  /** Mean best F1 of each region over permutations; `null` of one that fires too seldom to count. */
  readonly permutedRegions: readonly (number | null)[];
  /** Mean best F1 of each feature over permutations; `null` of one that fires too seldom to count. */
  readonly permutedFeatures: readonly (number | null)[];
}

/** How to compare. */
export interface CompareOptions {
  /** Token id of each token. */
  readonly ids: Int32Array;
  /** Number of token ids. */
  readonly vocab: number;
  /** Firings below which a unit does not count, at least 1. */
  readonly minimum: number;
  /** Seeds of the permutations and shifts, at least one. */
  readonly draws: readonly number[];
}

/**
 * Compares the regions of a dictionary with the features of an SAE by the tokens that fire them, both ways, beside chance
 * (tokens permuted, the stream shifted), random exemplars, the dictionary of another stream order, and single token ids.
 *
 * @param orders The dictionary in one stream order or more; the first is looked at in detail.
 * @param strongest The first order's strongest tokens, for the published measure.
 *
 * @example
 * ```ts
 * import { partitionFirings } from "./firings.ts";
 *
 * const regions = partitionFirings([0, 0, 1, 1], 2);
 * const features = { firings: regions, strongest: regions };
 * const options = { ids: Int32Array.of(5, 5, 5, 6), vocab: 7, minimum: 2, draws: [0] };
 * const order = { seed: 0, firings: regions, random: partitionFirings([0, 1, 0, 1], 2) };
 * const { pairs, tokenIds } = compareFirings([order], regions, features, options);
 * if (pairs.length !== 2 || tokenIds[0].f1 !== 0.8) throw new Error(JSON.stringify(pairs));
 * ```
 */
export function compareFirings(
  orders: readonly OrderFirings[],
  strongest: Firings,
  features: FeatureFirings,
  options: CompareOptions,
): ComparedFirings {
  assertOptions("compareFirings", options, { ids: "array", vocab: "number", minimum: "number", draws: "numbers" });
  const { ids, vocab, minimum, draws } = options;
  const [{ firings: first, seed: firstSeed }] = orders;
  const comparisons: ComparedSide[] = [];
  const add = (
    comparison: FiringComparison,
    seed: number,
    a: Firings,
    b: Firings,
    sides: readonly FiringSide[] = FIRING_SIDES,
  ) => {
    const { ofA, ofB } = bestMatches(a, b, minimum);
    sides.forEach((side, i) => comparisons.push({ side, comparison, seed, f1: [ofA, ofB][i].map(({ f1 }) => f1) }));
    return { ofA, ofB };
  };
  const [matches] = orders.map(({ seed, firings }) => add("EP and SAE", seed, firings, features.firings));
  for (const { seed, random } of orders) add("random exemplars and SAE", seed, random, features.firings);
  const others = orders.slice(1).map(({ seed, firings }) =>
    add("EP and EP of another order", seed, first, firings, ["regions"])
  );
  add("EP and SAE, strongest tokens", firstSeed, strongest, features.strongest);
  const chance = (comparison: FiringComparison, moved: (firings: Firings, seed: number) => Firings) =>
    draws.map((seed) => add(comparison, seed, moved(first, seed), features.firings));
  const permuted = chance("EP and SAE, tokens permuted", permutedTokens);
  chance("EP and SAE, tokens shifted", shiftedTokens);
  const tokens = partitionFirings(ids, vocab);
  const { ofA: tokenIds } = add("token ids", firstSeed, first, tokens, ["regions"]);
  add("token ids", firstSeed, features.firings, tokens, ["features"]);
  return {
    comparisons,
    regions: matches.ofA,
    features: matches.ofB,
    pairs: oneToOneMatches(first, features.firings, minimum, F1_CUT),
    otherOrder: others[0]?.ofA,
    tokenIds,
    permutedRegions: meanByUnit(permuted.map(({ ofA }) => ofA)),
    permutedFeatures: meanByUnit(permuted.map(({ ofB }) => ofB)),
  };
}

function meanByUnit(draws: readonly (readonly BestMatch[])[]): (number | null)[] {
  return draws[0].map((_, unit) => meanOf(draws.map((matches) => matches[unit].f1)));
}
