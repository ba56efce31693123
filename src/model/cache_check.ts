/** Whether a graph's cache does what reading the whole text does. */
import type { Tensor } from "../compute/ort.ts";
import type { Cache, Decoder } from "./decoder.ts";
import { distance, float32 } from "./outputs.ts";
import { extended, type TokenBatch } from "./tokens.ts";

/**
 * Reads a text whole, and in two steps through the cache.
 *
 * @param text One prompt, not padded.
 * @param tolerance How far the logits of the last token may differ, of their length.
 * @returns What is wrong with the cache; undefined if nothing is.
 */
export async function cacheFault(decoder: Decoder, text: TokenBatch, tolerance: number): Promise<string | undefined> {
  const last = text.total - 1;
  const start = {
    ...text,
    width: last,
    total: last,
    ids: text.ids.slice(0, last),
    mask: text.mask.slice(0, last),
  };
  const whole = lastLogits(await decoder.logits(text, []));
  const caches: Cache[] = [];
  try {
    const first = await decoder.step(start, []);
    caches.push(first.cache);
    const second = await decoder.step(extended(start, [text.ids[last]], true), [], first.cache);
    caches.push(second.cache);
    const error = distance(lastLogits(second.logits), whole);
    return error <= tolerance ? undefined : `its logits are ${error.toPrecision(2)} of their length away`;
  } catch (cause) {
    // A cache that does not run is at fault like one that gives other logits: texts are then read whole.
    return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
  } finally {
    for (const cache of caches) giveBack(cache);
  }
}

/** Frees the parts of a cache that are on the GPU. */
export function giveBack(cache: Cache = {}): void {
  for (const tensor of Object.values(cache)) if (tensor.location === "gpu-buffer") tensor.dispose();
}

function lastLogits(logits: Tensor): Float32Array {
  return float32(logits).subarray(-logits.dims.at(-1)!);
}
