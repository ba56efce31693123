import { meanOfAll as meanOf } from "../../../src/report/mod.ts";
import type { PathsMeasured } from "./measure.ts";

/** Means over the seeds of one percentile; arrays are by layer, or by step from one to the next. */
export interface Means {
  readonly percentile: number;
  readonly regions: number[];
  readonly agreementShuffled: number[];
  readonly agreementChance: number[];
  readonly stay: number[];
  readonly stayShuffled: number[];
  readonly stayChance: number[];
  readonly tokens: number;
  readonly distinctPaths: number;
  readonly distinctPathsShuffled: number;
}

/** Findings that are given for every percentile too. */
export const LISTED = [
  "regions",
  "agreementShuffled",
  "agreementChance",
  "stay",
  "stayShuffled",
  "stayChance",
  "distinctPaths",
  "distinctPathsShuffled",
] as const;

/** Means of the runs of one percentile. */
export function meansOf(rows: readonly PathsMeasured[]): Means {
  const mean = (value: (row: PathsMeasured) => number) => meanOf(rows.map(value));
  const list = (values: (row: PathsMeasured) => readonly number[]) =>
    values(rows[0]).map((_, i) => mean((row) => values(row)[i]));
  return {
    percentile: rows[0].percentile,
    regions: list(({ sizes }) => sizes),
    agreementShuffled: list(({ agreement }) => agreement),
    agreementChance: list(({ chance }) => chance),
    stay: list(({ together }) => together.map(({ stay }) => stay)),
    stayShuffled: list(({ togetherShuffled }) => togetherShuffled.map(({ stay }) => stay)),
    stayChance: list(({ together }) => together.map(({ chance }) => chance)),
    tokens: mean(({ tokens }) => tokens),
    distinctPaths: mean(({ distinct }) => distinct),
    distinctPathsShuffled: mean(({ distinctShuffled }) => distinctShuffled),
  };
}
