import type { Dictionary } from "./dictionary.ts";

/** How far a stream was read. */
export interface DiscoveryCounts {
  /** Batches that were read. */
  batches: number;
  /** Prompts of those batches. */
  prompts: number;
  /** Texts of those prompts: fewer where long ones were read in windows. */
  texts: number;
  /** Texts of those that have windows that were not read; absent where all were short. */
  unfinished?: number;
  /** `<bos>` included; 0 for plain batches. */
  tokens: number;
  /** `<bos>` not included. */
  activations: number;
  /** Prompts that gave no activation, such as those of one token; absent if there were none. */
  silent?: number;
  /** Prompts that were read of the last batch, where the budget of tokens ended within it. */
  cut?: number;
  /** Of the batches those that are the rest of one that a budget had cut; absent if there is none. */
  rests?: number;
}

/** State of one dictionary after a batch. */
export interface Snapshot {
  /** Activations that the dictionary has taken. */
  readonly activations: number;
  /** Tokens read so far, `<bos>` included. */
  readonly tokens: number;
  /** Regions it has. */
  readonly regions: number;
  /** Regions that the batch founded; `null` where the dictionary was saturated before, so that none could be. */
  readonly founded: number | null;
  /** Whether the budget ended within the batch, and its rest was not taken; absent if it was whole. */
  readonly isPart?: boolean;
}

/** One dictionary that was grown, and how far its stream was read: as far as for all others of the run. */
export interface Growth extends DiscoveryCounts {
  /** Layer that is read. */
  readonly layer: number;
  /** Percentile p of its threshold. */
  readonly percentile: number;
  /** The dictionary. */
  readonly dictionary: Dictionary;
  /**
   * Whether it founds no more: more batches than the window founded nothing. While others still grow it goes on counting
   * members; `dictionary.foundedUntil` tells after how many activations it stopped founding.
   */
  saturated: boolean;
  /** Consecutive batches that founded nothing, up to where it was saturated, or to now. */
  emptyBatches: number;
  /** One for each batch that it took, in however many parts. */
  readonly snapshots: Snapshot[];
}

/** What decides, besides the calibration, which regions there are and when a dictionary founds no more. */
export interface GrowthRules {
  readonly saturationWindow: number;
  readonly merge: boolean;
  /** Members kept a region. */
  readonly members: number;
}
