/**
 * Dictionaries by Exemplar Partitioning: activations covered with exemplars at a calibrated distance.
 *
 * *Calibration* takes the center of a stream and, for each *percentile* p, the *threshold*: the p-th percentile of the
 * cosine distances between its centred activations. A {@linkcode Dictionary} takes activations one by one: one within
 * the threshold of an *exemplar* joins its *region*, any other founds a region and is its exemplar. {@linkcode
 * discover} does both for several layers and percentiles in one pass. A region's direction is its exemplar or the
 * *mean* of its members (the *basis*); its *contexts* are members and the text around them.
 *
 * @example
 * ```ts
 * import { calibrate, Dictionary } from "./mod.ts";
 *
 * const batch = { data: Float32Array.of(2, 0, 2, 0.1, 0, 3, 0.1, 3), rows: 4, dim: 2 };
 * const { center, thresholds: [threshold] } = await calibrate([batch], { percentiles: [25], backend: "cpu" });
 *
 * using dictionary = await Dictionary.create({ center, threshold }, { backend: "cpu" });
 * const { regions } = await dictionary.add(batch);
 * if (regions.join() !== "0,0,1,1") throw new Error(`Expected two regions but found ${regions}`);
 * ```
 *
 * @module
 */
export {
  calibrate,
  calibrateLayers,
  type CalibrateLayersOptions,
  type CalibrateOptions,
  Calibration,
  type CalibrationSample,
  type CalibrationValues,
  type Level,
  type Pairs,
  type TakenPairs,
} from "./calibration.ts";
export { type CalibrationKey, loadCalibration, saveCalibration } from "./calibration_cache.ts";
export { Dictionary } from "./dictionary.ts";
export type { WholeNumbers } from "../files/whole_numbers.ts";
export type { DictionaryOptions } from "./options.ts";
export type { AddOptions } from "./ingest.ts";
export type { DictionaryLoadOptions } from "./persistence.ts";
export type { FromHubOptions } from "./from_hub.ts";
export type { Basis, DictionaryCalibration } from "./parts.ts";
export type { Assignment } from "./leader.ts";
export type { Context } from "./contexts.ts";
export { readFeatures, type Readout, type ReadoutOptions } from "./readout.ts";
export {
  type ActivationStream,
  discover,
  type DiscoverOptions,
  type Discovery,
  type DiscoveryEnd,
} from "./discover.ts";
export type { DiscoveryCounts, Growth, Snapshot } from "./growth.ts";
export { type CheckpointOptions, dictionaryFile } from "./checkpoint.ts";
export { type CheckpointDifference, CheckpointMismatchError, type SettingValue } from "./checkpoint_settings.ts";
export { reanchorAll } from "./reanchor_all.ts";
export { addReplacing, type Replacing, startReplacing } from "./replacing.ts";
export { type FailedSetting, usableSettings } from "./usable.ts";
export { coherencesOf, unitRows } from "./means.ts";
export { directionsOf } from "./directions.ts";
export { calibrationPath } from "./calibration_file.ts";
export { membersPath } from "./members_file.ts";
