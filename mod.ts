/**
 * Exemplar Partitioning: dictionaries of observed directions that tell what a language model's residual stream holds.
 *
 * A model's activations are streamed once and covered with exemplars at a calibrated distance; the result is a
 * {@linkcode Dictionary} whose regions can be read, measured, matched, ablated and steered. The model, the GPU and
 * onnxruntime are loaded when they are first used, not by importing this module.
 *
 * @example A dictionary of any activations
 * ```ts
 * import { calibrate, Dictionary } from "./mod.ts";
 *
 * const data = Float32Array.of(2, 0, 2, 0.1, 0, 3, 0.1, 3);
 * const batches = [{ data, rows: 4, dim: 2 }];
 *
 * const { center, thresholds } = await calibrate(batches, { percentiles: [50], backend: "cpu" });
 * using dictionary = await Dictionary.create({ center, threshold: thresholds[0] }, { backend: "cpu" });
 * for (const batch of batches) await dictionary.add(batch);
 *
 * const { regions } = await dictionary.assign({ data: Float32Array.of(5, 0), rows: 1, dim: 2 });
 * if (regions[0] !== 0) throw new Error(`Expected the first region but found ${regions[0]}`);
 * ```
 *
 * @example A dictionary of a model's residual stream
 * ```ts
 * import { atLayer, calibrate, discover, extract, loadModel, readCorpus } from "./mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const stream = (skipPrompts = 0) =>
 *   extract(model, readCorpus("fixtures/corpora/pile.jsonl"), { layers: [3], context: 8, maxPrompts: 256, skipPrompts });
 *
 * const calibration = await calibrate(atLayer(stream(), 3), { percentiles: [10], backend: "cpu" });
 * using discovery = await discover(stream, new Map([[3, calibration]]), { backend: "cpu" });
 * const [{ dictionary }] = discovery.growths;
 *
 * const [tokens] = await model.lens(dictionary.means.slice(0, model.dim), 1);
 * console.log(dictionary.size, dictionary.nearestContexts(0)[0].excerpt, tokens.map(({ token }) => token));
 * ```
 *
 * @module
 */

export { loadModel } from "./src/model/load.ts";
export { ModelError } from "./src/model/error.ts";
export { hookName, normalHookPoint, parseHookName } from "./src/model/hook_names.ts";
export type {
  BosRule,
  Capture,
  ChatMessage,
  Dtype,
  GenerateOptions,
  HookPoint,
  HookSite,
  Intervention,
  LanguageModel,
  LensToken,
  LoadOptions,
  Logits,
  Replacement,
  Residual,
} from "./src/model/types.ts";

export type { ActivationBatch, Excerpt, Prompt, Provenance } from "./src/activations/batch.ts";
export {
  type CorpusEntry,
  type CorpusItem,
  type CorpusItems,
  type CorpusOptions,
  readCorpus,
} from "./src/activations/corpus.ts";
export { CorpusError } from "./src/activations/errors.ts";
export type { UnpackOptions } from "./src/files/unpacking.ts";
export { shuffled } from "./src/activations/shuffled.ts";
export { extract, type ExtractOptions, type Text, type TokenIds } from "./src/activations/extract.ts";
export type { Extractor } from "./src/activations/extractor.ts";
export { atLayer, type StreamBatch } from "./src/activations/stream.ts";
export { type DescribeOptions, describeStream, type Reading, type StreamSource } from "./src/activations/source.ts";
export { cacheActivations, writeActivations } from "./src/activations/cache_write.ts";
export { readActivations, type ReadActivationsOptions } from "./src/activations/cache_read.ts";

export { calibrate, calibrateLayers, type CalibrateOptions, type Calibration } from "./src/partition/calibration.ts";
export { type CalibrationKey, loadCalibration, saveCalibration } from "./src/partition/calibration_cache.ts";
export { Dictionary } from "./src/partition/dictionary.ts";
export type { DictionaryOptions } from "./src/partition/options.ts";
export type { AddOptions } from "./src/partition/ingest.ts";
export type { DictionaryLoadOptions } from "./src/partition/persistence.ts";
export { reanchorAll } from "./src/partition/reanchor_all.ts";
export type { ExportOptions } from "./src/partition/sae_files.ts";
export type { FromHubOptions } from "./src/partition/from_hub.ts";
export {
  hubFile,
  type HubFileOptions,
  type HubFiles,
  hubFiles,
  type HubFilesOptions,
  localPath,
} from "./src/hub/hub_file.ts";
export { configureHub, type DownloadPlan, type HubOptions, type HubUse, type Progress } from "./src/hub/options.ts";
export { HubError, HubNotFoundError, HubUnreachableError } from "./src/hub/errors.ts";
export type { Basis, DictionaryCalibration } from "./src/partition/parts.ts";
export type { Assignment } from "./src/partition/leader.ts";
export type { Context } from "./src/partition/contexts.ts";
export type { Readout, ReadoutOptions } from "./src/partition/readout.ts";
export { type ActivationStream, discover, type DiscoverOptions, type Discovery } from "./src/partition/discover.ts";
export type { DiscoveryCounts, Growth, Snapshot } from "./src/partition/growth.ts";
export type { CheckpointOptions } from "./src/partition/checkpoint.ts";
export {
  type CheckpointDifference,
  CheckpointMismatchError,
  type SettingValue,
} from "./src/partition/checkpoint_settings.ts";

export { type Counterparts, type DirectionMatching, match, type Matching } from "./src/analysis/match.ts";
export { type DictionaryMetrics, measure } from "./src/analysis/metrics.ts";
export { describeRegions, type RegionRow } from "./src/analysis/region_table.ts";
export { Monitor, type MonitorParts, type Verdict } from "./src/analysis/monitor.ts";
export {
  readSae,
  type ReadSaeOptions,
  Sae,
  type SaeArchitecture,
  SaeError,
  type SaeSource,
} from "./src/analysis/sae.ts";
export { auroc } from "./src/analysis/roc.ts";
export { spearman } from "./src/analysis/spearman.ts";

export { openBackend } from "./src/compute/open.ts";
export { type Backend, type BackendChoice, type BackendName, type Matrix } from "./src/compute/backend.ts";
export type { Moments, Nearest, RowGroups } from "./src/compute/backend.ts";
export type { ActivationRule, SparseFeatures } from "./src/compute/sparse.ts";
export { GpuError } from "./src/compute/device.ts";
