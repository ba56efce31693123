import type { Backend, Matrix } from "../../compute/backend.ts";
import { number, oneOf, row, type RowOf, whole } from "../../report/row.ts";
import { sameSetting, type SettingKey } from "../../report/settings.ts";
import { noiseCuts } from "./noise_cuts.ts";
import type { DirectionsByOrder, RegionDirections } from "./region_directions.ts";

/**
 * What can become of a region. Kept: its nearest counterpart is as near as stream order alone would have it. Moved: it is
 * farther than that, but within the region's threshold, so it would join the region. Gone: it is farther than both.
 */
export const FATES = ["kept", "moved", "gone"] as const;
/** One of {@linkcode FATES}. */
export type Fate = typeof FATES[number];

/**
 * One region, looked for in another model.
 *
 * @internal
 */
export const AUDITED_REGION = row({
  region: whole("number in its dictionary"),
  members: whole("activations"),
  cosineWithin: number("with the nearest region of the same model in another order"),
  cosineAcross: number("with the nearest region of the other model in that order"),
  verdict: oneOf(FATES, "kept, moved, or gone: dropped (before) or introduced (after)"),
  control: oneOf(FATES, "the verdict with a fresh order of the same model in the other's place"),
});
/** A row of {@linkcode AUDITED_REGION}. */
export type AuditedRegion = RowOf<typeof AUDITED_REGION>;

const TOO_FEW = { missing: "too few regions to tell at the rate of false alarms" } as const;

/**
 * One dictionary, audited.
 *
 * @internal
 */
export const AUDIT_FIGURES = row({
  regions: whole("regions of the dictionary"),
  audited: whole("regions of enough members"),
  moved: number("share of them beyond order noise, within their threshold", TOO_FEW),
  gone: number("share of them dropped (before) or introduced (after)", TOO_FEW),
  falseAlarms: number("share moved or gone for a fresh order of the same model", TOO_FEW),
});
/** A row of {@linkcode AUDIT_FIGURES}, and the regions that it counts. */
export type Audit = RowOf<typeof AUDIT_FIGURES> & { readonly verdicts: readonly AuditedRegion[] };

/** How to audit. */
export interface AuditRule {
  /** Members of a region at least. */
  readonly minMembers: number;
  /** Rate of false alarms among unchanged regions, between 0 and 1. */
  readonly alpha: number;
}

/** Where an audit looks for a dictionary's regions. */
export interface AuditOthers {
  /** The other model's dictionary, of the stream order of `own[0]`. */
  readonly across: RegionDirections;
  /** Dictionaries of that model in three other orders: one to compare with, one for the cuts, one for the false alarms. */
  readonly own: readonly [RegionDirections, RegionDirections, RegionDirections];
}

/**
 * Looks for a dictionary's regions in another model's, and says which are farther than stream order alone explains. A
 * region's loss is its cosine with the nearest region of `own[0]` less that with the nearest of `across`; it is noise up to
 * the {@linkcode noiseCuts} of `own[0]` and `own[1]`. `own[2]`, which no cut has seen, audited alike, gives the rate of false
 * alarms that was really reached.
 *
 * @param dictionary Whose regions are audited: of before to find what was dropped, of after for what was introduced.
 * @throws {RangeError} if `alpha` is not between 0 and 1.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const regions = (...angles: number[]) => ({
 *   ...{ size: angles.length, dim: 2, threshold: 0.1 },
 *   means: Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])),
 *   memberCounts: new Int32Array(angles.length).fill(9),
 * });
 * const [before, after] = [regions(0, 1, 2, 3), regions(0, 1, 2, 5)];
 * const rule = { minMembers: 5, alpha: 0.3 };
 * const others = { across: after, own: [before, before, before] } as const;
 * const { gone, verdicts } = await auditRegions(await openBackend("cpu"), before, others, rule);
 * if (gone !== 0.25 || verdicts[3].verdict !== "gone") throw new Error(`${gone}`);
 * ```
 */
export async function auditRegions(
  backend: Backend,
  dictionary: RegionDirections,
  { across, own }: AuditOthers,
  { minMembers, alpha }: AuditRule,
): Promise<Audit> {
  const { size, dim, threshold, means, memberCounts } = dictionary;
  const audited = Int32Array.from(memberCounts.keys().filter((region) => memberCounts[region] >= minMembers));
  const directions = new Float32Array(audited.length * dim);
  audited.forEach((region, i) => directions.set(means.subarray(region * dim, (region + 1) * dim), i * dim));
  using queries = backend.upload(directions, audited.length, dim);
  const within = await nearestCosines(backend, queries, own[0]);
  const other = await nearestCosines(backend, queries, across);
  const again = await nearestCosines(backend, queries, own[1]);
  const fresh = await nearestCosines(backend, queries, own[2]);

  const cuts = noiseCuts(within, again, alpha);
  const verdict = (i: number, cosine: number): Fate => {
    // Not `<=`: a loss that is no number is none.
    if (!(within[i] - cosine > cuts[i])) return "kept";
    return 1 - cosine > threshold ? "gone" : "moved";
  };
  const verdicts = Array.from(audited, (region, i): AuditedRegion => ({
    region,
    members: memberCounts[region],
    cosineWithin: within[i],
    cosineAcross: other[i],
    verdict: verdict(i, other[i]),
    control: verdict(i, fresh[i]),
  }));
  const canTell = cuts.length > 0 && cuts.every(Number.isFinite);
  const share = (is: (region: AuditedRegion) => boolean) =>
    canTell ? verdicts.filter(is).length / verdicts.length : null;
  return {
    regions: size,
    audited: audited.length,
    moved: share((region) => region.verdict === "moved"),
    gone: share((region) => region.verdict === "gone"),
    falseAlarms: share((region) => region.control !== "kept"),
    verdicts,
  };
}

/** The audit of one setting and stream order. */
export type OrderAudit = Audit & SettingKey & { readonly seed: number };

/**
 * Audits the dictionaries of every stream order of a model: an order is compared with the other model's of the next, and with
 * its own of the next three, going round.
 *
 * @param own The model whose regions are audited. @param others The other model, in the same orders.
 * @param rule What is audited, and how often an unchanged region may be taken for a changed one.
 * @returns By order, then in the order's order of settings; those that the other model lacks are left out.
 * @throws {RangeError} if there are fewer than four orders.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const regions = (...angles: number[]) => ({
 *   ...{ layer: 3, percentile: 4, size: angles.length, dim: 2, threshold: 0.1 },
 *   means: Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])),
 *   memberCounts: new Int32Array(angles.length).fill(9),
 * });
 * const [before, after] = [[0, 1, 2, 3], [0, 1, 2, 5]].map((angles) => {
 *   return new Map([0, 1, 2, 3].map((seed) => [seed, [regions(...angles)]]));
 * });
 * const audits = await auditOrders(await openBackend("cpu"), before, after, { minMembers: 5, alpha: 0.3 });
 * if (audits.length !== 4 || audits.some(({ gone, falseAlarms }) => gone !== 0.25 || falseAlarms !== 0)) {
 *   throw new Error("the fourth region is gone in every order");
 * }
 * ```
 */
export async function auditOrders(
  backend: Backend,
  own: DirectionsByOrder,
  others: DirectionsByOrder,
  rule: AuditRule,
): Promise<OrderAudit[]> {
  const seeds = [...own.keys()];
  if (seeds.length < 4) {
    throw new RangeError(`Expected four stream orders or more but found ${seeds.length}: grow more`);
  }
  const audits: OrderAudit[] = [];
  for (const [i, seed] of seeds.entries()) {
    const [next, third, fourth] = [1, 2, 3].map((step) => seeds[(i + step) % seeds.length]);
    for (const dictionary of own.get(seed)!) {
      const across = sameSetting(others.get(next)!, dictionary);
      if (!across) continue;
      const of = (order: number) => sameSetting(own.get(order)!, dictionary)!;
      const audit = await auditRegions(backend, dictionary, { across, own: [of(next), of(third), of(fourth)] }, rule);
      audits.push({ layer: dictionary.layer, percentile: dictionary.percentile, seed, ...audit });
    }
  }
  return audits;
}

async function nearestCosines(
  backend: Backend,
  queries: Matrix,
  { means, size, dim }: RegionDirections,
): Promise<Float32Array> {
  using directions = backend.upload(means.slice(), size, dim);
  return (await backend.nearest(queries, directions)).similarities;
}
