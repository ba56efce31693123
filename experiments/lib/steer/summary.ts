/** Effects of many regions as necessity and sufficiency. */
import { spearman } from "../../../src/analysis/mod.ts";
import type { Finding } from "../../../src/report/mod.ts";
import type { Effect } from "./measure.ts";

/** Means over the regions of one dictionary. */
export interface SteerSummary {
  readonly seed: number;
  readonly layer: number;
  readonly percentile: number;
  readonly direction: Effect["direction"];
  /** NaN for ablation. */
  readonly alpha: number;
  readonly regions: number;
  readonly divergence: number;
  readonly shift: number;
  /**
   * For ablation the necessity, for steering the sufficiency: how much of the gap between members' and others' divergence
   * from a region's typical output it closes. 0: nothing, 1: all of it.
   */
  readonly closed: number;
}

/** How far apart members and others of a region are in their divergence from its typical output, nats. */
const gap = ({ othersBefore, membersBefore }: Effect) => othersBefore - membersBefore;

/** The part of the gap that one effect closes, in nats: members that leave for ablation, others that come for steering. */
const moved = (effect: Effect) =>
  Number.isNaN(effect.alpha) ? effect.after - effect.membersBefore : effect.othersBefore - effect.after;

/** Summarises effects by seed, layer, percentile, direction and strength. Gaps are added up before they are divided. */
export function summarise(effects: readonly Effect[]): SteerSummary[] {
  const keyOf = (e: Effect) => [e.seed, e.layer, e.percentile, e.direction, e.alpha].join();
  return [...Map.groupBy(effects, keyOf).values()].map((group) => {
    const [{ seed, layer, percentile, direction, alpha }] = group;
    const mean = (value: (effect: Effect) => number) => sum(group, value) / group.length;
    return {
      ...{ seed, layer, percentile, direction, alpha },
      regions: group.length,
      divergence: mean((effect) => effect.divergence),
      shift: mean((effect) => effect.shift),
      closed: sum(group, moved) / sum(group, gap),
    };
  });
}

/** Mean over seeds at one layer and percentile; NaN where nothing was measured. */
export function meanClosed(
  summaries: readonly SteerSummary[],
  where: Pick<SteerSummary, "layer" | "percentile" | "direction" | "alpha">,
): number {
  const rows = summaries.filter((row) =>
    row.layer === where.layer && row.percentile === where.percentile && row.direction === where.direction &&
    Object.is(row.alpha, where.alpha)
  );
  return sum(rows, ({ closed }) => closed) / rows.length;
}

/** What one layer and percentile comes to. */
export interface SteerResult {
  readonly layer: number;
  readonly percentile: number;
  readonly necessity: number;
  readonly necessityNull: number;
  /** The strength of largest sufficiency, and that. */
  readonly alpha: number;
  readonly sufficiency: number;
  /** The strength of the null's largest sufficiency, and that. */
  readonly alphaNull: number;
  readonly sufficiencyNull: number;
}

/** Necessity, and sufficiency at its best strength, of every layer and percentile. */
export function results(summaries: readonly SteerSummary[]): SteerResult[] {
  const groups = Map.groupBy(summaries, ({ layer, percentile }) => `${layer}/${percentile}`);
  return [...groups.values()].map((group) => {
    const [{ layer, percentile }] = group;
    const closed = (direction: Effect["direction"], alpha: number) =>
      meanClosed(group, { layer, percentile, direction, alpha });
    const alphas = [...new Set(group.map((row) => row.alpha))].filter((alpha) => !Number.isNaN(alpha));
    const best = (direction: Effect["direction"]) =>
      alphas.reduce((a, b) => closed(direction, b) > closed(direction, a) ? b : a);
    const [alpha, alphaNull] = [best("region"), best("matched null")];
    return {
      layer,
      percentile,
      necessity: closed("region", NaN),
      necessityNull: closed("matched null", NaN),
      alpha,
      sufficiency: closed("region", alpha),
      alphaNull,
      sufficiencyNull: closed("matched null", alphaNull),
    };
  });
}

/**
 * Rank correlations over the regions of one layer and percentile, averaged over these, of the largest share of the gap closed
 * by steering with size and with coherence: between percentiles both change anyway. NaN if no setting has regions enough.
 */
export function predictors(effects: readonly Effect[]): { readonly size: number; readonly coherence: number } {
  const steered = effects.filter((effect) => effect.direction === "region" && !Number.isNaN(effect.alpha));
  const keyOf = (e: Effect) => [e.seed, e.layer, e.percentile, e.region].join();
  const regions = [...Map.groupBy(steered, keyOf).values()].map((group) => ({
    ...group[0],
    best: Math.max(...group.map((effect) => moved(effect) / gap(effect))),
  }));
  const settings = [...Map.groupBy(regions, ({ layer, percentile }) => `${layer}/${percentile}`).values()];
  const correlation = (value: (region: typeof regions[number]) => number) => {
    const each = settings.map((group) => spearman(group.map(({ best }) => best), group.map(value)))
      .filter((rho) => !Number.isNaN(rho));
    return sum(each, (rho) => rho) / each.length;
  };
  return { size: correlation(({ count }) => count), coherence: correlation(({ coherence }) => coherence) };
}

/** `run.json`'s findings. */
export function steerFindings(effects: readonly Effect[], summaries: readonly SteerSummary[]): Record<string, Finding> {
  const found = results(summaries);
  const { size, coherence } = predictors(effects);
  return {
    layers: found.map(({ layer }) => layer),
    percentiles: found.map(({ percentile }) => percentile),
    necessity: found.map(({ necessity }) => necessity),
    necessity_null: found.map(({ necessityNull }) => necessityNull),
    best_alpha: found.map(({ alpha }) => alpha),
    sufficiency: found.map(({ sufficiency }) => sufficiency),
    sufficiency_null: found.map(({ sufficiencyNull }) => sufficiencyNull),
    spearman_sufficiency_size: size,
    spearman_sufficiency_coherence: coherence,
    regions: new Set(effects.map((e) => [e.seed, e.layer, e.percentile, e.region].join())).size,
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
