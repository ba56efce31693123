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
 * const calibration = await calibrate(batches, { percentiles: [50], backend: "cpu" });
 * using dictionary = await Dictionary.create(calibration.at(50), { backend: "cpu" });
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

export { hookName, loadModel, ModelError, normalHookPoint, parseHookName } from "./src/model/mod.ts";
export type {
  BosRule,
  Capture,
  ChatMessage,
  ControlTokenRule,
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
} from "./src/model/mod.ts";

export {
  atLayer,
  Batch,
  batchAt,
  cacheActivations,
  CorpusError,
  describeStream,
  extract,
  readActivations,
  readCorpus,
  readVectors,
  shuffleBuffer,
  shuffled,
  writeActivations,
} from "./src/activations/mod.ts";
export type {
  ActivationBatch,
  CorpusEntry,
  CorpusItem,
  CorpusItems,
  CorpusOptions,
  DescribeOptions,
  Excerpt,
  ExtractOptions,
  Extractor,
  ExtractProgress,
  LayeredBatch,
  Prompt,
  Provenance,
  ReadActivationsOptions,
  Reading,
  ReadVectorsOptions,
  Repeats,
  Selection,
  SelectOptions,
  StreamBatch,
  StreamSource,
  Text,
  TokenIds,
} from "./src/activations/mod.ts";

export {
  calibrate,
  calibrateLayers,
  Calibration,
  CheckpointMismatchError,
  Dictionary,
  discover,
  loadCalibration,
  reanchorAll,
  saveCalibration,
} from "./src/partition/mod.ts";
export type {
  ActivationStream,
  AddOptions,
  Assignment,
  Basis,
  CalibrateLayersOptions,
  CalibrateOptions,
  CalibrationKey,
  CalibrationValues,
  CheckpointDifference,
  CheckpointOptions,
  Context,
  DictionaryCalibration,
  DictionaryLoadOptions,
  DictionaryOptions,
  DiscoverOptions,
  Discovery,
  DiscoveryCounts,
  DiscoveryEnd,
  FromHubOptions,
  Growth,
  Level,
  Readout,
  ReadoutOptions,
  SettingValue,
  Snapshot,
} from "./src/partition/mod.ts";

// From the rooms, not from the door of all: probes and geometry load packages that nobody here needs.
export { match } from "./src/analysis/matching/mod.ts";
export type { Counterparts, DirectionMatching, Matching } from "./src/analysis/matching/mod.ts";
export {
  type Coverage,
  coverage,
  coverages,
  describeRegions,
  type DictionaryMetrics,
  measure,
  type RegionRow,
} from "./src/analysis/regions/mod.ts";
export { Monitor, type MonitorParts, type Verdict } from "./src/analysis/detection/mod.ts";
export { auroc, spearman } from "./src/analysis/statistics/mod.ts";

export { readSae, Sae, SaeError } from "./src/sae/mod.ts";
export type { ExportOptions, ReadSaeOptions, SaeArchitecture, SaeSource } from "./src/sae/mod.ts";

export { GpuError, openBackend } from "./src/compute/mod.ts";
export type {
  ActivationRule,
  Backend,
  BackendChoice,
  BackendName,
  Matrix,
  Moments,
  Nearest,
  RowGroups,
  SearchWay,
  SparseFeatures,
} from "./src/compute/mod.ts";

export type { UnpackOptions } from "./src/files/mod.ts";
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
