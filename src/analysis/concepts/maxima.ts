import type { Backend, Matrix } from "../../compute/backend.ts";

/** Texts on the device at once: each waits milliseconds for its maxima to come back. */
const AT_ONCE = 16;

/**
 * The largest projection of each text on each direction, over the text's positions: how concept detection turns
 * activations into one score a text (Wu et al., "AxBench", 2025).
 *
 * It is the nearest-exemplar search with the roles exchanged: of a text's positions, the one that is nearest to a direction.
 * So all similarities are never held at once, and on a GPU only the maxima come back.
 *
 * @param rows Activations or directions, the rows of a text together: those of text `i` are `offsets[i]` to
 * `offsets[i + 1] - 1`.
 * @param offsets One more than there are texts, ascending.
 * @param directions `directions x dim`.
 * @returns `texts x directions`.
 * @throws {RangeError} if a text has no row: nothing is its maximum.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * // A text of two positions and one of one.
 * using rows = backend.upload(Float32Array.of(1, 0, 0, 2, -3, 1), 3, 2);
 * using axes = backend.upload(Float32Array.of(1, 0, 0, 1), 2, 2);
 * const maxima = await textMaxima(backend, rows, Int32Array.of(0, 2, 3), axes);
 * if (maxima.join() !== "1,2,-3,1") throw new Error(maxima.join());
 * ```
 */
export async function textMaxima(
  backend: Backend,
  rows: Matrix,
  offsets: Int32Array,
  directions: Matrix,
): Promise<Float32Array<ArrayBuffer>> {
  const texts = offsets.length - 1;
  const empty = offsets.findIndex((offset, i) => i < texts && offset >= offsets[i + 1]);
  if (empty >= 0) throw new RangeError(`Expected a position of every text but text ${empty} has none: leave it out`);
  const maxima = new Float32Array(texts * directions.rows);
  const readText = async (text: number) => {
    const positions = Int32Array.from({ length: offsets[text + 1] - offsets[text] }, (_, i) => i);
    using own = backend.create(rows.dim, positions.length);
    backend.copyRows(rows, positions.map((i) => offsets[text] + i), own, positions);
    const { similarities } = await backend.nearest(directions, own);
    maxima.set(similarities, text * directions.rows);
  };
  for (let from = 0; from < texts; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, texts - from) }, (_, i) => from + i);
    await Promise.all(some.map(readText));
  }
  return maxima;
}
