/** Result rows of `refusal`; those of ablations, references and steering are `ABLATION`, `REFERENCE` and `STEERED`. */
import { REFUSAL_FIGURES, refusalFigures, type RefusalSetting } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { LAYER, PERCENTILE, row, type RowOf, THRESHOLD, whole, words } from "../../../src/report/mod.ts";

/** A dictionary, or a setting that gave none. */
export const DICTIONARY = row({
  seed: whole("of the dictionary's stream order", { missing: "no dictionary" }),
  layer: LAYER,
  percentile: PERCENTILE,
  threshold: THRESHOLD,
  regions: whole("number of regions"),
  ...REFUSAL_FIGURES,
  failed: words("why there is no dictionary", { missing: "there is one" }),
});
/** A row of {@linkcode DICTIONARY}. */
export type DictionaryRow = RowOf<typeof DICTIONARY>;

/** Rows of all dictionaries, then of what failed. */
export function dictionaryRows(
  settings: readonly RefusalSetting[],
  failed: readonly FailedSetting[],
): DictionaryRow[] {
  return [
    ...settings.map((setting): DictionaryRow => {
      const { seed, layer, percentile, threshold, size } = setting;
      return { seed, layer, percentile, threshold, regions: size, ...refusalFigures(setting), failed: null };
    }),
    ...failed.map(({ layer, percentile, threshold, reason }): DictionaryRow => {
      const nothing = refusalFigures({ occupied: 0, candidates: [], matched: null });
      return { seed: null, layer, percentile, threshold, regions: 0, ...nothing, failed: reason };
    }),
  ];
}

const NOT_TRIED = { missing: "nothing was ablated, or there is no null region" };

/** A held-out harmful prompt. */
export const ANSWER = row({
  prompt: words("held-out harmful prompt"),
  before: words("answer without an intervention", { heading: "answer" }),
  region: words("answer under the best ablation", { heading: "region ablated", ...NOT_TRIED }),
  null: words("answer under the ablation of its null region", { heading: "null ablated", ...NOT_TRIED }),
});
/** A row of {@linkcode ANSWER}. */
export type AnswerRow = RowOf<typeof ANSWER>;
