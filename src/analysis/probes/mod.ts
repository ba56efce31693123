/**
 * Linear probes: what can be read off activations, regions or features by a logistic regression.
 *
 * *Rows* are dense (`rows x dim`) or sparse (few active features a row); *labels* are whole numbers, one a row. Rows of
 * one document are alike, so documents are split, not rows; {@linkcode shuffledLabels} tell what chance gives.
 *
 * {@linkcode readLabelled} reads and labels documents, {@linkcode probeTasks} parts them, {@linkcode encodeByDirections}
 * gives what the regions of a dictionary hold of them, {@linkcode readTask} trains a probe and tests it.
 *
 * @example
 * ```ts
 * import { trainProbe } from "./mod.ts";
 *
 * const rows = { rows: 4, dim: 1, data: Float32Array.of(-2, -1, 1, 2) };
 * const probe = trainProbe(rows, Int32Array.of(0, 0, 1, 1));
 * if (probe.predict(rows).join() !== "0,0,1,1") throw new Error("two classes, one on either side of 0");
 * ```
 *
 * @module
 */
export * from "./balanced_rows.ts";
export * from "./document_split.ts";
export * from "./encode_rows.ts";
export { type DenseRows, featureCount, type FeatureRows, oneHotRows } from "./feature_rows.ts";
export * from "./labelled_activations.ts";
export * from "./labels.ts";
export { type Probe, type ProbeOptions, trainProbe } from "./linear_probe.ts";
export type { LogisticFit } from "./logistic.ts";
export type { Minimum } from "./conjugate_gradient.ts";
export * from "./probe_readings.ts";
export * from "./probe_tasks.ts";
export * from "./shuffled_labels.ts";
export * from "./strongest_entries.ts";
export * from "./token_class.ts";
