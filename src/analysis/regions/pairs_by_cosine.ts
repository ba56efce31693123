/** Two regions, the lower one first. */
export interface RegionPair {
  /** Number of the one. */
  readonly a: number;
  /** Number of the other, larger than `a`. */
  readonly b: number;
  /** Cosine of the two. */
  readonly cosine: number;
}

/**
 * The pairs of regions whose cosine is nearest to a target, nearest first; of equally near ones the first in row order.
 * Target 1 gives the closest pairs, any other one the pairs that are as close as a given pair.
 *
 * @param cosines Of all regions with each other, `size x size`; the upper half is read.
 * @param count Pairs at most; at least 1.
 *
 * @example
 * ```ts
 * const cosines = Float32Array.of(1, 0.5, 0.2, 0.5, 1, 0.9, 0.2, 0.9, 1);
 * const [closest] = pairsByCosine(cosines, 3, 1, 1);
 * if (closest.a !== 1 || closest.b !== 2) throw new Error("regions 1 and 2 have cosine 0.9");
 * ```
 */
export function pairsByCosine(cosines: Float32Array, size: number, target: number, count: number): RegionPair[] {
  const pairs: RegionPair[] = [];
  const off = (cosine: number) => Math.abs(cosine - target);
  for (let a = 0; a < size; a++) {
    for (let b = a + 1; b < size; b++) {
      const cosine = cosines[a * size + b];
      if (pairs.length === count && !(off(cosine) < off(pairs[count - 1].cosine))) continue;
      const place = pairs.findLastIndex((pair) => off(pair.cosine) <= off(cosine)) + 1;
      pairs.splice(place, 0, { a, b, cosine });
      if (pairs.length > count) pairs.pop();
    }
  }
  return pairs;
}
