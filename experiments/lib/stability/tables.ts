/** Arrow tables of `stability`. */
import type { Measured } from "./variants.ts";

const commonColumns = (rows: readonly Pick<Measured, "variant" | "seed" | "layer" | "percentile">[]) => [
  { name: "variant", values: rows.map((r) => r.variant), description: "which directions are matched" },
  { name: "seed", type: "int32" as const, values: rows.map((r) => r.seed), description: "stream order" },
  {
    name: "layer",
    type: "int32" as const,
    values: rows.map((r) => r.layer),
    description: "block whose output is read",
  },
  { name: "percentile", values: rows.map((r) => r.percentile), description: "p, 0..100" },
];

/** A row a region. */
export function regionColumns(measured: readonly Measured[]) {
  const rows = measured.flatMap((row) => Array.from(row.counts, (_, region) => ({ ...row, region })));
  const whole = { type: "int32" as const };
  return [
    ...commonColumns(rows),
    { name: "region", ...whole, values: rows.map((r) => r.region), description: "number among the variant's regions" },
    { name: "members", ...whole, values: rows.map((r) => r.counts[r.region]), description: "N, activations" },
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
    { name: "regions", type: "int32" as const, values: rows.map((r) => r.counts.length), description: "regions" },
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
