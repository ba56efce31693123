import type { Backend } from "../compute/backend.ts";
import { Calibration, type CalibrationValues, type Level } from "./calibrator.ts";
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
 * @param calibrations By layer.
 * @param backend Where the dictionaries are tried.
 * @returns The calibrations without the failing percentiles, layers that have none left out, and what failed.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/mod.ts";
 *
 * const levels = [{ percentile: 1, threshold: 0 }, { percentile: 10, threshold: 0.4 }];
 * const calibration = { center: new Float32Array(2), levels, activations: 1000 };
 * const { calibrations, failed } = await usableSettings(new Map([[3, calibration]]), await openBackend("cpu"));
 * if (calibrations.get(3)?.percentiles.join() !== "10") throw new Error("p 10 is left");
 * if (failed[0].percentile !== 1) throw new Error(failed[0].reason);
 * ```
 */
export async function usableSettings(
  calibrations: ReadonlyMap<number, CalibrationValues>,
  backend: Backend,
): Promise<{ calibrations: Map<number, Calibration>; failed: FailedSetting[] }> {
  const usable = new Map<number, Calibration>();
  const failed: FailedSetting[] = [];
  for (const [layer, calibration] of calibrations) {
    const { center } = calibration;
    const levels: Level[] = [];
    for (const level of calibration.levels) {
      try {
        // What `create` refuses here, growing would refuse too.
        (await Dictionary.create({ center, ...level }, { backend })).dispose();
        levels.push(level);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        failed.push({ layer, ...level, reason: error.message });
      }
    }
    if (levels.length > 0) usable.set(layer, new Calibration({ ...calibration, levels }));
  }
  return { calibrations: usable, failed };
}
