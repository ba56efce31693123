/** Result rows of `monitor`; those of alarms and memory are `ALARM_RATE` and `MEMORY`. */
import { LAYER, number, PERCENTILE, row, type RowOf, THRESHOLD, truth } from "../../../src/report/mod.ts";

const NO_REGION = "θ is too small for a dictionary";

/** A layer and percentile that was tried. */
export const TRIED = row({
  layer: LAYER,
  percentile: PERCENTILE,
  threshold: THRESHOLD,
  regions: number("number of regions", { missing: NO_REGION }),
  occupied: number("regions that hold final tokens of instructions", {
    heading: "hold final tokens",
    missing: `${NO_REGION}, or there is no chat template`,
  }),
  accuracy: number("balanced accuracy of refusal on the build instructions, 0.5 is chance", {
    heading: "balanced accuracy",
    missing: `${NO_REGION}, or all or none are refused`,
  }),
  chosen: truth("whether it watched"),
});

/** A row of {@linkcode TRIED}. */
export type TriedRow = RowOf<typeof TRIED>;
