import type { Backend } from "../compute/backend.ts";
import type { Calibration } from "./calibration.ts";
import { Dictionary } from "./dictionary.ts";

/** A layer and percentile of which no dictionary can be made. */
export interface FailedSetting {
  /** Layer of the activations. */
  readonly layer: number;
  /** Percentile p of their distances. */
  readonly percentile: number;
  /** Cosine distance at that percentile. */
  readonly threshold: number;
  /** The error's sentence. */
  readonly reason: string;
}

/**
 * Parts the percentiles that give a dictionary from those that do not: chat prompts share their template's tokens, so
 * small percentiles of their distances are 0. A sweep reports these and goes on with the others.
 *
 * @returns The calibrations without the failing percentiles, layers that have none left out, and what failed.
 */
export async function usableSettings(
  calibrations: ReadonlyMap<number, Calibration>,
  backend: Backend,
): Promise<{ calibrations: Map<number, Calibration>; failed: FailedSetting[] }> {
  const usable = new Map<number, Calibration>();
  const failed: FailedSetting[] = [];
  for (const [layer, calibration] of calibrations) {
    const { center, percentiles, thresholds } = calibration;
    const kept: number[] = [];
    for (const [i, percentile] of percentiles.entries()) {
      const threshold = thresholds[i];
      try {
        (await Dictionary.create({ center, threshold, percentile }, { backend })).dispose();
        kept.push(i);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        failed.push({ layer, percentile, threshold, reason: error.message });
      }
    }
    if (kept.length === 0) continue;
    const of = (values: readonly number[]) => kept.map((i) => values[i]);
    usable.set(layer, { ...calibration, percentiles: of(percentiles), thresholds: of(thresholds) });
  }
  return { calibrations: usable, failed };
}
