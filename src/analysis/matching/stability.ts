import { coherencesOf, unitRows } from "../../partition/means.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { WholeNumbers } from "../../files/whole_numbers.ts";
import type { Backend } from "../../compute/backend.ts";
import { Random } from "../../compute/random.ts";
import { each, number, orNull, row, type RowOf, whole } from "../../report/row.ts";
import { meanOf } from "../../report/figures.ts";
import { absorb, leaveOut, lowestFifth, type RegionSums } from "../regions/absorb.ts";
import { densities } from "../regions/density.ts";
import { groupMeans } from "../statistics/group_means.ts";
import { spearman } from "../statistics/spearman.ts";
import { recurrence } from "./recurrence.ts";
import { rotated } from "./rotated.ts";

/** Fifths of the regions by D, lowest first. */
export const FIFTHS = ["q1", "q2", "q3", "q4", "q5"] as const;

const ORDINALS = ["lowest", "second", "middle", "fourth", "highest"];
const CONSTANT = { missing: "fewer than two regions with a partner, or all alike" } as const;

/**
 * How well the regions of a dictionary come back in others, and whether `D = log10(N c^2)` tells which.
 *
 * @internal
 */
export const STABILITY_FIGURES = row({
  regions: whole("number of regions"),
  matchedCosine: number("matched cosine, mean over regions that have a partner", { missing: "none has" }),
  spearmanDensity: number("Spearman's correlation of matched cosine with D", { heading: "Spearman", ...CONSTANT }),
  spearmanMembers: number("Spearman's correlation of matched cosine with members N", { heading: "N", ...CONSTANT }),
  spearmanCoherence: number("Spearman's correlation of matched cosine with coherence c", {
    heading: "c",
    ...CONSTANT,
  }),
  // All orders see the same texts, so an activation far from all others founds a region of its own in each: the lowest D,
  // but a cosine of 1.
  spearmanPlural: number("Spearman's correlation of matched cosine with D, regions of N > 1 only", {
    heading: "N > 1",
    ...CONSTANT,
  }),
  ...each(FIFTHS, (fifth, i) =>
    number(`mean matched cosine of the ${ORDINALS[i]} fifth of D`, {
      heading: fifth.toUpperCase(),
      missing: "fewer than five regions with a partner",
    })),
});

/**
 * One region of a dictionary that was matched with others.
 *
 * @internal
 */
export const REGION_STABILITY = row({
  region: whole("number among the variant's regions"),
  members: whole("N, activations"),
  coherence: number("c, 0..1"),
  density: number("D = log10(N c^2)"),
  matchedCosine: number("mean cosine with its partners in the other orders", { missing: "it has none" }),
});

/** What became of a dictionary's regions in others. */
export interface Stability extends RowOf<typeof STABILITY_FIGURES> {
  /** N of each region. */
  readonly counts: WholeNumbers;
  /** c of each region. */
  readonly coherences: Float64Array;
  /** D of each region. */
  readonly densities: Float64Array;
  /** Mean cosine of the region's partners; `null` where there was none. */
  readonly cosines: readonly (number | null)[];
}

/**
 * Sets how well regions come back against their members and coherence.
 *
 * @param regions Sums and counts of their members.
 * @param dim Length of a direction.
 * @param cosines Matched cosine of each region, see {@linkcode recurrence}; `null` of one without a partner.
 *
 * @example
 * ```ts
 * const regions = { sums: Float32Array.of(9, 0, 0, 4), counts: Int32Array.of(9, 4) };
 * const { matchedCosine, spearmanDensity, q1 } = stability(regions, 2, [0.75, 0.25]);
 * if (matchedCosine !== 0.5 || spearmanDensity !== 1 || q1 !== null) throw new Error(`${matchedCosine} ${q1}`);
 * ```
 */
export function stability(
  { sums, counts }: RegionSums,
  dim: number,
  cosines: readonly (number | null)[],
): Stability {
  const coherences = coherencesOf(sums, counts, dim);
  const density = densities(sums, counts, dim);
  const paired = [...cosines.keys()].filter((region) => cosines[region] !== null);
  const plural = paired.filter((region) => counts[region] > 1);
  const of = (values: ArrayLike<number>, regions = paired) => regions.map((region) => values[region]);
  const matchedOf = (regions: readonly number[]) => regions.map((region) => cosines[region]!);
  const matched = matchedOf(paired);
  const fifths = groupMeans(matched, of(density), FIFTHS.length);
  return {
    regions: counts.length,
    matchedCosine: meanOf(matched),
    spearmanDensity: orNull(spearman(of(density), matched)),
    spearmanMembers: orNull(spearman(of(counts), matched)),
    spearmanCoherence: orNull(spearman(of(coherences), matched)),
    spearmanPlural: orNull(spearman(of(density, plural), matchedOf(plural))),
    ...Object.fromEntries(FIFTHS.map((fifth, i) => [fifth, orNull(fifths[i])])) as Record<
      typeof FIFTHS[number],
      number | null
    >,
    ...{ counts, coherences, densities: density, cosines },
  };
}

/**
 * The regions of a dictionary that was matched, a row each.
 *
 * @example
 * ```ts
 * const regions = { sums: Float32Array.of(9, 0, 0, 4), counts: Int32Array.of(9, 4) };
 * const [{ members, matchedCosine }] = regionStability(stability(regions, 2, [0.75, null]));
 * if (members !== 9 || matchedCosine !== 0.75) throw new Error(`${members} ${matchedCosine}`);
 * ```
 */
export function regionStability(
  { counts, coherences, densities, cosines }: Stability,
): RowOf<typeof REGION_STABILITY>[] {
  return Array.from(counts, (members, region) => ({
    ...{ region, members, coherence: coherences[region], density: densities[region] },
    matchedCosine: cosines[region],
  }));
}

/** The dictionaries of one stream order, on the host: as it is, and what remedies for unstable regions made of it. */
export interface GrownOrder extends RegionSums {
  /** Of the order; draws the random fifth and the rotation, too. */
  readonly seed: number;
  /** Length of a direction. */
  readonly dim: number;
  /** Unit rows, `regions x dim`. */
  readonly exemplars: Float32Array<ArrayBuffer>;
  /** Exemplars after re-anchoring once, at the end. */
  readonly reanchored: Float32Array<ArrayBuffer>;
  /** The dictionary of the same stream whose exemplars were replaced all along. */
  readonly replaced: RegionSums & { readonly exemplars: Float32Array<ArrayBuffer> };
}

/**
 * Keeps of a dictionary, and of what the remedies made of it, what is matched; the dictionaries may then be disposed.
 *
 * @param seed Of the stream order.
 * @param dictionaries `plain`: as it was grown; `anchored`: re-anchored, see `reanchorAll`; `replaced`: see `addReplacing`.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * using plain = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await plain.add({ data: Float32Array.of(2, 0, 0, 3), rows: 2, dim: 2 });
 * const { dim, counts } = grownOrder(0, { plain, anchored: plain, replaced: plain });
 * if (dim !== 2 || counts.join() !== "1,1") throw new Error(counts.join());
 * ```
 */
export function grownOrder(
  seed: number,
  { plain, anchored, replaced }: Readonly<Record<"plain" | "anchored" | "replaced", Dictionary>>,
): GrownOrder {
  const of = ({ sums, memberCounts, exemplars }: Dictionary) => {
    return { sums: sums.slice(), counts: memberCounts.slice(), exemplars: exemplars.slice() };
  };
  return { seed, dim: plain.dim, ...of(plain), reanchored: anchored.exemplars.slice(), replaced: of(replaced) };
}

/** What is matched between stream orders; the four that name a fifth or a rotation are means of altered dictionaries. */
export const STABILITY_VARIANTS = [
  "means",
  "exemplars",
  "exemplars, re-anchored",
  "exemplars, replaced while growing",
  "means, replaced while growing",
  "means, unstable fifth absorbed",
  "means, random fifth absorbed",
  "means, unstable fifth left out",
  "means, rotated (chance)",
] as const;

/** One of {@linkcode STABILITY_VARIANTS}. */
export type StabilityVariant = typeof STABILITY_VARIANTS[number];

/** One variant of one order's dictionary. */
export interface VariantStability extends Stability {
  /** What was matched. */
  readonly variant: StabilityVariant;
  /** Of the order. */
  readonly seed: number;
}

/**
 * Matches the dictionaries of several stream orders in every variant: as they are, after each remedy for unstable regions
 * that the paper (arXiv 2605.14347) leaves open, and the remedies' controls. "Unstable" is the fifth of lowest D.
 *
 * @param orders The dictionaries of one layer and percentile, an order each; two at least.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const own = { sums: Float32Array.of(3, 0, 0, 2), counts: Int32Array.of(3, 2), exemplars: Float32Array.of(1, 0, 0, 1) };
 * const order = { dim: 2, ...own, reanchored: own.exemplars, replaced: own };
 * const [{ variant, matchedCosine }] = await stabilityVariants(await openBackend("cpu"), [0, 1].map((seed) => ({ seed, ...order })));
 * if (variant !== "means" || matchedCosine !== 1) throw new Error("equal dictionaries come back");
 * ```
 */
export async function stabilityVariants(backend: Backend, orders: readonly GrownOrder[]): Promise<VariantStability[]> {
  const { dim } = orders[0];
  const unit = (regions: readonly RegionSums[]) => regions.map(({ sums }) => unitRows(sums, dim));
  const measured: VariantStability[] = [];
  const add = async (
    variant: StabilityVariant,
    regions: readonly RegionSums[],
    directions: readonly Float32Array[],
    others?: readonly Float32Array[],
  ) => {
    const cosines = await recurrence(backend, directions, dim, others);
    orders.forEach(({ seed }, i) => measured.push({ variant, seed, ...stability(regions[i], dim, cosines[i]) }));
  };

  const replaced = orders.map((order) => order.replaced);
  const fifth = orders.map((order) => lowestFifth(densities(order.sums, order.counts, dim)));
  const anyFifth = fifth.map((chosen, i) => new Random(orders[i].seed).shuffle([...chosen]));
  const absorbed = (chosen: readonly boolean[][]) => orders.map((order, i) => absorb(order, dim, chosen[i]));
  const [unstable, random] = [absorbed(fifth), absorbed(anyFifth)];
  const rest = orders.map((order, i) => leaveOut(order, dim, fifth[i]));
  const means = unit(orders);
  await add("means", orders, means);
  await add("exemplars", orders, orders.map(({ exemplars }) => exemplars));
  await add("exemplars, re-anchored", orders, orders.map(({ reanchored }) => reanchored));
  await add("exemplars, replaced while growing", replaced, replaced.map(({ exemplars }) => exemplars));
  await add("means, replaced while growing", replaced, unit(replaced));
  await add("means, unstable fifth absorbed", unstable, unit(unstable));
  await add("means, random fifth absorbed", random, unit(random));
  await add("means, unstable fifth left out", rest, unit(rest));
  // Each order as it is against the others turned: the cosines that as many directions reach by chance.
  await add("means, rotated (chance)", orders, means, means.map((set, i) => rotated(set, dim, orders[i].seed)));
  return measured;
}
