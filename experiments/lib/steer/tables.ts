/** The steering experiment's result tables. */
import type { TableColumn } from "../../../src/report/mod.ts";
import type { Effect } from "./measure.ts";
import type { SteerSummary } from "./summary.ts";

const ALPHA = "strength in mean distances from the center; NaN for an ablation";

/** A row an intervention. */
export function effectColumns(effects: readonly Effect[]): TableColumn[] {
  const number = (key: keyof Effect, name: string, description: string): TableColumn => ({
    name,
    type: "float64",
    values: effects.map((effect) => effect[key] as number),
    description,
  });
  const whole = (key: keyof Effect, name: string, description: string): TableColumn => ({
    ...number(key, name, description) as TableColumn & { values: number[] },
    type: "int32",
  });
  return [
    whole("seed", "seed", "stream order, prompts and regions drawn"),
    whole("layer", "layer", "block whose output is changed"),
    number("percentile", "percentile", "p, 0..100"),
    whole("region", "region", "number in its dictionary"),
    whole("count", "members", "activations of the region"),
    number("coherence", "coherence", "norm of its mean direction, 0..1"),
    { name: "direction", type: "utf8", values: effects.map((e) => e.direction), description: "whose direction it is" },
    number("nullDistance", "null_distance", "of the null from the region in (log10 members, coherence)"),
    number("alpha", "alpha", ALPHA),
    number("divergence", "divergence", "mean KL(before || after) over all positions, nats"),
    number("shift", "shift", "share of all positions whose most likely token changes, 0..1"),
    number("membersBefore", "members_before", "mean KL(typical output || before) at members, nats"),
    number("othersBefore", "others_before", "the same at all other positions"),
    number("after", "after", "the same after: at members for an ablation, at the others for steering"),
  ];
}

/** A row a dictionary, direction and strength. */
export function summaryColumns(summaries: readonly SteerSummary[]): TableColumn[] {
  const rows = summaries;
  return [
    { name: "seed", type: "int32", values: rows.map((r) => r.seed), description: "stream order" },
    { name: "layer", type: "int32", values: rows.map((r) => r.layer), description: "block whose output is changed" },
    { name: "percentile", type: "float64", values: rows.map((r) => r.percentile), description: "p, 0..100" },
    { name: "direction", type: "utf8", values: rows.map((r) => r.direction), description: "whose direction it is" },
    { name: "alpha", type: "float64", values: rows.map((r) => r.alpha), description: ALPHA },
    {
      name: "regions",
      type: "int32",
      values: rows.map((r) => r.regions),
      description: "regions that the means are over",
    },
    { name: "divergence", type: "float64", values: rows.map((r) => r.divergence), description: "mean KL, nats" },
    {
      name: "shift",
      type: "float64",
      values: rows.map((r) => r.shift),
      description: "mean share of changed top tokens",
    },
    {
      name: "closed",
      type: "float64",
      values: rows.map((r) => r.closed),
      description: "share of the gap: necessity for an ablation, sufficiency for steering",
    },
  ];
}
