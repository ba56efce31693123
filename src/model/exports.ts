/** Names of models on the hub that have an ONNX graph, for advice to whoever names one that has none. */
import { editDistance } from "../hub/nearest.ts";

/** Exports that are there, by whoever made them. */
const EXPORTS = [
  "HuggingFaceTB/SmolLM2-135M-Instruct",
  "HuggingFaceTB/SmolLM2-1.7B",
  "onnx-community/gemma-3-270m-it-ONNX",
  "onnx-community/gemma-3-1b-it-ONNX",
  "onnx-community/Qwen3-0.6B-ONNX",
  "onnx-community/Llama-3.2-1B-Instruct-ONNX",
  "onnx-community/SmolLM3-3B-ONNX",
];

/**
 * Exports of a model, whoever made it, and with a slip of the keyboard or only the beginning of its name; mostly none.
 */
export function exportsOf(name: string): string[] {
  const wanted = bareName(name);
  if (wanted.length < 4) return [];
  const isNear = (other: string) => other.startsWith(wanted) || editDistance(wanted, other) <= 1;
  return EXPORTS.filter((id) => id !== name && isNear(bareName(id)));
}

/**
 * A model's name without its owner, its revision and the export's mark: `qwen3-0.6b`.
 *
 * @param id An id on the hub or a path, with or without a revision.
 * @returns In small letters.
 *
 * @example
 * ```ts
 * const name = bareName("onnx-community/Qwen3-0.6B-ONNX@main");
 * if (name !== "qwen3-0.6b") throw new Error(name);
 * ```
 */
export function bareName(id: string): string {
  return id.replace(/@.*$/, "").replace(/\/+$/, "").replace(/^.*\//, "").replace(/[-_.]onnx([-_.].*)?$/i, "")
    .toLowerCase();
}
