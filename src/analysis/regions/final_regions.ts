import { append } from "../../compute/long_lists.ts";
import { extract, type ExtractProgress, type Text } from "../../activations/extract.ts";
import { batchAt } from "../../activations/stream.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { Dictionary } from "../../partition/dictionary.ts";

/**
 * The region in which each text ends: that of its final position, read as the dictionary was built.
 *
 * @param model At the dictionary's hook.
 * @throws {Error} if the dictionary does not say how it was read.
 *
 * @example
 * ```ts
 * import { describeStream } from "../../activations/source.ts";
 * import { loadModel } from "../../model/load.ts";
 * import { Dictionary } from "../../partition/dictionary.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const source = describeStream({ model, layer: 3, corpus: "two texts" });
 * const calibration = { center: new Float32Array(model.dim), threshold: 1.5, source };
 * using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
 * await dictionary.add({ data: new Float32Array(model.dim).fill(1), rows: 1, dim: model.dim });
 * const regions = await finalRegions(model, dictionary, ["The king", "The queen"]);
 * if (regions.length !== 2) throw new Error(`${regions}`);
 * ```
 */
export async function finalRegions(
  model: LanguageModel,
  dictionary: Dictionary,
  texts: readonly Text[],
  onProgress?: (texts: number) => void,
): Promise<number[]> {
  const { source, backend } = dictionary;
  if (!source) {
    throw new Error(
      "Expected a dictionary that says how it was read but found one without a source: calibrate and build it on batches " +
        "of extract, or create it with a source (describeStream)",
    );
  }
  const { hook: { layer }, context, chat } = source;
  const regions: number[] = [];
  const reading = { layers: [layer], backend, extractor: "final-position", context, chat } as const;
  const told = { onProgress: ({ texts }: ExtractProgress) => onProgress?.(texts) };
  for await (const streamed of extract(model, texts, { ...reading, ...told })) {
    using batch = streamed;
    append(regions, (await dictionary.assign(batchAt(batch, layer))).regions);
  }
  return regions;
}
