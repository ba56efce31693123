import { Random } from "../../compute/random.ts";

/**
 * Labels without what they say about the rows: those of some rows exchanged at random. Where all rows of a document
 * have one label, documents exchange theirs, so that a probe could still learn documents by heart.
 *
 * @param labels Label of each row.
 * @param rows The rows whose labels are exchanged; others keep theirs.
 * @param documents Document of each row, where labels belong to documents.
 * @returns The labels of all rows.
 *
 * @example
 * ```ts
 * const labels = shuffledLabels(Int32Array.of(0, 0, 1, 1), Int32Array.of(0, 1, 2, 3), 1, [5, 5, 6, 6]);
 * if (labels[0] !== labels[1] || labels[2] !== labels[3]) throw new Error(labels.join());
 * ```
 */
export function shuffledLabels(
  labels: Int32Array,
  rows: Int32Array,
  seed: number,
  documents?: ArrayLike<number>,
): Int32Array<ArrayBuffer> {
  const owner = (row: number) => documents?.[row] ?? row;
  const own = new Map(Array.from(rows, (row) => [owner(row), labels[row]]));
  const exchanged = new Random(seed).shuffle([...own.values()]);
  const given = new Map([...own.keys()].map((key, i) => [key, exchanged[i]]));
  const result = Int32Array.from(labels);
  for (const row of rows) result[row] = given.get(owner(row))!;
  return result;
}
