/** Rows as kernels in WebAssembly take them: some at a time, of a width that they like. */

/** Numbers that are worked on at once: they stay in a core's cache. */
const NUMBERS = 2 ** 17;

/** How many rows of a width are worked on at once. */
export function rowsAtOnce(width: number): number {
  return Math.max(1, Math.floor(NUMBERS / width));
}

/** Writes rows of `dim` numbers as rows of `width`, with zeros behind those that are shorter. */
export function writePadded(rows: Float32Array, dim: number, target: Float32Array, width: number): void {
  if (dim === width) return target.set(rows);
  const count = rows.length / dim;
  // What was there before may be NaN.
  target.fill(0, 0, count * width);
  for (let row = 0; row < count; row++) target.set(rows.subarray(row * dim, (row + 1) * dim), row * width);
}

/** Writes rows of `width` numbers without what lies behind the first `dim`. */
export function writeUnpadded(rows: Float32Array, width: number, target: Float32Array, dim: number): void {
  if (dim === width) return target.set(rows);
  for (let row = 0; row * width < rows.length; row++) {
    target.set(rows.subarray(row * width, row * width + dim), row * dim);
  }
}
