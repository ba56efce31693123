import { isFile } from "../files/exists.ts";
import { toFloat32 } from "../files/tensor.ts";
import type { OtherSaeFiles } from "./formats.ts";
import { activeFeatures, type Fields, fieldsOf, length, numberOf, readConfig, refused, textOf } from "./json_config.ts";
import { placeAt, placeNamed, placesOf, placesOfWord } from "./places.ts";
import { readRecipe, type SaeRecipe } from "./recipe.ts";
import { type TensorFile, torchFile } from "./tensor_file.ts";
import { SaeError, type SaeSource, type SaeWeights } from "./weights.ts";

/** What each class of dictionary_learning computes. */
const CLASSES: ReadonlyMap<string, Pick<SaeRecipe, "architecture" | "takesBias" | "rescaled">> = new Map([
  // Loaded with its decoder's norms moved to the encoder, which changes its features and not its output.
  ["AutoEncoder", { architecture: "standard", takesBias: true, rescaled: true }],
  ["AutoEncoderNew", { architecture: "standard", takesBias: false, rescaled: false }],
  ["GatedAutoEncoder", { architecture: "gated", takesBias: true, rescaled: false }],
  ["JumpReluAutoEncoder", { architecture: "jumprelu", takesBias: false, rescaled: false }],
  ["AutoEncoderTopK", { architecture: "topk", takesBias: true, rescaled: false }],
  ["BatchTopKSAE", { architecture: "jumprelu", takesBias: true, rescaled: false }],
  ["MatryoshkaBatchTopKSAE", { architecture: "jumprelu", takesBias: true, rescaled: false }],
]);

/**
 * Reads an autoencoder of dictionary_learning: `ae.pt`, a state dictionary of PyTorch, which is read as data and never run,
 * and `config.json`, whose `trainer.dict_class` says what it computes. Batch top-k has one threshold, as the library uses
 * it.
 *
 * @throws {Error} A sentence if a file is missing, damaged or of something else.
 */
export async function readDictionaryLearning(files: OtherSaeFiles): Promise<SaeWeights> {
  const { config, weights } = files;
  const fields = await isFile(config) ? await readConfig(config) : {};
  const trainer = fieldsOf(fields.trainer) ?? {};
  const file = await torchFile(weights);
  const name = textOf(trainer.dict_class) ?? classOf(file, config);
  const kind = CLASSES.get(name);
  if (!kind) {
    throw refused(config, `its dict_class is ${JSON.stringify(name)}`, `Expected ${[...CLASSES.keys()].join(", ")}.`);
  }
  const [dim, size] = [length(trainer, "activation_dim", config), length(trainer, "dict_size", config)];
  const k = kind.architecture === "topk" ? { k: await topK(file, trainer, config) } : {};
  const recipe: SaeRecipe = {
    ...kind,
    ...k,
    ...(dim === undefined ? {} : { dim }),
    ...(size === undefined ? {} : { size }),
    finetuned: false,
    source: { path: weights, format: "dictionary-learning", ...dictionaryLearningOrigin(fields) },
  };
  // Top-k learns a threshold too, which the library uses only where it is told to.
  return await readRecipe(recipe, file, kind.architecture === "topk" ? ["threshold"] : []);
}

/** The class that has just these tensors, where there is no configuration; some have the same. */
function classOf({ outline, path }: TensorFile, config: string): string {
  if (outline.has("r_mag")) return "GatedAutoEncoder";
  if (outline.has("group_sizes")) return "MatryoshkaBatchTopKSAE";
  if (outline.has("W_enc") && outline.has("threshold")) return "JumpReluAutoEncoder";
  if (outline.has("decoder.bias")) return "AutoEncoderNew";
  if (outline.has("encoder.weight") && outline.has("bias")) return "AutoEncoder";
  throw new SaeError(
    `Expected ${config} to say what ${path} is, as dictionary_learning writes it beside, but it does not: its tensors are ` +
      `those of several kinds (${[...outline.keys()].join(", ")}). Copy it, too.`,
  );
}

/** The weights' own k, if they have it, else the trainer's. */
async function topK(file: TensorFile, trainer: Fields, config: string): Promise<number> {
  if (!file.outline.has("k")) return activeFeatures(trainer.k, config);
  const tensor = (await file.read(["k"])).get("k")!;
  // An int32, or an int64 of older versions.
  const [k] = tensor.data instanceof BigInt64Array ? [Number(tensor.data[0])] : toFloat32(tensor);
  return activeFeatures(k, file.path);
}

/** The model, and the module whose output was trained on: `resid_post_layer_12`. */
export function dictionaryLearningOrigin(fields: Fields): Omit<SaeSource, "path" | "format"> {
  const [trainer, buffer] = [fieldsOf(fields.trainer) ?? {}, fieldsOf(fields.buffer) ?? {}];
  const name = textOf(trainer.lm_name);
  const model = name === undefined ? {} : { model: name };
  const module = textOf(trainer.submodule_name);
  const [, word, number] = /^(\w+?)_layer_?(\d+)$/.exec(module ?? "") ?? [];
  const layer = number === undefined ? numberOf(trainer.layer) : Number(number);
  // Without a name it is the residual stream's, as in the library's own examples.
  const places = layer === undefined
    ? undefined
    : placesOfWord(word ?? (module === undefined ? "resid_post" : ""), layer);
  switch (buffer.io ?? "out") {
    case "out":
      return { ...model, ...(places ?? placesOf(placeNamed(module))) };
    case "in":
      return {
        ...model,
        ...(places?.layer === undefined
          ? { hook: `input of ${module}` }
          : placesOf(placeAt({ layer: places.layer, at: "resid_pre" }))),
      };
    default:
      // From its input to its output.
      return { ...model, hook: `input of ${module}`, output: placeNamed(module) };
  }
}
