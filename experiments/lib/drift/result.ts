import type { Places } from "../../../src/run/mod.ts";
import type { DriftTables } from "./tables.ts";
import type { PromptLabels } from "./tokens.ts";

/** Everything that was measured. */
export interface DriftResult extends DriftTables {
  readonly places: Places;
  readonly labels: PromptLabels;
}
