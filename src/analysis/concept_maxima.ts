import type { Backend, Matrix } from "../compute/backend.ts";

/** Numbers of a tile of similarities that lie on the host at once: 64 MiB. */
const TILE = 2 ** 24;

/**
 * The largest projection of each text on each direction, over the text's positions: how concept detection turns
 * activations into one score a text (Wu et al., "AxBench", 2025). Similarities are made in tiles, so that neither many
 * positions nor many directions fill the memory.
 *
 * @param rows Activations or directions, the rows of a text together: those of text `i` are `offsets[i]` to
 * `offsets[i + 1] - 1`.
 * @param offsets One more than there are texts, ascending.
 * @param directions `directions x dim`.
 * @param tile Numbers of a tile at most, for tests.
 * @returns `texts x directions`.
 * @throws {RangeError} if a text has no row: nothing is its maximum.
 */
export async function textMaxima(
  backend: Backend,
  rows: Matrix,
  offsets: Int32Array,
  directions: Matrix,
  tile: number = TILE,
): Promise<Float32Array<ArrayBuffer>> {
  const texts = offsets.length - 1;
  const count = directions.rows;
  const empty = offsets.findIndex((offset, i) => i < texts && offset >= offsets[i + 1]);
  if (empty >= 0) throw new RangeError(`Expected a position of every text but text ${empty} has none: leave it out`);
  const maxima = new Float32Array(texts * count).fill(-Infinity);
  const most = Math.max(1, Math.floor(tile / Math.max(1, count)));
  let text = 0;
  for (let from = offsets[0]; from < offsets[texts]; from += most) {
    const part = Math.min(most, offsets[texts] - from);
    const similarities = await similaritiesOf(backend, rows, from, part, directions);
    for (let i = 0; i < part; i++) {
      while (from + i >= offsets[text + 1]) text++;
      const [at, row] = [text * count, i * count];
      for (let j = 0; j < count; j++) {
        if (similarities[row + j] > maxima[at + j]) maxima[at + j] = similarities[row + j];
      }
    }
  }
  return maxima;
}

async function similaritiesOf(backend: Backend, rows: Matrix, from: number, count: number, directions: Matrix) {
  const part = backend.create(rows.dim, count);
  try {
    const targets = Int32Array.from({ length: count }, (_, i) => i);
    backend.copyRows(rows, targets.map((i) => from + i), part, targets);
    return await backend.similarities(part, directions);
  } finally {
    part.dispose();
  }
}
