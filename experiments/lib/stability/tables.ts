/** Arrow tables of `stability`. */
import { wholeColumn as whole } from "../../../src/report/mod.ts";
import type { Measured } from "./variants.ts";

const commonColumns = (rows: readonly Pick<Measured, "variant" | "seed" | "layer" | "percentile">[]) => [
  { name: "variant", values: rows.map((r) => r.variant), description: "which directions are matched" },
  whole("seed", rows.map((r) => r.seed), "stream order"),
  whole("layer", rows.map((r) => r.layer), "block that is read, at the hook of the run"),
  { name: "percentile", values: rows.map((r) => r.percentile), description: "p, 0..100" },
];

/** A row a region. */
export function regionColumns(measured: readonly Measured[]) {
  const rows = measured.flatMap((row) => Array.from(row.counts, (_, region) => ({ ...row, region })));
  return [
    ...commonColumns(rows),
    whole("region", rows.map((r) => r.region), "number among the variant's regions"),
    whole("members", rows.map((r) => r.counts[r.region]), "N, activations"),
    { name: "coherence", values: rows.map((r) => r.coherences[r.region]), description: "c, 0..1" },
    { name: "density", values: rows.map((r) => r.densities[r.region]), description: "D = log10(N c^2)" },
    {
      name: "matched_cosine",
      values: rows.map((r) => r.cosines[r.region]),
      description: "mean cosine with its partners in the other orders; NaN without one",
    },
  ];
}

/** A row a variant of a dictionary. */
export function variantColumns(rows: readonly Measured[]) {
  const ordinals = ["lowest", "second", "middle", "fourth", "highest"];
  return [
    ...commonColumns(rows),
    whole("regions", rows.map((r) => r.counts.length), "regions"),
    { name: "matched_cosine", values: rows.map((r) => r.matched), description: "mean over regions" },
    { name: "spearman_density", values: rows.map((r) => r.spearman), description: "of matched cosine with D" },
    { name: "spearman_members", values: rows.map((r) => r.spearmanCount), description: "of matched cosine with N" },
    {
      name: "spearman_coherence",
      values: rows.map((r) => r.spearmanCoherence),
      description: "of matched cosine with c",
    },
    {
      name: "spearman_plural",
      values: rows.map((r) => r.spearmanPlural),
      description: "with D, regions of N > 1 only",
    },
    ...ordinals.map((ordinal, i) => ({
      name: `q${i + 1}`,
      values: rows.map((r) => r.quintiles[i]),
      description: `mean matched cosine of the ${ordinal} fifth of D`,
    })),
  ];
}
