/**
 * How many values fall in each bin of one width, from 0 on; the last bin takes larger ones too.
 *
 * @param values From 0.
 * @param width Of a bin.
 * @param end Of the last bin, a multiple of the width.
 *
 * @example
 * ```ts
 * const counts = histogram([0.1, 0.6, 0.7, 3], 0.5, 1);
 * if (counts.join() !== "1,3") throw new Error(`${counts}`);
 * ```
 */
export function histogram(values: ArrayLike<number>, width: number, end: number): number[] {
  const counts = new Array<number>(Math.round(end / width)).fill(0);
  for (let i = 0; i < values.length; i++) counts[Math.min(counts.length - 1, Math.floor(values[i] / width))]++;
  return counts;
}
