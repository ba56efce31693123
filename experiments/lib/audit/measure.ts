/** What `audit` measures: which regions of one model another one has, beyond the noise of stream orders. */
import { describeRegions, noiseCuts, type RegionRow } from "../../../src/analysis/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import type { FailedSetting, Growth } from "../../../src/partition/mod.ts";
import { sameSetting, type SettingKey as Setting } from "../../../src/report/mod.ts";

/** One dictionary without what it was grown with. */
export interface AuditedDictionary extends Setting {
  readonly dim: number;
  readonly size: number;
  readonly threshold: number;
  /** Unit mean directions, `size x dim`. */
  readonly means: Float32Array<ArrayBuffer>;
  readonly memberCounts: Int32Array<ArrayBuffer>;
  /** The regions as people read them; of one order only. */
  readonly rows?: readonly RegionRow[];
}

/** Keeps of one order's dictionaries what the audit needs, with descriptions if a model is given to read them. */
export function auditedOf(growths: readonly Growth[], model?: LanguageModel): Promise<AuditedDictionary[]> {
  return Promise.all(growths.map(async ({ layer, percentile, dictionary }) => {
    const { dim, size, threshold, means, memberCounts } = dictionary;
    const rows = model && (await describeRegions(dictionary, model)).map(plainRow);
    return { layer, percentile, dim, size, threshold, means, memberCounts, ...(rows && { rows }) };
  }));
}

/** Contexts read their excerpts when asked; what is kept has them. */
function plainRow({ nearest, ...row }: RegionRow): RegionRow {
  return {
    ...row,
    nearest: nearest.map(({ prompt, position, distance, excerpt }) => ({ prompt, position, distance, excerpt })),
  };
}

/** Which model's regions are audited: those of before may be dropped, those of after introduced. */
export type Side = "before" | "after";

/** The dictionaries of both models by stream order, in the same orders. */
export type BothOrders = Readonly<Record<Side, ReadonlyMap<number, readonly AuditedDictionary[]>>>;

/**
 * What became of a region. Kept: its nearest counterpart is as near as stream order alone would have it. Moved: it is
 * farther than that, but within the region's threshold, so it would join the region. Gone: it is farther than both.
 */
export type Verdict = "kept" | "moved" | "gone";

/** One region, looked for in the other model. */
export interface AuditedRegion {
  readonly region: number;
  readonly members: number;
  /** Cosine of the nearest region of the same model in another order. */
  readonly own: number;
  /** Cosine of the nearest region of the other model in that other order. */
  readonly across: number;
  readonly verdict: Verdict;
  /** The verdict if a fresh order of the same model stood in the other's place: all but "kept" are false alarms. */
  readonly control: Verdict;
}

/** One dictionary's audit. Shares are NaN where there are too few regions to tell. */
export interface Audit extends Setting {
  readonly reading: string;
  readonly side: Side;
  /** The order whose dictionary is audited. */
  readonly seed: number;
  readonly size: number;
  /** The regions of enough members. */
  readonly regions: readonly AuditedRegion[];
  /** Share of them that moved. */
  readonly moved: number;
  /** Share of them that are gone: dropped if they are of before, introduced if of after. */
  readonly gone: number;
  /** Share that would have moved or gone with a fresh order of the same model in the other's place. */
  readonly falseAlarms: number;
}

/** The audits of one way of reading, with the dictionaries of the first stream order. */
export interface AuditedReading {
  readonly name: string;
  readonly audits: readonly Audit[];
  readonly first: Readonly<Record<Side, readonly AuditedDictionary[]>>;
  readonly failed: Readonly<Record<Side, readonly FailedSetting[]>>;
}

/** How to audit. */
export interface AuditRule {
  /** Members of a region at least. */
  readonly minMembers: number;
  /** Rate of false alarms. */
  readonly alpha: number;
}

/**
 * Audits every dictionary of both models. An order's regions are looked for in the next order of either model; the order
 * after that says how much of the loss is noise; the one after that, which no cut has seen, gives the rate of false alarms.
 *
 * @param orders At least four of each model.
 */
export async function auditOrders(
  backend: Backend,
  reading: string,
  orders: BothOrders,
  { minMembers, alpha }: AuditRule,
): Promise<Audit[]> {
  const seeds = [...orders.before.keys()];
  const audits: Audit[] = [];
  for (const [side, other] of [["before", "after"], ["after", "before"]] as const) {
    for (const [i, seed] of seeds.entries()) {
      const [next, third, fourth] = [1, 2, 3].map((step) => seeds[(i + step) % seeds.length]);
      for (const dictionary of orders[side].get(seed)!) {
        const counterpart = sameSetting(orders[other].get(next)!, dictionary);
        if (!counterpart) continue;
        const kept = [...dictionary.memberCounts.keys()].filter((r) => dictionary.memberCounts[r] >= minMembers);
        const own = (order: number) => sameSetting(orders[side].get(order)!, dictionary)!;
        const [same, across, again, fresh] = await nearestCosines(
          backend,
          dictionary,
          Int32Array.from(kept),
          [own(next), counterpart, own(third), own(fourth)],
        );
        const cuts = noiseCuts(same, again, alpha);
        const verdict = (k: number, cosine: number): Verdict => {
          if (!(same[k] - cosine > cuts[k])) return "kept";
          return 1 - cosine > dictionary.threshold ? "gone" : "moved";
        };
        const regions = kept.map((region, k): AuditedRegion => ({
          region,
          members: dictionary.memberCounts[region],
          own: same[k],
          across: across[k],
          verdict: verdict(k, across[k]),
          control: verdict(k, fresh[k]),
        }));
        const canTell = cuts.every(Number.isFinite);
        const share = (is: (region: AuditedRegion) => boolean) =>
          canTell ? regions.filter(is).length / regions.length : NaN;
        audits.push({
          reading,
          side,
          seed,
          layer: dictionary.layer,
          percentile: dictionary.percentile,
          size: dictionary.size,
          regions,
          moved: share((region) => region.verdict === "moved"),
          gone: share((region) => region.verdict === "gone"),
          falseAlarms: share((region) => region.control !== "kept"),
        });
      }
    }
  }
  return audits;
}

/** For each other dictionary, the cosine of every chosen region with the nearest of its regions. */
async function nearestCosines(
  backend: Backend,
  { means, dim }: AuditedDictionary,
  regions: Int32Array,
  others: readonly AuditedDictionary[],
): Promise<Float32Array[]> {
  const rows = new Float32Array(regions.length * dim);
  regions.forEach((region, i) => rows.set(means.subarray(region * dim, (region + 1) * dim), i * dim));
  const queries = backend.upload(rows, regions.length, dim);
  try {
    const cosines: Float32Array[] = [];
    for (const other of others) {
      const directions = backend.upload(other.means.slice(), other.size, dim);
      cosines.push((await backend.nearest(queries, directions)).similarities);
      directions.dispose();
    }
    return cosines;
  } finally {
    queries.dispose();
  }
}
