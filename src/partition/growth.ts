import type { Dictionary } from "./dictionary.ts";

/** How far a stream was read. */
export interface DiscoveryCounts {
  batches: number;
  prompts: number;
  /** `<bos>` included; 0 for plain batches. */
  tokens: number;
  /** `<bos>` not included. */
  activations: number;
}

/** State of one dictionary after a batch. */
export interface Snapshot {
  readonly activations: number;
  readonly tokens: number;
  readonly regions: number;
  /** Regions that the batch founded. */
  readonly founded: number;
}

/** One dictionary that was grown. */
export interface Growth extends DiscoveryCounts {
  readonly layer: number;
  readonly percentile: number;
  readonly dictionary: Dictionary;
  saturated: boolean;
  /** Consecutive batches that founded nothing, up to now. */
  emptyBatches: number;
  /** One for each batch that it took. */
  readonly snapshots: Snapshot[];
}

/** What decides, besides the calibration, which regions there are and when a dictionary takes no more. */
export interface GrowthRules {
  readonly saturationWindow: number;
  readonly merge: boolean;
}
