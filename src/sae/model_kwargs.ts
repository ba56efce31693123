/** What the options of TransformerLens' `from_pretrained` do to the activations that an autoencoder was trained on. */
import type { Fields } from "./json_config.ts";
import { SaeError, type SaePlace } from "./weights.ts";

/** Sites that are written into the residual stream, or are it: without their mean where writing weights are centred. */
const WRITTEN = /(?:^|\.)hook_(?:resid_(?:pre|mid|post)|attn_out|mlp_out|attn_in|mlp_in|embed|pos_embed|in|out)$/;
/** What stands behind a norm or reads it: no mean, whatever is written. */
const BEHIND_NORM = /\.(?:hook_normalized|hook_scale|hook_[qkvz]|hook_pattern|hook_attn_scores|hook_pre|hook_post)$/;

/** Models with RMSNorm, whose writing weights TransformerLens leaves as they are, with a warning. */
const RMS_NORM =
  /gemma|llama|mi[sx]tral|qwen|smollm|olmo-?2|olmoe|phi-?[34]|deepseek|tinystories-llama|\byi-|internlm|baichuan|granite/i;

/** Where each option that changes activations does so; elsewhere it changes none. */
const CHANGES: Readonly<Record<string, RegExp>> = {
  // The gain moves into the next matrix: what leaves a norm lacks it.
  fold_ln: /\.hook_normalized$|ln_final/,
  // The bias of the values moves into that of the output.
  fold_value_biases: /\.hook_[vz]$/,
  // Queries, keys and values turn.
  refactor_factored_attn_matrices: /\.hook_[qkvz]$/,
};

/** What changes logits, or only where and how the model is loaded. */
const HARMLESS = new Set([
  ...[
    "center_unembed",
    "first_n_layers",
    // How many tokens it may read changes nothing in those that it reads.
    "n_ctx",
    "dtype",
    "torch_dtype",
    "device",
    "n_devices",
    "device_map",
    "move_to_device",
  ],
  ...[
    "default_prepend_bos",
    "default_padding_side",
    "padding_side",
    "return_type",
    "stop_at_layer",
    "prepend_bos",
    "trust_remote_code",
    "local_files_only",
    "cache_dir",
  ],
  ...[
    "token",
    "use_fast",
    "low_cpu_mem_usage",
    "attn_implementation",
    "checkpoint_index",
    "checkpoint_value",
    "revision",
  ],
]);

/** Options that put a hook where there was none before; they change no activations. */
const SWITCHES = /^use_(?:hook_mlp_in|attn_in|attn_result|split_qkv_input)$/;

/**
 * Whether activations come without their mean, because the model's writing weights were centred.
 *
 * @param options By name: SAELens's `model_from_pretrained_kwargs`, and `model_kwargs`, with which it runs the model.
 * @param model The model's name, if it is told: TransformerLens centres none that has RMSNorm.
 * @param places What the autoencoder reads and predicts.
 * @param path The file, for messages.
 * @throws {SaeError} A sentence if an option changes the activations in a way that is not built here, or is not known.
 */
export function readsWithoutMean(
  options: Fields,
  model: string | undefined,
  places: readonly SaePlace[],
  path: string,
): boolean {
  // Looks at all of them: any may be one to refuse.
  return Object.entries(options).filter(([option, value]) => takesMean(option, value, model, places, path)).length > 0;
}

/** Whether one option takes the mean from what is read. */
function takesMean(
  option: string,
  value: unknown,
  model: string | undefined,
  places: readonly SaePlace[],
  path: string,
): boolean {
  if (value === false || value === null || HARMLESS.has(option) || SWITCHES.test(option)) return false;
  const refused = (reason: string) =>
    new SaeError(
      `Cannot run the autoencoder of ${path}: its model was loaded with ${option} ${JSON.stringify(value)}, ${reason}`,
    );
  const isCentring = option === "center_writing_weights";
  if (!isCentring && !Object.hasOwn(CHANGES, option)) {
    throw refused("and what that does to activations is not known here. Remove it from cfg.json if it does nothing.");
  }
  if (value !== true) throw refused("which is neither true nor false. Write in cfg.json which it was.");
  const names = places.map(({ hook }) => hook ?? "");
  if (isCentring) {
    if (model !== undefined && RMS_NORM.test(model)) return false;
    if (WRITTEN.test(names[0])) return true;
    if (BEHIND_NORM.test(names[0])) return false;
    throw refused(
      `and whether that takes the mean from ${names[0] || "what it reads, which is not told,"} is not known here. ` +
        "Name one of the residual stream, or of what is added to it.",
    );
  }
  if (names.some((name) => name === "" || CHANGES[option].test(name))) {
    throw refused(
      `which changes the activations at ${names.filter((name) => name).join(" and ") || "some hook points"} in a way ` +
        "that needs the model's weights. Take one of a model that was loaded without it.",
    );
  }
  return false;
}
