/** A small model as a repository of the hub: its weights in two files beside the graph. */
import type { MadeModel } from "../model/made_model.ts";
import { tokenizerFiles } from "../model/make/tokenizer.ts";
import { weightsApart } from "../model/toy.ts";
import { type ServedFiles, textFile } from "./hub_server.ts";

/**
 * The files of a made model.
 *
 * @param graph Path of its graph in the repository.
 */
export async function servedModel(
  { bytes, config }: MadeModel,
  graph = "onnx/model.onnx",
): Promise<Record<string, ServedFiles[string]>> {
  const name = graph.split("/").at(-1)!;
  const { graph: slim, weights } = weightsApart(bytes, `${name}_data`, `${name}_data_1`);
  const [first, second] = await Promise.all(weights.map((part) => part.bytes()));
  return {
    ".gitattributes": textFile("*.onnx filter=lfs"),
    "README.md": textFile("# A model"),
    "config.json": textFile(config),
    ...Object.fromEntries(Object.entries(tokenizerFiles()).map(([name, content]) => [name, textFile(content)])),
    "generation_config.json": textFile({ eos_token_id: 1 }),
    [graph]: { bytes: slim, isLarge: true },
    [`${graph}_data`]: { bytes: first, isLarge: true },
    [`${graph}_data_1`]: { bytes: second, isLarge: true },
  };
}
