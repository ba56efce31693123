/** Best F1 by how often units fire: large sets match by chance more than small ones. */
import { firingCount, type Firings } from "../../../src/analysis/mod.ts";
import { type Measured, summarise } from "./measure.ts";

/** Units of one side that fire about equally often. */
export interface SizeRow {
  readonly percentile: number;
  readonly side: "regions" | "features";
  /** Firings from, and below. */
  readonly from: number;
  readonly below: number;
  readonly units: number;
  /** Share with a best F1 above one half, and the median. */
  readonly share: number;
  readonly median: number;
  /** Mean over the units of their mean best F1 under permutations. */
  readonly permuted: number;
}

/** Bins that double in size, from the fewest firings that count; first order. */
export function sizeRows(measured: Measured, features: Firings, minimum: number): SizeRow[] {
  const { orders: [{ percentile, firings }], permutedRegions, permutedFeatures } = measured;
  const sides = [
    { side: "regions", firings, f1: measured.regions.f1, permuted: permutedRegions },
    { side: "features", firings: features, f1: measured.features.f1, permuted: permutedFeatures },
  ] as const;
  return sides.flatMap(({ side, firings, f1, permuted }) => {
    const counted = [...f1.keys()].filter((unit) => !Number.isNaN(f1[unit]));
    const bins = Map.groupBy(counted, (unit) => Math.floor(Math.log2(firingCount(firings, unit) / minimum)));
    return [...bins].sort(([a], [b]) => a - b).map(([bin, units]) => {
      const { share, median } = summarise(units.map((unit) => f1[unit]));
      const chance = summarise(units.map((unit) => permuted[unit])).mean;
      const [from, below] = [minimum * 2 ** bin, minimum * 2 ** (bin + 1)];
      return { percentile, side, from, below, units: units.length, share, median, permuted: chance };
    });
  });
}
