/** The tokens that regions and features are compared on. */
import { type ActivationBatch, batchAt, type Excerpt, type StreamBatch } from "../../../src/activations/mod.ts";

/** Activations of held-out text on the host, and what token each is of. Tokens are numbered in stream order. */
export interface Heldout {
  readonly batches: readonly ActivationBatch[];
  /** Token id of each activation. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** A token in its surroundings. */
  excerpt(token: number): Excerpt;
}

/**
 * Reads whole batches until there are `most` activations.
 *
 * @param stream Batches with values on the host and provenance.
 */
export async function readHeldout(stream: AsyncIterable<StreamBatch>, layer: number, most: number): Promise<Heldout> {
  const batches: ActivationBatch[] = [];
  const ids: number[] = [];
  const starts: number[] = [];
  for await (const streamed of stream) {
    const batch = batchAt(streamed, layer);
    starts.push(ids.length);
    batches.push(batch);
    ids.push(...batch.provenance!.token);
    if (ids.length >= most) break;
  }
  return {
    batches,
    ids: Int32Array.from(ids),
    excerpt(token) {
      const at = starts.findLastIndex((start) => start <= token);
      const { prompts, prompt, position } = batches[at].provenance!;
      const row = token - starts[at];
      return prompts[prompt[row]].excerpt(position[row]);
    },
  };
}
