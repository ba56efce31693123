/** What a region is matched by. */
export interface RegionShape {
  /** Members of each region. */
  readonly memberCounts: ArrayLike<number>;
  /** Coherence of each region, 0..1. */
  readonly coherences: ArrayLike<number>;
}

/**
 * The region of a pool that is most like another one in size and tightness: nearest in the plane of (log10 members, coherence),
 * the published match of null regions. The region itself is passed over; of equally near ones the first of the pool is taken.
 *
 * @returns The region and its distance in that plane, or undefined if the pool holds no other.
 *
 * @example
 * ```ts
 * const shape = { memberCounts: [100, 10, 90], coherences: [0.9, 0.9, 0.5] };
 * if (matchedRegion(shape, 0, [0, 1, 2])?.region !== 2) throw new Error("0.40 away is nearer than a decade");
 * ```
 */
export function matchedRegion(
  { memberCounts, coherences }: RegionShape,
  target: number,
  pool: Iterable<number>,
): { readonly region: number; readonly distance: number } | undefined {
  let best: { region: number; distance: number } | undefined;
  for (const region of pool) {
    if (region === target) continue;
    const sizes = Math.log10(memberCounts[region]) - Math.log10(memberCounts[target]);
    const distance = Math.hypot(sizes, coherences[region] - coherences[target]);
    if (!best || distance < best.distance) best = { region, distance };
  }
  return best;
}
