import type { DictionaryMetrics, RegionRow } from "../../../src/analysis/mod.ts";
import type { Growth } from "../../../src/partition/mod.ts";

/** One dictionary with what was read off it. */
export interface BuildResult {
  readonly growth: Growth;
  readonly regions: readonly RegionRow[];
  readonly metrics: DictionaryMetrics;
}
