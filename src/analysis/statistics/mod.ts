/**
 * Figures of plain numbers: quantiles, ranks, areas under the ROC curve, agreement of partitions, bootstrap intervals.
 *
 * @example
 * ```ts
 * import { auroc } from "./mod.ts";
 *
 * if (auroc([1, 2], [2, 3]) !== 0.875) throw new Error("a tie counts half");
 * ```
 *
 * @module
 */
export * from "./bootstrap.ts";
export * from "./bootstrap_documents.ts";
export * from "./document_answers.ts";
export * from "./group_means.ts";
export * from "./histogram.ts";
export * from "./majority.ts";
export * from "./median.ts";
export * from "./quantile.ts";
export * from "./rand_index.ts";
export * from "./roc.ts";
export * from "./spearman.ts";
