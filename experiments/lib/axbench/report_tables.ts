/** Rows of the tables in the report of concept detection. */
import { type Cell, formatNumber } from "../../../src/report/mod.ts";
import { range, rounded } from "./findings.ts";
import { nameOf, type Pairing, type WaySummary } from "./summary.ts";

/** Regions against another way. */
export function pairRow({ regions, other, interval, better, differences }: Pairing) {
  return {
    regions: nameOf(regions),
    against: nameOf(other),
    difference: rounded(interval.mean),
    "95 % interval": range(interval),
    "better on": `${better} of ${differences.length}`,
  };
}

/** A row a method and percentile, with a column a budget. */
export function curveRows(ways: readonly WaySummary[]): Record<string, Cell>[] {
  const curves = Map.groupBy(ways, (way) => `${nameOf(way)} ${way.percentile}`);
  return Array.from(curves.values(), (curve) => ({
    method: nameOf(curve[0]),
    p: curve[0].percentile,
    K: Math.round(curve.at(-1)!.regions),
    ...Object.fromEntries(curve.map((way, i) => [
      // The last budget is as many tokens as there are.
      i < curve.length - 1 ? `${formatNumber(way.budget)} tokens` : "all tokens",
      rounded(way.interval.mean),
    ])),
    "95 % interval": range(curve.at(-1)!.interval),
  }));
}

/** One layer. */
export function layerRow(way: WaySummary) {
  return {
    block: way.layer,
    K: Math.round(way.regions),
    AUROC: rounded(way.interval.mean),
    "95 % interval": range(way.interval),
  };
}
