import type { TokenIds } from "../../activations/extract.ts";
import { batchAt, type StreamBatch } from "../../activations/stream.ts";
import type { Growth } from "../../partition/growth.ts";

/** The way of a stream's tokens through one dictionary. */
export interface Trace {
  /** Region of each activation, in stream order. */
  readonly regions: readonly number[];
  /** Its cosine distance to the region's exemplar. */
  readonly distances: readonly number[];
}

/**
 * The region of every activation of a stream in each of some dictionaries. Batches are disposed.
 *
 * @param stream With the layers of all dictionaries.
 * @param dictionaries Each with the layer that it is of.
 * @returns In the order of `dictionaries`.
 *
 * @example
 * ```ts
 * import { extract } from "../../activations/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * using dictionary = await Dictionary.create({ center: new Float32Array(model.dim), threshold: 0.5 }, { backend: "cpu" });
 * const read = () => extract(model, [{ tokens: [2, 5, 6] }], { layers: [1], context: 8 });
 * for await (const batch of read()) await dictionary.add(batch.batches.get(1)!);
 * const [{ regions, distances }] = await tracePaths(read(), [{ layer: 1, dictionary }]);
 * if (regions.length !== 2 || distances.length !== 2) throw new Error("<bos> is no activation");
 * await model.dispose();
 * ```
 */
export async function tracePaths(
  stream: AsyncIterable<StreamBatch>,
  dictionaries: readonly Pick<Growth, "layer" | "dictionary">[],
): Promise<Trace[]> {
  const traces = dictionaries.map(() => ({ regions: [] as number[], distances: [] as number[] }));
  for await (const batch of stream) {
    using streamed = batch;
    for (const [i, { layer, dictionary }] of dictionaries.entries()) {
      const { regions, distances } = await dictionary.assign(batchAt(streamed, layer));
      for (const region of regions) traces[i].regions.push(region);
      for (const distance of distances) traces[i].distances.push(distance);
    }
  }
  return traces;
}

/**
 * Where each token of prompts stands in the same prompts with their tokens shuffled, `<bos>` not counted: the n-th of equal
 * tokens of a prompt is taken for the n-th.
 *
 * @returns For each token in stream order, its row in the stream of the shuffled ones.
 *
 * @example
 * ```ts
 * const places = samePlaces([{ tokens: [2, 5, 6, 5] }], [{ tokens: [2, 6, 5, 5] }]);
 * if (places.join() !== "1,0,2") throw new Error(places.join());
 * ```
 */
export function samePlaces(prompts: readonly TokenIds[], shuffled: readonly TokenIds[]): number[] {
  let start = 0;
  return prompts.flatMap(({ tokens }, i) => {
    const places = new Map<number, number[]>();
    Array.from(shuffled[i].tokens).slice(1).forEach((token, index) => {
      places.set(token, [...places.get(token) ?? [], start + index]);
    });
    start += tokens.length - 1;
    return Array.from(tokens).slice(1).map((token) => places.get(token)!.shift()!);
  });
}
