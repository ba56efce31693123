import { saeLensFiles } from "./formats.ts";
import { readText } from "./json_config.ts";
import { parseSaeLensConfig, type SaeLensConfig } from "./lens_config.ts";
import { readRecipe, type SaeRecipe } from "./recipe.ts";
import { safetensorsFile, type TensorFile } from "./tensor_file.ts";
import type { SaeWeights } from "./weights.ts";

/**
 * Reads a sparse autoencoder or transcoder of SAELens: a folder with `cfg.json` and `sae_weights.safetensors`.
 *
 * @param folder The folder.
 * @throws {Error} A sentence if a file is missing or damaged, if the tensors do not fit the configuration, or if it
 * asks for what is not built here (temporal, matching pursuit, tanh-relu, a scale that the files do not hold).
 */
export async function readSaeLens(folder: string): Promise<SaeWeights> {
  const { config: configPath, weights } = saeLensFiles(folder);
  const config = parseSaeLensConfig(await readText(configPath), configPath);
  const file = await safetensorsFile(weights);
  // What batch top-k has learned of the batches' thresholds; where it counts, `threshold` has it.
  const unused = config.architecture === "batchtopk" ? ["topk_threshold"] : [];
  return await readRecipe(asSaved(config, file, folder), file, unused);
}

/** Batch top-k that was saved with a threshold for use is JumpReLU at that; a checkpoint of training is what it says. */
function asSaved(config: SaeLensConfig, { outline }: TensorFile, path: string): SaeRecipe {
  const source = { path, format: "saelens" as const, ...config.source };
  if (config.architecture !== "batchtopk" || !outline.has("threshold")) return { ...config, source };
  const { k: _, ...others } = config;
  return { ...others, architecture: "jumprelu", source };
}
