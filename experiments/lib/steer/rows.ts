/** Result rows of `steer`. */
import { type Effect, EFFECT_FIGURES, EFFECT_MEANS, effectMeans } from "../../../src/analysis/mod.ts";
import { LAYER, PERCENTILE, row, type RowOf, Sweep, whole } from "../../../src/report/mod.ts";

const DICTIONARY = {
  seed: whole("of stream order, prompts, regions drawn"),
  layer: LAYER,
  percentile: PERCENTILE,
};

/** One intervention. */
export const EFFECT = row({ ...DICTIONARY, ...EFFECT_FIGURES });
/** A row of {@linkcode EFFECT}. */
export type EffectRow = Effect & { readonly seed: number; readonly layer: number; readonly percentile: number };

/** One dictionary, direction and strength. */
export const SUMMARY = row({ ...DICTIONARY, ...EFFECT_MEANS });
/** A row of {@linkcode SUMMARY}. */
export type SummaryRow = RowOf<typeof SUMMARY>;

/** Means over the regions of every dictionary. */
export function summaries(effects: readonly EffectRow[]): SummaryRow[] {
  return new Sweep(effects, ["seed", "layer", "percentile"]).settings.flatMap(({ key, rows }) =>
    effectMeans(rows).map((means) => ({ ...key, ...means }))
  );
}
