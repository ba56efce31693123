import type { WholeNumbers } from "../../files/whole_numbers.ts";
import { unitRows } from "../../partition/means.ts";

/** Regions as the sums of their members. */
export interface RegionSums {
  /** Sums of member directions, `regions x dim`. */
  readonly sums: Float32Array<ArrayBuffer>;
  /** Members a region. */
  readonly counts: WholeNumbers;
}

/**
 * Gives the members of chosen regions to others: each chosen one goes to the kept region whose mean direction is nearest
 * to its own, as the means were before (of equal ones the lower number). Kept regions stay in order.
 *
 * @param regions Is not changed.
 * @param dim Length of a direction.
 * @param chosen Whether each region is absorbed.
 * @throws {RangeError} if none is kept.
 *
 * @example
 * ```ts
 * const sums = Float32Array.of(4, 0, 0, 3, 1, 2);
 * const { counts } = absorb({ sums, counts: Int32Array.of(4, 3, 3) }, 2, [false, false, true]);
 * if (counts.join() !== "4,6") throw new Error(`the third lies nearest to the second: ${counts}`);
 * ```
 */
export function absorb({ sums, counts }: RegionSums, dim: number, chosen: readonly boolean[]): RegionSums {
  const kept = [...counts.keys()].filter((region) => !chosen[region]);
  if (kept.length === 0) throw new RangeError(`Expected a region to keep but all ${counts.length} are to be absorbed`);
  const means = unitRows(sums, dim);
  const cosine = (a: number, b: number) => {
    let dot = 0;
    for (let j = 0; j < dim; j++) dot += means[a * dim + j] * means[b * dim + j];
    return dot;
  };
  const joined = {
    sums: new Float32Array(kept.length * dim),
    counts: Float64Array.from(kept, (region) => counts[region]),
  };
  kept.forEach((region, i) => joined.sums.set(sums.subarray(region * dim, (region + 1) * dim), i * dim));
  for (let region = 0; region < counts.length; region++) {
    if (!chosen[region]) continue;
    let [best, target] = [-Infinity, 0];
    kept.forEach((other, i) => {
      const value = cosine(region, other);
      if (value > best) [best, target] = [value, i];
    });
    for (let j = 0; j < dim; j++) joined.sums[target * dim + j] += sums[region * dim + j];
    joined.counts[target] += counts[region];
  }
  return joined;
}

/**
 * Regions without some of them, their members dropped; the others stay in order.
 *
 * @param regions Is not changed.
 * @param dim Length of a direction.
 * @param chosen Whether each region is left out.
 *
 * @example
 * ```ts
 * const { sums } = leaveOut({ sums: Float32Array.of(4, 0, 0, 3), counts: Int32Array.of(4, 3) }, 2, [true, false]);
 * if (sums.join() !== "0,3") throw new Error(sums.join());
 * ```
 */
export function leaveOut({ sums, counts }: RegionSums, dim: number, chosen: readonly boolean[]): RegionSums {
  return {
    sums: sums.filter((_, index) => !chosen[Math.floor(index / dim)]),
    counts: counts.filter((_, region) => !chosen[region]),
  };
}

/**
 * Which regions are the fifth of smallest value, rounded down; of equal ones the newer.
 *
 * @param values One a region.
 *
 * @example
 * ```ts
 * if (lowestFifth([3, 1, 2, 1, 5]).indexOf(true) !== 3) throw new Error("of two lowest the newer");
 * ```
 */
export function lowestFifth(values: ArrayLike<number>): boolean[] {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a] - values[b] || b - a);
  const chosen = new Array<boolean>(values.length).fill(false);
  for (const region of order.slice(0, Math.floor(values.length / 5))) chosen[region] = true;
  return chosen;
}
