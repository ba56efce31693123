/** What SAELens's directory of releases says of autoencoders whose own files do not. */
import type { Fields } from "./json_config.ts";

const CENTRED: Fields = { model_from_pretrained_kwargs: { center_writing_weights: true } };

/** By their repositories' names on the hub. */
const RELEASES: ReadonlyMap<string, Fields> = new Map([
  ["GPT2-Small-SAEs-Reformatted", CENTRED],
  ["GPT2-Small-Feature-Splitting-Experiment-Layer-8", CENTRED],
  ["gpt2-small-mlp-out-saes", CENTRED],
  ["Mistral-7B-Residual-Stream-SAEs", { normalize_activations: "constant_norm_rescale" }],
]);

/**
 * Fields that take the place of a configuration's own, as SAELens has them (`pretrained_saes.yaml`).
 *
 * @param path The file: a folder that it lies in is named as the repository, or as the hub's cache has that.
 */
export function releasedFields(path: string): Fields {
  for (const folder of path.split(/[/\\]/)) {
    const fields = RELEASES.get(folder.replace(/^models--.+?--/, ""));
    if (fields) return fields;
  }
  return {};
}
