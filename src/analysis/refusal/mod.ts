/**
 * Refusals: which answers refuse, what became of an answer, and which regions hold the prompts that are refused.
 *
 * @example
 * ```ts
 * import { answerKind, isRefusal } from "./mod.ts";
 *
 * if (!isRefusal("I cannot help with that.")) throw new Error("it refuses");
 * if (answerKind("Sure, here it is.", "I cannot help with that.") !== "other text") throw new Error("no more");
 * ```
 *
 * @module
 */
export * from "./ablations.ts";
export * from "./answer_kind.ts";
export * from "./prompt_regions.ts";
export * from "./refusal_handle.ts";
export * from "./refusal_lab.ts";
export * from "./refusal_regions.ts";
export * from "./refusal_setting.ts";
export * from "./refusals.ts";
