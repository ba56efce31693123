/** Arrow tables of `saturation`. */
import { wholeColumn as whole } from "../../../src/report/mod.ts";
import type { StreamCurve } from "./curves.ts";

const settingColumns = (rows: readonly Omit<StreamCurve, "snapshots">[]) => [
  { name: "stream", values: rows.map((r) => r.stream), description: "domain, or the mix of all" },
  whole("seed", rows.map((r) => r.seed), "stream order"),
  whole("layer", rows.map((r) => r.layer), "block that is read, at the hook of the run"),
  { name: "percentile", values: rows.map((r) => r.percentile), description: "p, 0..100" },
  {
    name: "threshold",
    values: rows.map((r) => r.threshold),
    description: "θ, cosine distance, of the shared calibration",
  },
];

/** A row a snapshot of a curve. */
export function curveColumns(curves: readonly StreamCurve[]) {
  const rows = curves.flatMap((curve) => curve.snapshots.map((snapshot) => ({ ...curve, ...snapshot })));
  const count = (name: "activations" | "tokens" | "regions" | "founded", description: string) =>
    whole(name, rows.map((row) => row[name]), description);
  return [
    ...settingColumns(rows),
    count("activations", "activations seen"),
    count("tokens", "tokens read, <bos> included"),
    count("regions", "regions after the batch"),
    count("founded", "regions that the batch founded"),
  ];
}

/** A row a curve: where it ends. */
export function regionColumns(curves: readonly StreamCurve[]) {
  return [
    ...settingColumns(curves),
    whole("regions", curves.map((r) => r.regions), "regions at the end"),
    {
      name: "founding_share",
      values: curves.map((r) => r.founding),
      description: "share of the last quarter's activations that founded a region, 0..1",
    },
    {
      name: "saturated_at",
      values: curves.map((r) => r.saturatedAt),
      description: "activations until two consecutive batches founded nothing; NaN if none did",
    },
  ];
}
