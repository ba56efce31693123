/** Who fires with whom: regions, features, and what they are held name. */
import {
  type BestMatches,
  bestMatches,
  type Firings,
  oneToOneMatches,
  type Pair,
  partitionFirings,
  permutedTokens,
  quantiles,
  shiftedTokens,
} from "../../../src/analysis/mod.ts";
import { meanOfAll as meanOf } from "../../../src/report/mod.ts";
import type { Orders } from "./orders.ts";
import type { OrderFirings } from "./regions.ts";

/** What a side's units look for a counterpart among. */
export const COMPARISONS = [
  "EP and SAE",
  "EP and SAE, strongest tokens",
  "EP and SAE, tokens permuted",
  "EP and SAE, tokens shifted",
  "random exemplars and SAE",
  "EP and EP of another order",
  "token ids",
] as const;

/** One of {@linkcode COMPARISONS}. */
export type ComparisonName = typeof COMPARISONS[number];

/** An F1 above this counts as a counterpart; the published cut. */
export const CUT = 0.5;

/** The best F1 of every unit of one side. */
export interface Comparison {
  readonly percentile: number;
  /** Whose units look: EP regions, random exemplars' cells, or SAE features. */
  readonly side: "regions" | "features";
  readonly name: ComparisonName;
  /** Stream order, or seed of the draw. */
  readonly seed: number;
  /** NaN of units that fire too seldom to count. */
  readonly f1: Float64Array;
}

/** Everything that was compared at one percentile; matches are those of the first order. */
export interface Measured {
  readonly orders: readonly OrderFirings[];
  readonly comparisons: readonly Comparison[];
  /** Best feature of each region, best region of each feature. */
  readonly regions: BestMatches;
  readonly features: BestMatches;
  /** Pairs of F1 above {@linkcode CUT}, one to one. */
  readonly pairs: readonly Pair[];
  /** Each region's best counterpart in the second order, and among token ids. */
  readonly otherOrder: BestMatches | undefined;
  readonly tokenIds: BestMatches;
  /** Mean best F1 over permutations, of each region and each feature. */
  readonly permutedRegions: Float64Array;
  readonly permutedFeatures: Float64Array;
}

/** The SAE's side, once for all percentiles. */
export interface FeatureFirings {
  readonly firings: Firings;
  /** The tokens of each feature's largest activations. */
  readonly strongest: Firings;
}

/** How to compare. */
export interface CompareOptions {
  /** Token id of each held-out activation. */
  readonly ids: Int32Array;
  /** Number of token ids. */
  readonly vocab: number;
  /** Firings below which a unit does not count. */
  readonly minimum: number;
  /** Seeds of the permutations and shifts. */
  readonly draws: readonly number[];
}

/** Compares the dictionaries of one percentile with the SAE; the first order is looked at in detail. */
export function compareFirings(
  { orders, strongest }: Orders,
  features: FeatureFirings,
  { ids, vocab, minimum, draws }: CompareOptions,
): Measured {
  const [{ percentile, firings: first }] = orders;
  const comparisons: Comparison[] = [];
  const add = (name: ComparisonName, seed: number, a: Firings, b: Firings, sides: Comparison["side"][]) => {
    const { ofA, ofB } = bestMatches(a, b, minimum);
    [ofA, ofB].slice(0, sides.length).forEach(({ f1 }, i) =>
      comparisons.push({ percentile, side: sides[i], name, seed, f1 })
    );
    return { ofA, ofB };
  };
  const both: Comparison["side"][] = ["regions", "features"];
  const [matches] = orders.map(({ seed, firings }) => add("EP and SAE", seed, firings, features.firings, both));
  for (const { seed, random } of orders) add("random exemplars and SAE", seed, random, features.firings, both);
  const others = orders.slice(1).map(({ seed, firings }) =>
    add("EP and EP of another order", seed, first, firings, ["regions"])
  );
  add("EP and SAE, strongest tokens", orders[0].seed, strongest, features.strongest, both);
  const chance = (name: ComparisonName, moved: (firings: Firings, seed: number) => Firings) =>
    draws.map((seed) => add(name, seed, moved(first, seed), features.firings, both));
  const permuted = chance("EP and SAE, tokens permuted", permutedTokens);
  chance("EP and SAE, tokens shifted", shiftedTokens);
  const words = partitionFirings(ids, vocab);
  const { ofA: tokenIds } = add("token ids", orders[0].seed, first, words, ["regions"]);
  const { f1 } = bestMatches(features.firings, words, minimum).ofA;
  comparisons.push({ percentile, side: "features", name: "token ids", seed: orders[0].seed, f1 });
  return {
    orders,
    comparisons,
    regions: matches.ofA,
    features: matches.ofB,
    pairs: oneToOneMatches(first, features.firings, minimum, CUT),
    otherOrder: others[0]?.ofA,
    tokenIds,
    permutedRegions: meanByUnit(permuted.map(({ ofA }) => ofA.f1)),
    permutedFeatures: meanByUnit(permuted.map(({ ofB }) => ofB.f1)),
  };
}

/** Figures of a distribution of best F1; units that do not count are left out. */
export interface F1Summary {
  /** Units that count. */
  readonly counted: number;
  /** Share of them above {@linkcode CUT}; NaN of none, as the others. */
  readonly share: number;
  readonly mean: number;
  readonly median: number;
}

/** Summarises the best F1 of some units. */
export function summarise(f1: ArrayLike<number>): F1Summary {
  const counted = Array.from(f1).filter((value) => !Number.isNaN(value));
  return {
    counted: counted.length,
    share: meanOf(counted.map((value) => value > CUT ? 1 : 0)),
    mean: meanOf(counted),
    median: quantiles(counted, [0.5])[0],
  };
}

function meanByUnit(draws: readonly Float64Array[]): Float64Array {
  return Float64Array.from(draws[0], (_, unit) => meanOf(draws.map((f1) => f1[unit])));
}
