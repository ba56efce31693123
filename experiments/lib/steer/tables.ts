/** The steering experiment's result tables. */
import {
  numberColumn as number,
  type TableColumn,
  wholeColumn as whole,
  wordsColumn as words,
} from "../../../src/report/mod.ts";
import type { Effect } from "./measure.ts";
import type { SteerSummary } from "./summary.ts";

const ALPHA = "strength in mean distances from the center; NaN for an ablation";

/** A row an intervention. */
export function effectColumns(effects: readonly Effect[]): TableColumn[] {
  const of = (key: keyof Effect) => effects.map((effect) => effect[key] as number);
  return [
    whole("seed", of("seed"), "stream order, prompts and regions drawn"),
    whole("layer", of("layer"), "block that is changed, at the hook of the run"),
    number("percentile", of("percentile"), "p, 0..100"),
    whole("region", of("region"), "number in its dictionary"),
    whole("members", of("count"), "activations of the region"),
    number("coherence", of("coherence"), "norm of its mean direction, 0..1"),
    words("direction", effects.map((e) => e.direction), "whose direction it is"),
    number("null_distance", of("nullDistance"), "of the null from the region in (log10 members, coherence)"),
    number("alpha", of("alpha"), ALPHA),
    number("divergence", of("divergence"), "mean KL(before || after) over all positions, nats"),
    number("shift", of("shift"), "share of all positions whose most likely token changes, 0..1"),
    number("members_before", of("membersBefore"), "mean KL(typical output || before) at members, nats"),
    number("others_before", of("othersBefore"), "the same at all other positions"),
    number("after", of("after"), "the same after: at members for an ablation, at the others for steering"),
  ];
}

/** A row a dictionary, direction and strength. */
export function summaryColumns(rows: readonly SteerSummary[]): TableColumn[] {
  return [
    whole("seed", rows.map((r) => r.seed), "stream order"),
    whole("layer", rows.map((r) => r.layer), "block that is changed, at the hook of the run"),
    number("percentile", rows.map((r) => r.percentile), "p, 0..100"),
    words("direction", rows.map((r) => r.direction), "whose direction it is"),
    number("alpha", rows.map((r) => r.alpha), ALPHA),
    whole("regions", rows.map((r) => r.regions), "regions that the means are over"),
    number("divergence", rows.map((r) => r.divergence), "mean KL, nats"),
    number("shift", rows.map((r) => r.shift), "mean share of changed top tokens"),
    number(
      "closed",
      rows.map((r) => r.closed),
      "share of the gap: necessity for an ablation, sufficiency for steering",
    ),
  ];
}
