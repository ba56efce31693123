/** What the options of TransformerLens' `from_pretrained` do to the activations that an autoencoder was trained on. */
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
 * @param kwargs The options, `model_from_pretrained_kwargs` of SAELens.
 * @param model The model's name, if it is told: TransformerLens centres none that has RMSNorm.
 * @param places What the autoencoder reads and predicts.
 * @param path The file, for messages.
 * @throws {SaeError} A sentence if an option changes the activations in a way that is not built here, or is not known.
 */
export function readsWithoutMean(
  kwargs: unknown,
  model: string | undefined,
  places: readonly SaePlace[],
  path: string,
): boolean {
  if (typeof kwargs !== "object" || kwargs === null) return false;
  const names = places.map(({ hook }) => hook ?? "");
  let withoutMean = false;
  for (const [option, value] of Object.entries(kwargs)) {
    if (value === false || value === null || HARMLESS.has(option) || SWITCHES.test(option)) continue;
    const refused = (reason: string) =>
      new SaeError(
        `Cannot run the autoencoder of ${path}: its model was loaded with ${option} ${
          JSON.stringify(value)
        }, ${reason}`,
      );
    if (option === "center_writing_weights") {
      if (model !== undefined && RMS_NORM.test(model)) continue;
      if (WRITTEN.test(names[0])) withoutMean = true;
      else if (!BEHIND_NORM.test(names[0])) {
        throw refused(
          `and whether that takes the mean from ${
            names[0] || "what it reads, which is not told,"
          } is not known here. ` +
            "Name one of the residual stream, or of what is added to it.",
        );
      }
    } else if (option in CHANGES) {
      if (names.some((name) => name === "" || CHANGES[option].test(name))) {
        throw refused(
          `which changes the activations at ${
            names.filter((name) => name).join(" and ") || "some hook points"
          } in a way ` +
            "that needs the model's weights. Take one of a model that was loaded without it.",
        );
      }
    } else {
      throw refused(
        "and what that does to activations is not known here. Remove it from cfg.json if it does nothing.",
      );
    }
  }
  return withoutMean;
}
