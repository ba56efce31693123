/** What config.json says, under the names that different families give it. */
import { ModelError } from "./error.ts";
import type { HeadSizes } from "./interface.ts";

/** config.json as it is; a multimodal model's decoder is told in `text_config`. */
export type Config = Readonly<Record<string, unknown>>;

/** config.json with the decoder's own fields at the top, where those of text models are. */
export function flattened(config: Config): Config {
  const own = config.text_config ?? config.llm_config ?? config.language_config;
  return typeof own === "object" && own !== null ? { ...config, ...own } : config;
}

/** Blocks of a model, at most; the deepest that are known have 126. */
export const MOST_BLOCKS = 1000;

const BLOCKS = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers"];

/**
 * Number of blocks; undefined if nobody tells.
 *
 * @throws {ModelError} if no model has so many.
 */
export function blockCount(config: Config): number | undefined {
  const name = BLOCKS.find((name) => typeof config[name] === "number");
  if (name === undefined) return undefined;
  const count = config[name] as number;
  if (Number.isInteger(count) && count > 0 && count <= MOST_BLOCKS) return count;
  throw new ModelError(
    `Expected ${name} of config.json to be a number of blocks, 1 to ${MOST_BLOCKS}, but it is ${count}: fetch the file again`,
  );
}

/**
 * Tokens that a text may have; Infinity if nobody tells.
 *
 * @throws {ModelError} if what is told is no count.
 */
export function positionCount(config: Config): number {
  const names = ["max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"];
  const name = names.find((name) => (config[name] ?? undefined) !== undefined);
  // No count, or one that stands for no end in some files, limits nothing.
  if (name === undefined || config[name] === -1 || config[name] === 0) return Infinity;
  const count = config[name];
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0) {
    throw new ModelError(
      `Expected ${name} of config.json to be a number of positions but it is ${
        JSON.stringify(count)
      }: fetch the file again`,
    );
  }
  const scaling = (config.rope_scaling ?? config.rope_parameters ?? {}) as Config;
  const kind = scaling.rope_type ?? scaling.type;
  // Rotations that stretch with the text have no end; those that are stretched once reach as much farther. All others
  // count what they were stretched to.
  if (kind === "dynamic") return Infinity;
  return kind === "linear" ? count * Number(scaling.factor ?? 1) : count;
}

/** Sizes of attention, for caches that the graph leaves open. */
export function headSizes(config: Config): HeadSizes {
  const heads = numberOf(config, ["num_attention_heads", "n_head", "n_heads", "num_heads"]);
  const width = numberOf(config, ["hidden_size", "n_embd", "d_model", "model_dim", "n_embed"]);
  return {
    heads,
    // `multi_query` is GPT-BigCode's and Falcon's: one head of keys and values for all queries.
    keyHeads: numberOf(config, ["num_key_value_heads", "num_kv_heads", "n_kv_heads"]) ??
      (config.multi_query === true ? 1 : heads),
    headDim: numberOf(config, ["head_dim"]) ?? (heads && width ? width / heads : undefined),
  };
}

function numberOf(config: Config, names: readonly string[]): number | undefined {
  for (const name of names) if (typeof config[name] === "number") return config[name];
}
