/** The text part of a multimodal checkpoint, as if it were a checkpoint of its own. */
import type { Config } from "../config.ts";
import { ModelError } from "../error.ts";
import type { Wrapper } from "./families/multimodal.ts";
import { CheckpointReader } from "./reader.ts";
import type { StoredTensor, StoredTensors } from "./tensors.ts";

/** What a family reads of a checkpoint. */
export interface TextPart {
  readonly config: Config;
  readonly tensors: StoredTensors;
  /** Parts of the model that are there and that nobody reads. */
  readonly unread: readonly string[];
}

/**
 * Takes the text part out of a multimodal checkpoint.
 *
 * @throws {ModelError} if config.json says what neither the text part nor the others are known to have.
 */
export function textPart({ text, fields, others }: Wrapper, config: Config, tensors: StoredTensors): TextPart {
  const whole = new CheckpointReader(config, tensors);
  whole.ignore(...fields, "tie_word_embeddings");
  whole.assertUnderstood();
  const own = new Map<string, StoredTensor>();
  const unread = new Set<string>();
  for (const [name, tensor] of tensors) {
    const other = others.find((part) => name.startsWith(`${part}.`) || name.startsWith(`model.${part}.`));
    if (other !== undefined) unread.add(other);
    else if (!own.has(textName(name))) own.set(textName(name), tensor);
    else throw new ModelError(`Expected one tensor "${textName(name)}" but the checkpoint has it under two names`);
  }
  // The whole model's word on its output matrix counts where the text part has none.
  const tied = config.tie_word_embeddings;
  const told = { ...typeof tied === "boolean" ? { tie_word_embeddings: tied } : {}, ...textConfig(config) };
  return { config: { ...told, model_type: text }, tensors: own, unread: [...unread] };
}

/** What config.json says of the text part. */
export function textConfig({ text_config: own }: Config): Config {
  return typeof own === "object" && own !== null ? own as Config : {};
}

/**
 * A tensor's name in a checkpoint of the text part alone: `language_model.` stands before it, or within it in newer
 * ones.
 */
function textName(name: string): string {
  return name.replace(/^language_model\.(?=model\.|lm_head\.)/, "").replace(/^model\.language_model\./, "model.");
}
