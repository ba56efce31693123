/** The figures of every comparison, by percentile. */
import { formatNumber, formatShare, meanOfAll as meanOf } from "../../../src/report/mod.ts";
import { type ComparisonName, CUT, type F1Summary, type Measured, summarise } from "./measure.ts";

/** Means over orders or draws, and the span of the share. */
export interface Figures extends F1Summary {
  readonly least: number;
  readonly most: number;
}

/** The figures of one comparison; NaN where nothing was compared. */
export function figuresOf({ comparisons }: Measured, side: "regions" | "features", name: ComparisonName): Figures {
  const all = comparisons.filter((row) => row.side === side && row.name === name).map(({ f1 }) => summarise(f1));
  const mean = (key: keyof F1Summary) => meanOf(all.map((summary) => summary[key]));
  const shares = all.map(({ share }) => share);
  return {
    counted: mean("counted"),
    share: mean("share"),
    mean: mean("mean"),
    median: mean("median"),
    least: Math.min(...shares),
    most: Math.max(...shares),
  };
}

/** How many regions one percentile has, and the share of held-out activations within θ; means over orders. */
export function sizesOf({ orders }: Measured): { size: number; within: number } {
  return { size: meanOf(orders.map(({ size }) => size)), within: meanOf(orders.map(({ within }) => within)) };
}

/** Percentile of a result. */
export const percentileOf = ({ orders }: Measured): number => orders[0].percentile;

/** Regions with a feature of F1 above the cut, and how many of them a single token id matches as well. */
export function sharedCore({ regions, tokenIds }: Measured): { regions: number; alsoTokens: number } {
  const core = [...regions.f1.keys()].filter((unit) => regions.f1[unit] > CUT);
  return { regions: core.length, alsoTokens: core.filter((unit) => tokenIds.f1[unit] > CUT).length };
}

/** The answer, from the figures of the run. */
export function answer(measured: readonly Measured[], shown: Measured, minimum: number): string {
  const of = (name: ComparisonName, side: "regions" | "features" = "regions", at = shown) => figuresOf(at, side, name);
  const both = (name: ComparisonName) =>
    `${formatShare(of(name).share)} and ${formatShare(of(name, "features").share)}`;
  const over = (name: ComparisonName, side: "regions" | "features") => {
    const sorted = measured.toSorted((a, b) => of(name, side, a).share - of(name, side, b).share);
    const at = (which: Measured) => `${formatShare(of(name, side, which).share)} (p ${percentileOf(which)})`;
    return `${at(sorted[0])} to ${at(sorted.at(-1)!)}`;
  };
  const [own, random] = (["EP and SAE", "random exemplars and SAE"] as const).map((name) =>
    measured.map((at) => of(name, "regions", at))
  );
  const higher = own.filter(({ share }, i) => share > random[i].share).length;
  const clear = own.filter(({ least }, i) => least > random[i].most).length;
  const other = of("EP and EP of another order");
  const core = sharedCore(shown);
  const sentences = [
    `At p ${percentileOf(shown)} (${formatNumber(Math.round(sizesOf(shown).size))} regions) ` +
    `${formatShare(of("EP and SAE").share)} of the EP regions and ${
      formatShare(of("EP and SAE", "features").share)
    } of ` +
    `the SAE features that fire on ${minimum} or more held-out tokens have a counterpart on the other side with an F1 ` +
    `above ${CUT}; with the tokens permuted it is ${both("EP and SAE, tokens permuted")}, with the stream shifted ` +
    `${both("EP and SAE, tokens shifted")}.`,
    `As many random activations in the exemplars' place reach ${both("random exemplars and SAE")}; EP's ` +
    `share of regions is higher at ${higher} of ${measured.length} percentiles, at ${clear} of them without overlap of the orders.`,
    ...(Number.isNaN(other.share) ? [] : [
      `Between two stream orders of the same dictionary ${formatShare(other.share)} of the regions have a counterpart.`,
    ]),
    `${core.alsoTokens} of the ${core.regions} regions with a feature (first order) are matched as well by a single token ` +
    `id, as are ${formatShare(of("token ids").share)} of all regions and ` +
    `${
      formatShare(of("token ids", "features").share)
    } of all features; one to one there are ${shown.pairs.length} pairs.`,
    `Over p the regions' share runs from ${over("EP and SAE", "regions")}, the features' from ${
      over("EP and SAE", "features")
    }.`,
    `By the published measure, the strongest tokens of soft activations, they run from ` +
    `${over("EP and SAE, strongest tokens", "regions")} and from ${over("EP and SAE, strongest tokens", "features")}.`,
  ];
  return sentences.join(" ");
}
