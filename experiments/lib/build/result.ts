import type { DictionaryMetrics } from "../../../src/analysis/regions/metrics.ts";
import type { RegionRow } from "../../../src/analysis/regions/region_table.ts";
import type { Growth } from "../../../src/partition/growth.ts";

/** One dictionary with what was read off it. */
export interface BuildResult {
  readonly growth: Growth;
  readonly regions: readonly RegionRow[];
  readonly metrics: DictionaryMetrics;
}
