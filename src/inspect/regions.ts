import type { Context } from "../partition/contexts.ts";
import type { Json } from "./description.ts";

/** What is known of a dictionary's regions, a number a region. */
export interface RegionFigures {
  readonly counts: ArrayLike<number>;
  readonly coherences: ArrayLike<number>;
  readonly distanceSums: ArrayLike<number>;
  readonly firstBatches: ArrayLike<number>;
  /** Members nearest to the exemplar, where the format keeps them. */
  nearest?(region: number): readonly Pick<Context, "excerpt">[];
}

/** The regions in short. */
export function regionFacts({ counts, coherences }: RegionFigures): Record<string, Json> {
  const sizes = Array.from(counts);
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
  return {
    regions: sizes.length,
    "regions of one member": sizes.filter((count) => count === 1).length,
    "largest region": sizes.reduce((most, count) => Math.max(most, count), 0),
    "mean coherence": sizes.length === 0 ? null : Number(mean(coherences).toPrecision(4)),
  };
}

/** The largest regions, largest first. */
export function largestRegions(figures: RegionFigures, rows: number): Record<string, Json>[] {
  const { counts, coherences, distanceSums, firstBatches } = figures;
  const order = Array.from(counts, (_, region) => region).sort((a, b) => counts[b] - counts[a] || a - b);
  return order.slice(0, rows).map((region) => {
    const contexts = figures.nearest?.(region).slice(0, 3).map(({ excerpt }) => contextText(excerpt));
    return {
      region,
      count: counts[region],
      coherence: coherences[region],
      "mean distance": distanceSums[region] / counts[region],
      "first batch": firstBatches[region],
      ...(contexts ? { "nearest contexts": contexts } : {}),
    };
  });
}

function contextText({ before, token, after }: Context["excerpt"]): string {
  return token === "" ? before : `${before.slice(-24)}[[${token}]]${after.slice(0, 12)}`;
}
