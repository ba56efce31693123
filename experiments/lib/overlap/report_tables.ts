/** Rows of the tables in `overlap`'s report. */
import { type Cell, formatShare } from "../../../src/report/mod.ts";
import type { Example, Unit } from "./examples.ts";
import type { Measured } from "./measure.ts";
import type { SizeRow } from "./sizes.ts";
import { figuresOf, percentileOf, sizesOf } from "./summary.ts";

/** One percentile. */
export function percentileRow(measured: Measured) {
  const regions = (name: Parameters<typeof figuresOf>[2]) => rounded(figuresOf(measured, "regions", name).share);
  const features = (name: Parameters<typeof figuresOf>[2]) => rounded(figuresOf(measured, "features", name).share);
  const { size, within } = sizesOf(measured);
  return {
    p: percentileOf(measured),
    K: Math.round(size),
    counted: Math.round(figuresOf(measured, "regions", "EP and SAE").counted),
    "within θ": rounded(within),
    regions: regions("EP and SAE"),
    permuted: regions("EP and SAE, tokens permuted"),
    random: regions("random exemplars and SAE"),
    "other order": regions("EP and EP of another order"),
    "token ids": regions("token ids"),
    strongest: regions("EP and SAE, strongest tokens"),
    features: features("EP and SAE"),
    "random, features": features("random exemplars and SAE"),
    "strongest, features": features("EP and SAE, strongest tokens"),
    "median F1, regions": rounded(figuresOf(measured, "regions", "EP and SAE").median),
    "median F1, features": rounded(figuresOf(measured, "features", "EP and SAE").median),
  };
}

/** One bin of firings. */
export function sizeTableRow({ side, from, below, units, share, median, permuted }: SizeRow) {
  return {
    side: side === "regions" ? "EP regions" : "SAE features",
    firings: `${from} to ${below - 1}`,
    units,
    "F1 > 0.5": rounded(share),
    "median F1": rounded(median),
    "permuted, mean F1": rounded(permuted),
  };
}

/** Examples of one kind, a row each. */
export function exampleRows(examples: readonly Example[]): Record<string, Cell>[] {
  return examples.map(({ unit, best, f1, parts }) => {
    const others = parts.map(({ unit, covers }) =>
      `${formatShare(covers)} ${unit.side} ${unit.number} (${unit.firings})`
    );
    return {
      [unit.side]: unit.number,
      "its tokens": tokens(unit),
      "its contexts": [...unit.contexts],
      "best match": best ? `${best.side} ${best.number}` : "none",
      F1: rounded(f1),
      "the match's tokens": best ? tokens(best) : "",
      "the match's contexts": [...best?.contexts ?? []],
      "covered by (firings)": others.join(", "),
    };
  });
}

const tokens = ({ firings, tokens, lens }: Unit) => `${firings}: ${tokens}; lens ${lens}`;

const rounded = (value: number) => Math.round(value * 1000) / 1000;
