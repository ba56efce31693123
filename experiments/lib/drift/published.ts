import { bareName } from "../../../src/model/mod.ts";

/** Figures of the paper (arXiv 2605.14347 v2) on Gemma-2-2B against its instruct model. */
export interface PublishedDrift {
  /** Median matched cosine on the Pile. */
  readonly median: number;
  /** Pairs of cosine 0.7 or more. */
  readonly pairs: number;
}

const LAYERS: Readonly<Record<number, PublishedDrift>> = {
  12: { median: 0.24, pairs: 15 },
  20: { median: 0.2, pairs: 5 },
};

/** The published figures of a base model's layer, if there are any. */
export function publishedDrift(model: string, layer: number): PublishedDrift | undefined {
  return bareName(model) === "gemma-2-2b" ? LAYERS[layer] : undefined;
}
