/**
 * The middle value, or the mean of the two middle ones; NaN of none.
 *
 * @example
 * ```ts
 * if (median(Float32Array.of(3, 1, 2, 10)) !== 2.5) throw new Error("the mean of 2 and 3");
 * ```
 */
export function median(values: Float32Array | Float64Array | Int32Array): number {
  const sorted = values.toSorted();
  const half = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
