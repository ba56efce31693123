/** What the files of an autoencoder say of it, whether it can be run here or not. */
import { isFile } from "../files/exists.ts";
import { dictionaryLearningOrigin } from "./dictionary_learning.ts";
import type { SaeFiles } from "./formats.ts";
import { gemmaScope2Origin, gemmaScopeOrigin } from "./gemma_scope.ts";
import { type Fields, fieldsOf, numberOf, readConfig, readText, textOf } from "./json_config.ts";
import { describedLensConfig, parseSaeLensConfig } from "./lens_config.ts";
import { sparsifyOrigin } from "./sparsify.ts";
import { SaeError, type SaeSource } from "./weights.ts";

/** An autoencoder in its files' own words. */
export interface DescribedSae {
  /** Its architecture, or the class that trained it; absent if they do not tell. */
  readonly architecture?: string;
  /** The k of top-k, if they tell. */
  readonly k?: number;
  /** What it is of. */
  readonly source: Omit<SaeSource, "path" | "format">;
  /** Why it cannot be run here; absent if nothing in its configuration stands in the way. */
  readonly refusal?: string;
}

/**
 * Looks at the configuration, and at no tensors.
 *
 * @throws {Error} A sentence if it cannot be read.
 */
export async function describedSae(files: SaeFiles): Promise<DescribedSae> {
  switch (files.format) {
    case "gemma-scope":
      return { architecture: "jumprelu", source: gemmaScopeOrigin(files.weights) };
    case "gemma-scope-2": {
      const fields = await fieldsIfThere(files.config);
      return { ...architecture(fields.architecture), source: gemmaScope2Origin(fields, files.weights) };
    }
    case "saelens": {
      const text = await readText(files.config);
      return { ...describedLensConfig(text, files.config), ...refusalOf(text, files.config) };
    }
    case "sparsify": {
      const fields = await readConfig(files.config);
      const source = await sparsifyOrigin(fields, files.weights);
      return { ...architecture(fields.activation ?? "topk"), ...kOf(fields.k), source };
    }
    case "dictionary-learning": {
      const fields = await fieldsIfThere(files.config);
      const trainer = fieldsOf(fields.trainer) ?? {};
      return { ...architecture(trainer.dict_class), ...kOf(trainer.k), source: dictionaryLearningOrigin(fields) };
    }
    default:
      return files satisfies never;
  }
}

async function fieldsIfThere(path: string): Promise<Fields> {
  return await isFile(path) ? await readConfig(path) : {};
}

function architecture(value: unknown): Pick<DescribedSae, "architecture"> {
  const name = textOf(value);
  return name === undefined ? {} : { architecture: name };
}

function kOf(value: unknown): Pick<DescribedSae, "k"> {
  const k = numberOf(value);
  return k === undefined ? {} : { k };
}

function refusalOf(text: string, path: string): Pick<DescribedSae, "refusal"> {
  try {
    parseSaeLensConfig(text, path);
    return {};
  } catch (error) {
    if (error instanceof SaeError) return { refusal: error.message };
    throw error;
  }
}
