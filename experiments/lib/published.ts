import { bareName } from "../../src/model/mod.ts";
import type { CommonFlags } from "../../src/run/mod.ts";

/** Figures of the paper (arXiv 2605.14347 v2) for Gemma-2-2B, to stand beside a run's own when the model is the same. */
export interface PublishedBuild {
  readonly layer: number;
  readonly percentiles: readonly number[];
  readonly regions: readonly number[];
  /** Tokens until saturation, where reported. */
  readonly tokens?: readonly number[];
}

/** The model whose published figures may stand beside a run's: all are of the residual stream after a layer. */
export function comparableModel({ model, hook }: Pick<CommonFlags, "model" | "hook">): string {
  return hook === "resid_post" ? model : "";
}

const BUILDS: Readonly<Record<string, PublishedBuild>> = {
  "gemma-2-2b": {
    layer: 12,
    percentiles: [1, 2, 4, 8, 10],
    regions: [20_295, 5_129, 1_193, 292, 203],
    tokens: [15.2e6, 5.07e6, 1.02e6, 314e3, 347e3],
  },
  "gemma-2-2b-it": { layer: 20, percentiles: [1, 2, 4, 8, 10], regions: [5_796, 1_882, 738, 252, 176] },
};

/** What the paper says of the distance to the nearest exemplar, as a sentence; undefined for another model. */
export function publishedOod(model: string): string | undefined {
  if (bareName(model) !== "gemma-2-2b-it") return undefined;
  return "Gemma-2-2B-it, layer 20: random tokens lie 0.04 to 0.08 farther than text of the Pile in mean distance, more at " +
    "small p, less with depth; AUROC of random tokens 0.65 to 0.79; share within θ at least 0.999 nearly everywhere; " +
    "Bulgarian lies between the two.";
}

/** What the paper says of the regions of three domains, as a sentence; undefined for another model. */
export function publishedSaturation(model: string): string | undefined {
  if (!bareName(model).startsWith("gemma-2-2b")) return undefined;
  return "Published for Gemma-2-2B: chat's regions grow with depth, code's stay about the same, math's peak in the middle " +
    "layers; chat has about twice the regions of code at every layer.";
}

/** What the paper says of regions' stability, as a sentence; undefined for another model. */
export function publishedStability(model: string): string | undefined {
  if (bareName(model) !== "gemma-2-2b") return undefined;
  return "Published for Gemma-2-2B: Spearman's correlation of D with matched cosine about 0.68; quintile means from 0.60 " +
    "(lowest D) to 0.81 - 0.83 (highest).";
}

/** The published number of regions of the same model, layer and percentile, if there is one. */
export function publishedRegions(model: string, layer: number, percentile: number): number | undefined {
  const build = BUILDS[bareName(model)];
  if (build?.layer !== layer) return undefined;
  return build.regions[build.percentiles.indexOf(percentile)];
}

/** What the paper says of refusal, as a sentence; undefined for another model. */
export function publishedRefusal(model: string): string | undefined {
  if (bareName(model) !== "gemma-2-2b-it") return undefined;
  return "Gemma-2-2B-it, layer 20: refusal falls from 0.98 to 0.02 on the best seed; by seed -0.74, -0.96, 0, 0 at p 12 and " +
    "-0.64, -0.98, 0 at p 10; p 8 gives fragments (0 to -0.10), p 20 is contaminated; a matched null region changes " +
    "nothing; steering gives apologetic prefixes at α 200 and loops at α 400.";
}
