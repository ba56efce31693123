/** Charts of `stability`. */
import { FIFTHS, STABILITY_VARIANTS } from "../../../src/analysis/mod.ts";
import {
  beside,
  byLayer,
  category,
  chart,
  type ChartSpec,
  COLOR,
  DASH,
  dots,
  means,
  only,
  quantity,
  seeds,
  series,
  ticks,
} from "../../../src/report/mod.ts";
import { CHANCE, type VariantRow } from "./rows.ts";

const AS_THEY_ARE = "as they are";
const ROTATED = "rotated (chance)";

/** Mean matched cosine by fifths of D: points are orders, lines their means; chance dashed. */
export function quintilesChart(rows: readonly VariantRow[]): ChartSpec {
  const fifths = rows.filter(({ variant }) => variant === "means" || variant === CHANCE)
    .toSorted((a, b) => a.percentile - b.percentile)
    .flatMap((row) =>
      FIFTHS.map((fifth) => ({
        ...{ layer: row.layer, seed: row.seed, cosine: row[fifth] },
        percentile: `p ${row.percentile}`,
        regions: row.variant === CHANCE ? ROTATED : AS_THEY_ARE,
        fifth: fifth.toUpperCase(),
      }))
    );
  return chart(fifths, {
    panels: byLayer(),
    x: category("fifth", "fifths of D, lowest first"),
    y: quantity("cosine", "mean matched cosine"),
    color: series("percentile"),
    dash: series("regions", { [AS_THEY_ARE]: { dash: DASH.solid }, [ROTATED]: { dash: DASH.dashed } }),
    marks: [means(), only("regions", AS_THEY_ARE, seeds())],
  });
}

/** Matched cosine against D, a dot a region, of one setting and one order. */
export function densityChart(rows: readonly VariantRow[]): ChartSpec {
  const regions = rows.filter(({ variant }) => variant === "means" || variant === CHANCE).flatMap((row) =>
    Array.from(row.cosines, (cosine, region) => ({
      regions: row.variant === CHANCE ? ROTATED : AS_THEY_ARE,
      density: row.densities[region],
      cosine,
    }))
  );
  return chart(regions, {
    x: quantity("density", "D = log10(N c²)"),
    y: quantity("cosine", "matched cosine, mean over the other orders"),
    color: series("regions", { [AS_THEY_ARE]: COLOR.blue, [ROTATED]: COLOR.chance }),
    marks: [dots()],
  });
}

/** Mean matched cosine and Spearman's correlation with D of every variant, a row each, at one percentile. */
export function variantsChart(rows: readonly VariantRow[], percentile: number): ChartSpec {
  const shown = rows.filter((row) => row.percentile === percentile)
    .map((row) => ({ ...row, layer: `layer ${row.layer}` }));
  const measures = [
    quantity("matchedCosine", "mean matched cosine", { zero: true }),
    quantity("spearmanDensity", "Spearman of matched cosine with D", { zero: true }),
  ];
  return beside(measures.map((x, i) =>
    chart(shown, {
      x,
      y: category("variant", null, { order: STABILITY_VARIANTS, hasGrid: true, hasLabels: i === 0 }),
      color: series("layer"),
      isDodged: true,
      marks: [seeds(), ticks({ size: 9 })],
      width: 230,
      height: { step: 34 },
    })
  ));
}
