/** A region between two others. */
export interface Between {
  /** Number of the region. */
  readonly region: number;
  /** Cosine with the first of the two. */
  readonly cosineA: number;
  /** Cosine with the second. */
  readonly cosineB: number;
}

/**
 * The regions between two: those whose cosine with either exceeds the cosine of the two (the lune of Toussaint, "The
 * relative neighbourhood graph of a finite planar set", 1980). There is none if one of the two is the other's nearest.
 *
 * @param cosines Of all regions with each other, `size x size`.
 * @returns Ordered by the smaller of the two cosines, largest first.
 *
 * @example
 * ```ts
 * const cosines = Float32Array.of(1, 0.2, 0.6, 0.9, 0.2, 1, 0.5, 0.1, 0.6, 0.5, 1, 0.3, 0.9, 0.1, 0.3, 1);
 * const between = regionsBetween(cosines, 4, 0, 1);
 * if (between.map(({ region }) => region).join() !== "2") throw new Error("3 is near 0 but far from 1");
 * ```
 */
export function regionsBetween(cosines: Float32Array, size: number, a: number, b: number): Between[] {
  const cosine = cosines[a * size + b];
  const between: Between[] = [];
  for (let region = 0; region < size; region++) {
    if (region === a || region === b) continue;
    const [cosineA, cosineB] = [cosines[a * size + region], cosines[b * size + region]];
    if (cosineA > cosine && cosineB > cosine) between.push({ region, cosineA, cosineB });
  }
  const nearer = ({ cosineA, cosineB }: Between) => Math.min(cosineA, cosineB);
  return between.sort((x, y) => nearer(y) - nearer(x));
}
