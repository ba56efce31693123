/** Models of graphs made by tests, loaded from a folder as a user's would be. */
import { type LanguageModel, loadModel, type LoadOptions } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { tokenizerFiles } from "./make/tokenizer.ts";

/** What a model folder holds, beside the tokenizer of letters. */
export interface MadeModel {
  readonly bytes: Uint8Array;
  readonly config: Record<string, unknown>;
  /** Graphs beside the decoder's, by file name. */
  readonly others?: Record<string, Uint8Array>;
}

/** Writes the folder and gives it to `body`. */
export function inModelFolder(
  { bytes, config, others = {} }: MadeModel,
  body: (folder: string) => Promise<void>,
  graph = "model.onnx",
): Promise<void> {
  return inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/onnx`);
    for (const [name, content] of Object.entries({ [graph]: bytes, ...others })) {
      await Deno.writeFile(`${folder}/onnx/${name}`, content);
    }
    for (const [name, content] of Object.entries({ ...tokenizerFiles(), "config.json": config })) {
      await Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(content));
    }
    await body(folder);
  });
}

/** Loads the model, on the CPU unless told otherwise, and disposes it after `body`. */
export function withModel(
  made: MadeModel,
  body: (model: LanguageModel, folder: string) => Promise<void>,
  options: LoadOptions = {},
): Promise<void> {
  return inModelFolder(made, async (folder) => {
    await using model = await loadModel(folder, { device: "cpu", ...options });
    await body(model, folder);
  });
}

/** A prompt's rows of a padded batch: `[position][dim]`. */
export function rowsOf(
  data: ArrayLike<number>,
  width: number,
  dim: number,
  prompt: number,
  length: number,
): number[][] {
  return Array.from({ length }, (_, p) => {
    const from = (prompt * width + p) * dim;
    return Array.from({ length: dim }, (_, i) => data[from + i]);
  });
}
