/** Means over stream orders of what `drift` measured, and the settings that are shown. */
import { quantiles } from "../../../src/analysis/mod.ts";
import {
  distinctSettings,
  meanOfAll as meanOf,
  ofSetting,
  type SettingKey as Setting,
} from "../../../src/report/mod.ts";
import { type Comparison, COMPARISONS, type MatchRow } from "./matches.ts";
import type { FinalTokens, Side } from "./tokens.ts";

/** The setting at which the instruct model's purity is farthest above that of shuffled labels, if both models have it. */
export function clearestSetting(tokens: readonly FinalTokens[]): Setting | undefined {
  const excess = (setting: Setting) =>
    meanOf(sideOf(ofSetting(tokens, setting), "instruct").map((row) => row.purity - row.purityShuffled));
  return tokens.filter((row) => row.model === "instruct" && sideOf(ofSetting(tokens, row), "base").length > 0)
    .reduce<Setting | undefined>((best, row) => best && excess(best) >= excess(row) ? best : row, undefined);
}

/** The rows of one model. */
export const sideOf = (rows: readonly FinalTokens[], model: Side) => rows.filter((row) => row.model === model);

/** Means over stream orders for each comparison. */
export function summarise(rows: readonly MatchRow[], cut: number) {
  return Object.fromEntries(COMPARISONS.map((comparison) => {
    const own = rows.filter((row) => row.comparison === comparison);
    const mean = (value: (row: MatchRow) => number) => meanOf(own.map(value));
    const [low, high] = quantiles(own.flatMap(({ cosines }) => [...cosines]), [0.05, 0.95]);
    return [comparison, {
      median: mean((row) => row.median),
      regions: [mean((row) => row.sizes[0]), mean((row) => row.sizes[1])],
      persisted: mean((row) => row.persisted),
      dropped: mean((row) => row.dropped),
      introduced: mean((row) => row.introduced),
      below: mean((row) => row.cosines.filter((cosine) => cosine < cut).length / row.cosines.length),
      low,
      high,
    }];
  })) as Record<Comparison, Summary>;
}

/** One comparison. */
export interface Summary {
  median: number;
  regions: number[];
  persisted: number;
  dropped: number;
  introduced: number;
  /** Share of the pairs below the cut. */
  below: number;
  /** 5th and 95th percentile of the pairs' cosines. */
  low: number;
  high: number;
}

/** The setting of the largest held-out accuracy, means over stream orders. */
export function bestSetting(tokens: readonly FinalTokens[]) {
  return distinctSettings(tokens).map(({ layer, percentile }) => {
    const rows = ofSetting(tokens, { layer, percentile });
    return {
      layer,
      percentile,
      accuracy: meanOf(rows.map((row) => row.accuracy)),
      regions: meanOf(rows.map((row) => row.split.length)),
      finals: rows[0].split.reduce((sum, { members }) => sum + members, 0),
    };
  }).reduce((best, setting) => setting.accuracy > best.accuracy ? setting : best);
}
