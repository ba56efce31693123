import { basename, dirname, join, resolve } from "node:path";
import { isFile } from "../files/exists.ts";
import { normalHookPoint } from "../model/hook_names.ts";
import type { OtherSaeFiles } from "./formats.ts";
import { activeFeatures, type Fields, fieldsOf, flag, length, readConfig, refused, textOf } from "./json_config.ts";
import { inputOf, placeNamed, placesOf } from "./places.ts";
import { readRecipe } from "./recipe.ts";
import { safetensorsFile } from "./tensor_file.ts";
import type { SaeSource, SaeWeights } from "./weights.ts";

/**
 * Reads a sparse coder of EleutherAI's sparsify: `cfg.json` and `sae.safetensors`, in a folder that is named as the module
 * whose output it reads (`layers.3`, `layers.3.mlp`). Top-k; a transcoder reads the module's input instead, and predicts
 * its output; either may have a skip connection. What `multi_topk` adds to the loss of training changes nothing here.
 *
 * @throws {Error} A sentence if a file is missing, damaged or of something else.
 */
export async function readSparsify(files: OtherSaeFiles): Promise<SaeWeights> {
  const { config, weights } = files;
  const fields = await readConfig(config);
  const activation = fields.activation ?? "topk";
  if (activation !== "topk" || fields.signed === true) {
    const found = fields.signed === true ? "signed top-k" : JSON.stringify(activation);
    throw refused(config, `the activation function of this coder of sparsify is ${found}`, "Expected topk.");
  }
  const isTranscoder = flag(fields, "transcode", false, config);
  const dim = length(fields, "d_in", config);
  // 0 stands for as many as the expansion gives.
  const size = fields.num_latents === 0 ? undefined : length(fields, "num_latents", config);
  return await readRecipe({
    architecture: "topk",
    k: activeFeatures(fields.k, config),
    ...(dim === undefined ? {} : { dim }),
    ...(size === undefined ? {} : { size }),
    takesBias: !isTranscoder,
    rescaled: false,
    finetuned: false,
    hasSkip: flag(fields, "skip_connection", false, config),
    source: { path: dirname(weights), format: "sparsify", ...await sparsifyOrigin(fields, weights) },
  }, await safetensorsFile(weights));
}

/** What the folder's name tells, and the run's own configuration in the folder above. */
export async function sparsifyOrigin(fields: Fields, weights: string): Promise<Omit<SaeSource, "path" | "format">> {
  const folder = dirname(resolve(weights));
  const run = join(dirname(folder), "config.json");
  const model = await isFile(run) ? textOf(fieldsOf(await readConfig(run))?.model) : undefined;
  const module = placeNamed(basename(folder));
  const { hookPoint } = module;
  const told = model === undefined ? {} : { model };
  if (fields.transcode !== true) return { ...told, ...placesOf(module) };
  switch (hookPoint?.at) {
    case "mlp_out":
      return { ...told, ...placesOf(inputOf("mlp", hookPoint.layer), module) };
    case "attn_out":
      return { ...told, ...placesOf(inputOf("attn", hookPoint.layer), module) };
    case "resid_post": {
      const reads = normalHookPoint({ layer: hookPoint.layer, at: "resid_pre" });
      return { ...told, ...placesOf({ hook: `input of ${basename(folder)}`, hookPoint: reads }, module) };
    }
    default:
      return { ...told, ...placesOf({ hook: `input of ${basename(folder)}` }, module) };
  }
}
