import type { Batch } from "./batch.ts";
import type { Excerpt } from "./prompt.ts";
import { batchAt, type StreamBatch } from "./stream.ts";

/** Activations of a text on the host, and what token each is of. Tokens are numbered in stream order. */
export interface HeldActivations {
  /** In stream order, `rows x dim` each. */
  readonly batches: readonly Batch[];
  /** Token id of each activation. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** A token in its surroundings. */
  excerpt(token: number): Excerpt;
}

/**
 * Reads whole batches of one layer of a stream until there are enough activations, to be gone through several times.
 *
 * @param stream Batches with values on the host and provenance, as {@link "./extract.ts".extract} gives without a
 * backend.
 * @param layer One of the layers that the stream has.
 * @param most Activations from which on no further batch is read.
 * @throws {RangeError} if the stream has no such layer.
 *
 * @example
 * ```ts
 * import { extract } from "./extract.ts";
 * import { loadModel } from "../../mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = [{ id: "a", text: "The cat sat on the mat." }];
 * const { ids, excerpt } = await holdActivations(extract(model, texts, { layers: [3] }), 3, 1000);
 * if (model.decode([ids[1]]) !== excerpt(1).token) throw new Error(excerpt(1).token);
 * ```
 */
export async function holdActivations(
  stream: AsyncIterable<StreamBatch>,
  layer: number,
  most: number,
): Promise<HeldActivations> {
  const batches: Batch[] = [];
  const ids: number[] = [];
  const starts: number[] = [];
  for await (const streamed of stream) {
    const batch = batchAt(streamed, layer);
    starts.push(ids.length);
    batches.push(batch);
    for (const id of batch.provenance!.token) ids.push(id);
    if (ids.length >= most) break;
  }
  return {
    batches,
    ids: Int32Array.from(ids),
    excerpt(token) {
      const index = starts.findLastIndex((start) => start <= token);
      const { prompts, prompt, position } = batches[index].provenance!;
      const row = token - starts[index];
      return prompts[prompt[row]].excerpt(position[row]);
    },
  };
}
