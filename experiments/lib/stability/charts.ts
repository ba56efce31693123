/** Charts of `stability`. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import { CHANCE } from "./summary.ts";
import { type Measured, VARIANTS } from "./variants.ts";

const blocks = { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } };

/** Mean matched cosine by fifths of D: points are orders, lines their means; chance dashed. */
export function quintilesChart(rows: readonly Measured[]): ChartSpec {
  const values = rows.filter(({ variant }) => variant === "means" || variant === CHANCE).flatMap((row) =>
    row.quintiles.map((cosine, i) => ({
      layer: row.layer,
      percentile: `p ${row.percentile}`,
      seed: row.seed,
      regions: row.variant === CHANCE ? "rotated (chance)" : "as they are",
      quintile: `Q${i + 1}`,
      cosine,
    }))
  );
  const percentiles = [...new Set(rows.map(({ percentile }) => percentile))].sort((a, b) => a - b);
  const x = { field: "quintile", type: "ordinal", title: "fifths of D, lowest first" };
  const y = { field: "cosine", type: "quantitative", title: "mean matched cosine" };
  const color = { field: "percentile", type: "nominal", title: null, sort: percentiles.map((p) => `p ${p}`) };
  return {
    data: { values },
    facet: { column: blocks },
    spec: {
      width: 190,
      height: 220,
      encoding: { x, color },
      layer: [
        {
          mark: "line",
          encoding: {
            y: { ...y, aggregate: "mean" },
            strokeDash: {
              field: "regions",
              type: "nominal",
              title: null,
              scale: { domain: ["as they are", "rotated (chance)"], range: [[1, 0], [4, 3]] },
            },
          },
        },
        {
          transform: [{ filter: "datum.regions === 'as they are'" }],
          mark: { type: "point", size: 22, opacity: 0.7 },
          encoding: { y },
        },
      ],
    },
    config: { legend: { orient: "top" } },
  } as ChartSpec;
}

/** Matched cosine against D, a dot a region, of one setting and one order. */
export function densityChart(rows: readonly Measured[]): ChartSpec {
  const sets = [["means", "as they are"], [CHANCE, "rotated (chance)"]] as const;
  const values = sets.flatMap(([variant, regions]) =>
    rows.filter((row) => row.variant === variant).flatMap(({ cosines, densities }) =>
      Array.from(cosines, (cosine, region) => ({ regions, density: densities[region], cosine })).filter(({ cosine }) =>
        !Number.isNaN(cosine)
      )
    )
  );
  return {
    width: 440,
    height: 280,
    data: { values },
    mark: { type: "circle", size: 16, opacity: 0.55 },
    encoding: {
      x: { field: "density", type: "quantitative", title: "D = log10(N c²)" },
      y: { field: "cosine", type: "quantitative", title: "matched cosine, mean over the other orders" },
      color: {
        field: "regions",
        type: "nominal",
        title: null,
        scale: { domain: sets.map(([, name]) => name), range: [PALETTE[0], "#9a9a9a"] },
        legend: { orient: "top" },
      },
    },
  } as ChartSpec;
}

/** Mean matched cosine and Spearman's correlation with D of every variant, a row each, at one percentile. */
export function variantsChart(rows: readonly Measured[], percentile: number): ChartSpec {
  const shown = rows.filter((row) => row.percentile === percentile);
  const panel = (field: "matched" | "spearman", title: string, isFirst: boolean) => {
    const values = shown.map((row) => ({
      variant: row.variant,
      block: `block ${row.layer}`,
      seed: row.seed,
      value: row[field],
    }));
    const x = { field: "value", type: "quantitative", title, scale: { zero: true } };
    return {
      width: 230,
      height: { step: 34, for: "position" },
      data: { values },
      encoding: {
        y: {
          field: "variant",
          type: "nominal",
          sort: VARIANTS,
          title: null,
          ...(!isFirst && { axis: { labels: false } }),
        },
        color: { field: "block", type: "nominal", title: null },
        yOffset: { field: "block" },
      },
      layer: [
        { mark: { type: "point", size: 18, opacity: 0.5 }, encoding: { x } },
        { mark: { type: "tick", thickness: 2.5, size: 9 }, encoding: { x: { ...x, aggregate: "mean" } } },
      ],
    };
  };
  return {
    hconcat: [
      panel("matched", "mean matched cosine", true),
      panel("spearman", "Spearman of matched cosine with D", false),
    ],
    config: { legend: { orient: "top" }, axisY: { grid: true, labelLimit: 320 } },
  } as ChartSpec;
}
