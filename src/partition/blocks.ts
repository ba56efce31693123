/**
 * Consecutive regions `from` to `to` (exclusive) that are written at once: as many as a column has room for, one at least.
 * Of no regions there is one block, which is empty.
 *
 * @param bytesOf Bytes that a region takes in its longest column.
 * @param blockBytes Bytes that a block takes at most, but for a single region of more.
 *
 * @example
 * ```ts
 * const blocks = [...blocksOf(4, (region) => [3, 3, 9, 1][region], 6)];
 * if (blocks.join(" ") !== "0,2 2,3 3,4") throw new Error(blocks.join(" "));
 * ```
 */
export function* blocksOf(
  size: number,
  bytesOf: (region: number) => number,
  blockBytes: number,
): Generator<[from: number, to: number]> {
  let [from, bytes] = [0, 0];
  for (let region = 0; region < size; region++) {
    const own = bytesOf(region);
    if (region > from && bytes + own > blockBytes) {
      yield [from, region];
      [from, bytes] = [region, 0];
    }
    bytes += own;
  }
  yield [from, size];
}
