/** What is matched between stream orders: the dictionaries as they are, and after each remedy for unstable regions. */
import {
  absorb,
  densities,
  groupMeans,
  recurrence,
  type RegionSums,
  rotated,
  spearman,
} from "../../../src/analysis/mod.ts";
import { type Backend, Random } from "../../../src/compute/mod.ts";
import { coherencesOf, type Dictionary, unitRows } from "../../../src/partition/mod.ts";
import { meanOfAll as meanOf, type SettingKey as Setting } from "../../../src/report/mod.ts";

/** One dictionary of one stream order, on the host. */
export interface Grown extends Setting, RegionSums {
  readonly seed: number;
  readonly dim: number;
  readonly threshold: number;
  readonly exemplars: Float32Array<ArrayBuffer>;
  /** Exemplars after re-anchoring once, at the end. */
  readonly reanchored: Float32Array<ArrayBuffer>;
  /** The dictionary of the same stream whose exemplars were replaced all along. */
  readonly replaced: RegionSums & { readonly exemplars: Float32Array<ArrayBuffer> };
}

/** Keeps of a dictionary, and of what the remedies made of it, what is matched. */
export function keep(
  { layer, percentile }: Setting,
  seed: number,
  { plain, anchored, replaced }: Readonly<Record<"plain" | "anchored" | "replaced", Dictionary>>,
): Grown {
  const of = ({ sums, memberCounts, exemplars }: Dictionary) => {
    return { sums: sums.slice(), counts: memberCounts.slice(), exemplars: exemplars.slice() };
  };
  const { dim, threshold } = plain;
  const reanchored = anchored.exemplars.slice();
  return { layer, percentile, seed, dim, threshold, ...of(plain), reanchored, replaced: of(replaced) };
}

/** What is matched; the last four are means of altered dictionaries. */
export const VARIANTS = [
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

/** One of {@linkcode VARIANTS}. */
export type Variant = typeof VARIANTS[number];

/** One variant of one dictionary, with what became of each region. */
export interface Measured extends Setting {
  readonly variant: Variant;
  readonly seed: number;
  readonly counts: Int32Array;
  readonly coherences: Float64Array;
  /** `D_i = log10(N_i c_i^2)`. */
  readonly densities: Float64Array;
  /** Mean cosine of the partners in the other orders; NaN where there was none. */
  readonly cosines: Float64Array;
  /** Mean of `cosines`, regions without a partner left out. */
  readonly matched: number;
  /** Spearman's correlation of `cosines` with D. */
  readonly spearman: number;
  /** Spearman's correlation of `cosines` with members and with coherence alone. */
  readonly spearmanCount: number;
  readonly spearmanCoherence: number;
  /**
   * Spearman's correlation of `cosines` with D among regions of at least two members. All orders see the same texts, so an activation far from all
   * others founds a region of its own in each: the lowest D, but a cosine of 1.
   */
  readonly spearmanPlural: number;
  /** Mean matched cosine by fifths of D, lowest first. */
  readonly quintiles: readonly number[];
}

/** Matches the dictionaries of one setting, an order each, in every variant. */
export async function measureVariants(backend: Backend, orders: readonly Grown[]): Promise<Measured[]> {
  const { dim } = orders[0];
  const unit = (regions: readonly RegionSums[]) => regions.map(({ sums }) => unitRows(sums, dim));
  const measured: Measured[] = [];
  const add = async (
    variant: Variant,
    regions: readonly RegionSums[],
    directions: readonly Float32Array[],
    others?: readonly Float32Array[],
  ) => {
    const all = await recurrence(backend, directions, dim, others);
    orders.forEach(({ layer, percentile, seed }, i) => {
      const { sums, counts } = regions[i];
      const details = { counts, coherences: coherencesOf(sums, counts, dim), densities: densities(sums, counts, dim) };
      measured.push({ layer, percentile, seed, variant, ...details, cosines: all[i], ...summarise(details, all[i]) });
    });
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
  await add("means, rotated (chance)", orders, means, means.map((set, i) => rotated(set, dim, orders[i].seed)));
  return measured;
}

function summarise(
  { counts, coherences, densities }: Pick<Measured, "counts" | "coherences" | "densities">,
  cosines: Float64Array,
) {
  const paired = [...cosines.keys()].filter((region) => !Number.isNaN(cosines[region]));
  const plural = paired.filter((region) => counts[region] > 1);
  const of = (values: ArrayLike<number>) => paired.map((region) => values[region]);
  return {
    matched: meanOf(of(cosines)),
    spearman: spearman(of(densities), of(cosines)),
    spearmanCount: spearman(of(counts), of(cosines)),
    spearmanCoherence: spearman(of(coherences), of(cosines)),
    spearmanPlural: spearman(plural.map((i) => densities[i]), plural.map((i) => cosines[i])),
    quintiles: groupMeans(of(cosines), of(densities), 5),
  };
}

/** Which regions are the fifth of smallest value, of equal ones the newer. */
export function lowestFifth(values: ArrayLike<number>): boolean[] {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b] || b - a);
  const chosen = new Array<boolean>(values.length).fill(false);
  for (const region of order.slice(0, Math.floor(values.length / 5))) chosen[region] = true;
  return chosen;
}

function leaveOut({ sums, counts }: RegionSums, dim: number, chosen: readonly boolean[]): RegionSums {
  return {
    sums: sums.filter((_, at) => !chosen[Math.floor(at / dim)]),
    counts: counts.filter((_, region) => !chosen[region]),
  };
}
