import type { StreamBatch } from "../activations/stream.ts";
import { Dictionary, partsOf } from "./dictionary.ts";
import type { Growth } from "./growth.ts";
import { secondPass } from "./reanchor.ts";

/**
 * Re-anchors dictionaries that `discover` grew together, in one second pass over their stream: the exemplars of each become
 * the members nearest to its regions' mean directions, among all members. Memory does not grow with the stream.
 *
 * @param growths Layer and dictionary of each.
 * @param stream The stream from its start, in the same batches; it is not read further than the dictionaries did.
 * @returns A new dictionary for each; dispose it.
 * @throws {Error} A sentence if it is another stream, or regions were merged.
 */
export async function reanchorAll(
  growths: readonly Pick<Growth, "layer" | "dictionary">[],
  stream: AsyncIterable<Pick<StreamBatch, "batches"> & Disposable>,
): Promise<Dictionary[]> {
  const grown = growths.map(({ layer, dictionary }) => ({ layer, parts: partsOf(dictionary) }));
  return await Promise.all((await secondPass(grown, stream)).map((parts) => Dictionary.of(parts)));
}
