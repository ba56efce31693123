/** Figures of the paper (arXiv 2605.14347 v2) for Gemma-2-2B, to stand beside a run's own when the model is the same. */
export interface PublishedBuild {
  readonly layer: number;
  readonly percentiles: readonly number[];
  readonly regions: readonly number[];
  /** Tokens until saturation, where reported. */
  readonly tokens?: readonly number[];
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

/** The published number of regions of the same model, layer and percentile, if there is one. */
export function publishedRegions(model: string, layer: number, percentile: number): number | undefined {
  const name = model.toLowerCase().replace(/^.*\//, "").replace(/-onnx.*$/, "");
  const build = BUILDS[name];
  if (build?.layer !== layer) return undefined;
  return build.regions[build.percentiles.indexOf(percentile)];
}
