/** Tensors that lie beside the weights of an autoencoder: those known to change nothing, and those that could. */
import type { TensorOutline } from "../files/tensor.ts";
import type { TensorFile } from "./tensor_file.ts";
import { SaeError } from "./weights.ts";

/** What training counts, by the whole names that the field's tools write; no part of a name tells, as in `dead_bias`. */
const STATISTICS = new Set([
  // SAELens: beside its weights, and of its trainer.
  ...["sparsity", "feature_sparsity", "log_sparsity", "log_feature_sparsity", "feature_density", "log_feature_density"],
  ...[
    "act_freq_scores",
    "n_forward_passes_since_fired",
    "n_frac_active_tokens",
    "n_training_steps",
    "n_training_samples",
  ],
  // dictionary_learning: of its trainers, and what its modules know of themselves.
  ...["steps_since_active", "num_tokens_since_fired", "dead_features", "dead_neurons", "k", "group_sizes"],
  // sparsify, of its trainer.
  ...["did_fire", "best_loss", "global_step"],
  // OpenAI's sparse_autoencoder, and what was built on it.
  ...["stats_last_nonzero", "latents_activation_frequency", "latents_mean_square"],
  // BatchTopK.
  "num_batches_not_active",
  // Counts of whoever evaluates.
  ...["dead", "fired", "firing_counts", "fire_counts", "feature_counts", "activation_counts", "token_counts"],
  ...["n_tokens", "num_tokens", "tokens_seen", "n_steps", "num_steps", "step", "steps", "step_count"],
  ...["density", "densities", "log_density", "freq", "freqs", "frequency", "frequencies", "feature_freqs", "loss"],
]);

/** What converters append to the name of a tensor that they made smaller. */
const SMALLER = /_(?:fp(?:8|16|32)|f(?:8|16|32)|bf16|bfloat16|float16|(?:fp8_|f8_)?e[45]m[23]|u?int8)$/;

/** NumPy's arrays of texts, objects and times. */
const NO_NUMBERS = /^[<>|=][SUOVMm]/;

const WHOLE = /^(?:u?int\d+|bool)$/;

/**
 * Refuses tensors without a place in an autoencoder that could change what comes out. Those may stay that hold no
 * numbers or are {@link STATISTICS}, and whole numbers of another length than an activation or the features: these may
 * be a version or a seed, and no order or mask of what is computed.
 *
 * @param used Names of those that have a place.
 * @param lengths Of an activation, of the features, of what is decoded.
 * @throws {SaeError} A sentence that names the tensor.
 */
export function assertNoOthers(
  { outline, path }: TensorFile,
  used: ReadonlySet<string>,
  lengths: readonly number[],
): void {
  for (const [name, tensor] of outline) {
    if (used.has(name) || STATISTICS.has(name.toLowerCase().replace(SMALLER, "")) || !isPart(tensor, lengths)) continue;
    throw new SaeError(
      `Cannot run the autoencoder of ${path}: its tensor ${name}, of shape (${
        tensor.shape.join(", ")
      }), has no place in it as it ` +
        "is configured. Name its architecture in the configuration, or take the tensor out if it changes nothing.",
    );
  }
}

/** Whether a tensor could be a part of the weights. */
function isPart({ dtype, shape }: TensorOutline, lengths: readonly number[]): boolean {
  if (shape.includes(0) || NO_NUMBERS.test(dtype)) return false;
  return !WHOLE.test(dtype) || shape.some((length) => lengths.includes(length));
}
