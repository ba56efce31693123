import { batchAt, type StreamBatch } from "../../src/activations/stream.ts";
import type { Backend } from "../../src/compute/backend.ts";
import type { Calibration } from "../../src/partition/calibration.ts";
import type { Dictionary } from "../../src/partition/dictionary.ts";
import { startGrowths } from "../../src/partition/grow.ts";
import type { Setting } from "./settings.ts";

/** A dictionary whose exemplars are replaced while it grows. */
export interface Replacing extends Setting {
  /** As it is after the last batch. */
  dictionary: Dictionary;
}

/**
 * Dictionaries for every layer and percentile whose exemplars follow the running means: after every batch each exemplar
 * is replaced by the one nearest to its region's mean of the members that the reservoir then holds, a sample of 30. Members
 * of before may then lie farther than the threshold from the exemplar, and exemplars nearer to each other.
 */
export async function startReplacing(
  calibrations: ReadonlyMap<number, Calibration>,
  backend: Backend,
  seed: number,
): Promise<Replacing[]> {
  const growths = await startGrowths(calibrations, backend, { seed });
  return growths.map(({ layer, percentile, dictionary }) => ({ layer, percentile, dictionary }));
}

/** Adds a batch to all of them. */
export async function addReplacing(all: readonly Replacing[], batch: StreamBatch): Promise<void> {
  for (const one of all) {
    await one.dictionary.add(batchAt(batch, one.layer));
    const before = one.dictionary;
    one.dictionary = await before.reanchor();
    before.dispose();
  }
}
