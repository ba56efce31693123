/** Result rows of `stability`. */
import {
  REGION_STABILITY,
  regionStability,
  STABILITY_FIGURES,
  STABILITY_VARIANTS,
  type VariantStability,
} from "../../../src/analysis/mod.ts";
import { LAYER, oneOf, PERCENTILE, row, type RowOf, whole } from "../../../src/report/mod.ts";

const SETTING = row({
  variant: oneOf(STABILITY_VARIANTS, "which directions are matched", { heading: "directions" }),
  seed: whole("stream order"),
  layer: LAYER,
  percentile: PERCENTILE,
});

/** One variant of one order's dictionary at one layer and percentile. */
export const VARIANT = row({ ...SETTING, ...STABILITY_FIGURES });

/** One of its regions. */
export const REGION = row({ ...SETTING, ...REGION_STABILITY });

/** A row of {@linkcode VARIANT}, with its regions. */
export type VariantRow = VariantStability & { readonly layer: number; readonly percentile: number };

/** The variant whose matches are chance. */
export const CHANCE = "means, rotated (chance)";

/** The regions of every dictionary. */
export function regionRows(rows: readonly VariantRow[]): RowOf<typeof REGION>[] {
  return rows.flatMap((row) => {
    const { variant, seed, layer, percentile } = row;
    return regionStability(row).map((region) => ({ variant, seed, layer, percentile, ...region }));
  });
}
