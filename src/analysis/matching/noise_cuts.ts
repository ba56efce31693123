/**
 * How far each region's nearest counterpart may fall before it is more than noise, at a chosen rate of false alarms.
 *
 * A region of a dictionary has a nearest counterpart in the same model's dictionary of another stream order, at cosine
 * `own`. In a third order it has another, at cosine `again`: `own - again` is what order alone does. The cut is that
 * loss's conformal quantile: a loss above it comes from order alone at a rate of at most `alpha`. Regions that come back
 * well vary less than those that do not, so the cut is taken within strata of `own` of equal size.
 *
 * @param own For each region.
 * @param again For each region.
 * @param alpha Rate of false alarms, between 0 and 1.
 * @param strata Number of strata; default 5, or as many as have `1 / alpha` regions each.
 * @returns For each region, the largest loss that is still noise; infinite where its stratum has too few regions to tell
 * (fewer than `1 / alpha - 1`).
 *
 * @example
 * ```ts
 * const cuts = noiseCuts([0.9, 0.9, 0.9], [0.8, 0.9, 0.7], 0.5, 1);
 * if (Math.abs(cuts[0] - 0.1) > 1e-9) throw new Error(`${cuts}`);
 * ```
 */
export function noiseCuts(
  own: ArrayLike<number>,
  again: ArrayLike<number>,
  alpha: number,
  strata: number = Math.max(1, Math.min(5, Math.floor(own.length * alpha + 1e-9))),
): Float64Array<ArrayBuffer> {
  if (own.length !== again.length) {
    throw new RangeError(`Expected two cosines for each region but found ${own.length} and ${again.length}`);
  }
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`Expected a rate between 0 and 1 but found ${alpha}`);
  const cuts = new Float64Array(own.length);
  const order = [...cuts.keys()].sort((a, b) => own[a] - own[b] || a - b);
  for (let stratum = 0; stratum < strata; stratum++) {
    const [from, to] = [stratum, stratum + 1].map((i) => Math.round(i * order.length / strata));
    const members = order.slice(from, to);
    const losses = members.map((region) => own[region] - again[region]).sort((a, b) => a - b);
    // The conformal rank: with it the rate holds for any number of regions, not only for many.
    const rank = Math.ceil((losses.length + 1) * (1 - alpha) - 1e-9);
    for (const region of members) cuts[region] = rank > losses.length ? Infinity : losses[rank - 1];
  }
  return cuts;
}
