import { layered, type LayeredBatch } from "../activations/stream.ts";
import { assertKind } from "../compute/kinds.ts";
import { Dictionary, partsOf } from "./dictionary.ts";
import type { Growth } from "./growth.ts";
import { secondPass } from "./reanchor.ts";

/**
 * Re-anchors dictionaries that `discover` grew together, in one second pass over their stream: the exemplars of each
 * become the members nearest to its regions' mean directions, among all members. Memory does not grow with the stream.
 *
 * @param growths Layer and dictionary of each.
 * @param stream The stream from its start, in the same batches; it is not read further than the dictionaries did.
 * @returns A new dictionary for each; dispose it.
 * @throws {Error} A sentence if it is another stream, or regions were merged.
 *
 * @example
 * ```ts
 * import { Dictionary } from "./dictionary.ts";
 *
 * const batch = { data: Float32Array.of(5, 0, 5, 1, 5, 2), rows: 3, dim: 2 };
 * async function* stream() {
 *   yield { batches: new Map([[3, batch]]), [Symbol.dispose]() {} };
 * }
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5 }, { backend: "cpu" });
 * await dictionary.add(batch);
 * const [middle] = await reanchorAll([{ layer: 3, dictionary }], stream());
 * using reanchored = middle;
 * if (dictionary.exemplars[1] !== 0) throw new Error("Expected the first row's direction");
 * if (!(reanchored.exemplars[1] > 0)) throw new Error("Expected the second row's, which lies in the middle");
 * ```
 */
export async function reanchorAll(
  growths: readonly Pick<Growth, "layer" | "dictionary">[],
  stream: AsyncIterable<LayeredBatch>,
): Promise<Dictionary[]> {
  assertKind("growths of reanchorAll", growths, "list");
  for (const growth of growths) assertKind("dictionary of a growth", Object(growth).dictionary, Dictionary);
  const grown = growths.map(({ layer, dictionary }) => ({ layer, parts: partsOf(dictionary) }));
  return await Promise.all((await secondPass(grown, layered(stream))).map((parts) => Dictionary.of(parts)));
}
