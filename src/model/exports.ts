/** Names of models on the hub that have an ONNX graph, for advice to whoever names one that has none. */
import { editDistance } from "../compute/near_names.ts";

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

/** Who converts models of others for transformers.js. */
const CONVERTERS = /^(?:onnx-community|xenova|onnx-internal-testing)$/i;

/** Whose models are known by their names alone: PyTorch's tools had GPT-2 before it had an owner. */
const UNOWNED = /^openai-community$/i;

/** Whose models are called so, on the hub. */
const OWNERS: readonly (readonly [name: RegExp, owner: string])[] = [
  [/^gemma-/i, "google"],
  [/^qwen/i, "Qwen"],
  [/^(?:meta-)?llama-/i, "meta-llama"],
  [/^smollm/i, "HuggingFaceTB"],
  [/^phi-/i, "microsoft"],
  [/^pythia-/i, "EleutherAI"],
  [/^mi[sx]tral-/i, "mistralai"],
  [/^olmo/i, "allenai"],
  [/^deepseek-/i, "deepseek-ai"],
  [/^granite-/i, "ibm-granite"],
];

/**
 * The name on the hub of the model that an export was made of, which tools for PyTorch load: `google/gemma-2-2b` of
 * `onnx-community/gemma-2-2b-ONNX`. Without its owner where that is not known.
 *
 * @param id An id on the hub, with or without a revision, or a path.
 * @param isPath Whether it is known to be a path, of which the last part is a name: the rest is of one machine only.
 *
 * @example
 * ```ts
 * const names = [
 *   originalName("onnx-community/gemma-2-2b-ONNX"),
 *   originalName("HuggingFaceTB/SmolLM2-135M@main"),
 *   originalName("/home/me/models/my-model-onnx"),
 * ];
 * if (names.join() !== "google/gemma-2-2b,HuggingFaceTB/SmolLM2-135M,my-model") throw new Error(names.join());
 * ```
 */
export function originalName(id: string, isPath = /^[.~/]|\\|^[A-Za-z]:|\/.*\//.test(id)): string {
  // The hub's cache has names in its folders.
  const [, owner, cached] = /models--([^/\\]+?)--([^/\\]+)/.exec(id) ?? [];
  const parts = cached === undefined ? id.replace(/@[^/]*$/, "").split(/[/\\]+/).filter(Boolean) : [owner, cached];
  const last = parts.at(-1) ?? id;
  const name = last.replace(/[-_.]onnx(?:[-_.].*)?$/i, "");
  const isHubId = parts.length === 2 && (cached !== undefined || !isPath);
  if (isHubId && name === last && !CONVERTERS.test(parts[0]) && !UNOWNED.test(parts[0])) return parts.join("/");
  const known = OWNERS.find(([pattern]) => pattern.test(name))?.[1];
  return isHubId && known !== undefined ? `${known}/${name}` : name;
}
