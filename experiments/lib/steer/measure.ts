/** How a region's direction changes what the model says, added and removed. */
import { batchAt, type StreamBatch } from "../../../src/activations/mod.ts";
import {
  divergenceFrom,
  matchedRegion,
  meanDistance,
  meanDistribution,
  meanDivergence,
  nextTokenRows,
  topTokenShift,
} from "../../../src/analysis/mod.ts";
import { Random } from "../../../src/compute/mod.ts";
import type { Intervention, LanguageModel } from "../../../src/model/mod.ts";
import type { Growth } from "../../../src/partition/mod.ts";

/** Next-token distributions of prompts, with the batch that they come from. */
export interface Probe {
  readonly batch: StreamBatch;
  readonly prompts: readonly Int32Array[];
  /** `rows x vocab` log-probabilities. */
  readonly rows: Float32Array<ArrayBuffer>;
}

/** One intervention with a region's direction, or its null's. */
export interface Effect {
  readonly seed: number;
  readonly layer: number;
  readonly percentile: number;
  readonly region: number;
  readonly count: number;
  readonly coherence: number;
  /** Whose direction it is. */
  readonly direction: "region" | "matched null";
  /** Distance of the null from the region in (log10 members, coherence). */
  readonly nullDistance: number;
  /** Strength in mean distances from the center; NaN for an ablation. */
  readonly alpha: number;
  /** Mean KL(before || after) over all positions, nats. */
  readonly divergence: number;
  /** Share of all positions whose most likely token changes. */
  readonly shift: number;
  /** Mean KL(region's typical output || before) at members of the region, and at the others. */
  readonly membersBefore: number;
  readonly othersBefore: number;
  /** Mean KL(region's typical output || after): at members for an ablation, at the others for steering. */
  readonly after: number;
}

/** What is probed. */
export interface ProbePlan {
  readonly model: LanguageModel;
  /** Prompts whose outputs are typical of regions, and prompts that are steered. */
  readonly typical: Probe;
  readonly tested: Probe;
  readonly seed: number;
  /** Regions of each dictionary, drawn from those with enough members. */
  readonly regions: number;
  /** Positions that a region must hold in each of the probes. */
  readonly members: number;
  readonly alphas: readonly number[];
}

/** Reads a probe. */
export async function probe(model: LanguageModel, batch: StreamBatch): Promise<Probe> {
  const prompts = batch.prompts.map(({ tokens }) => tokens);
  return { batch, prompts, rows: await nextTokenRows(model, prompts) };
}

/**
 * Steers with regions of a dictionary, and ablates them, beside matched nulls. A region's typical output is the mean
 * distribution at its positions of one probe; what becomes of it is measured on the other.
 */
export async function steerRegions(growth: Growth, plan: ProbePlan, onDone: () => void): Promise<Effect[]> {
  const { model, typical, tested, seed, alphas } = plan;
  const { layer, percentile, dictionary } = growth;
  const { center, means, dim, memberCounts, coherences, size } = dictionary;
  const members = async ({ batch }: Probe) => {
    const { regions } = await dictionary.assign(batchAt(batch, layer));
    return Map.groupBy(regions.keys(), (row) => regions[row]);
  };
  const [seen, held] = [await members(typical), await members(tested)];
  const isEnough = (region: number) =>
    Math.min(seen.get(region)?.length ?? 0, held.get(region)?.length ?? 0) >= plan.members;
  const eligible = [...held.keys()].filter(isEnough).sort((a, b) => a - b);
  const chosen = new Random(seed).shuffle(eligible).slice(0, plan.regions);
  const { data } = batchAt(tested.batch, layer);
  const unit = meanDistance(data!, dim, center);
  const all = Array.from({ length: tested.rows.length / model.vocab }, (_, row) => row);

  const effects: Effect[] = [];
  for (const region of chosen) {
    const match = matchedRegion({ memberCounts, coherences }, region, Array(size).keys());
    const own = held.get(region)!;
    const isOwn = new Set(own);
    const others = all.filter((row) => !isOwn.has(row));
    const output = meanDistribution(typical.rows, model.vocab, seen.get(region)!);
    const from = (rows: Float32Array, where: readonly number[]) => divergenceFrom(output, rows, model.vocab, where);
    const common = {
      ...{ seed, layer, percentile, region, count: memberCounts[region], coherence: coherences[region] },
      nullDistance: match?.distance ?? NaN,
      membersBefore: from(tested.rows, own),
      othersBefore: from(tested.rows, others),
    };
    for (const [name, source] of [["region", region], ["matched null", match?.region]] as const) {
      if (source === undefined) continue;
      const direction = means.slice(source * dim, (source + 1) * dim);
      const act = async (alpha: number, intervention: Intervention, where: readonly number[]) => {
        const rows = await nextTokenRows(model, tested.prompts, [intervention]);
        const divergence = meanDivergence(tested.rows, rows, model.vocab);
        const shift = topTokenShift(tested.rows, rows, model.vocab);
        effects.push({ ...common, direction: name, alpha, divergence, shift, after: from(rows, where) });
      };
      await act(NaN, { layer, ablate: { directions: [direction], center } }, own);
      for (const alpha of alphas) await act(alpha, { layer, steer: { direction, alpha: alpha * unit } }, others);
    }
    onDone();
  }
  return effects;
}
