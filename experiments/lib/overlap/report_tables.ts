/** Rows of the tables in `overlap`'s report. */
import { type Cell, formatNumber, formatShare } from "../../../src/report/mod.ts";
import type { Example, Unit } from "./examples.ts";
import type { Measured } from "./measure.ts";
import type { SizeRow } from "./sizes.ts";
import { figuresOf, percentileOf, sizesOf } from "./summary.ts";

/** One percentile: regions that have a feature. */
export function regionShares(measured: Measured) {
  const { size, within } = sizesOf(measured);
  return {
    p: percentileOf(measured),
    K: Math.round(size),
    counted: Math.round(figuresOf(measured, "regions", "EP and SAE").counted),
    "within θ": rounded(within),
    ...shares(measured, "regions"),
    "other order": rounded(figuresOf(measured, "regions", "EP and EP of another order").share),
  };
}

/** One percentile: features that have a region. */
export function featureShares(measured: Measured) {
  return {
    p: percentileOf(measured),
    counted: Math.round(figuresOf(measured, "features", "EP and SAE").counted),
    ...shares(measured, "features"),
  };
}

function shares(measured: Measured, side: "regions" | "features") {
  const of = (name: Parameters<typeof figuresOf>[2]) => figuresOf(measured, side, name);
  return {
    "F1 > 0.5": rounded(of("EP and SAE").share),
    "median F1": rounded(of("EP and SAE").median),
    permuted: rounded(of("EP and SAE, tokens permuted").share),
    random: rounded(of("random exemplars and SAE").share),
    "token ids": rounded(of("token ids").share),
    strongest: rounded(of("EP and SAE, strongest tokens").share),
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

/** Examples of one kind: a row for each unit, and one for its best match under it. */
export function exampleRows(examples: readonly Example[]): Record<string, Cell>[] {
  return examples.flatMap(({ kind, unit, best, f1, parts }) => {
    const others = parts.map(({ unit, covers }) =>
      `${formatShare(covers)} by ${unit.side} ${unit.number} (${formatNumber(unit.firings)} firings)`
    );
    const covered = (text: string): Record<string, Cell> =>
      kind === "EP only" || kind === "SAE only" ? { covered: text } : {};
    const own = { ...unitCells(unit), ...covered(others.join(", ")) };
    if (!best) return [own];
    const name = `best match, F1 ${formatNumber(f1, 3)}: ${nameOf(best)}`;
    return [own, { ...unitCells(best), unit: name, ...covered("") }];
  });
}

const nameOf = ({ side, number }: Unit) => `${side} ${number}`;

function unitCells(unit: Unit) {
  return {
    unit: nameOf(unit),
    firings: unit.firings,
    "fired by": unit.tokens,
    "logit lens": unit.lens,
    contexts: [...unit.contexts],
  };
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;
