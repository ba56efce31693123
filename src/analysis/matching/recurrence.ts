import type { Backend } from "../../compute/backend.ts";
import { matchDirections } from "./match.ts";

/**
 * How well each region of a dictionary comes back in others: the mean cosine of its partners in one-to-one matchings of
 * largest total cosine with each of them. A region that has no partner anywhere (the others are smaller) is `null`.
 *
 * @param sets Unit directions of each dictionary, `regions x dim`.
 * @param others What each is matched with, in place of the other sets: a control. Must be as many sets.
 * @returns For each dictionary, a cosine for each region.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const sets = [Float32Array.of(1, 0, 0, 1), Float32Array.of(0.6, 0.8)];
 * const [first, second] = await recurrence(await openBackend("cpu"), sets, 2);
 * if (first[0] !== null) throw new Error(`its only possible partner went to the nearer: ${first[0]}`);
 * if (Math.abs(first[1]! - 0.8) > 1e-6 || first[1] !== second[0]) throw new Error(`${first[1]} ${second[0]}`);
 * ```
 */
export async function recurrence(
  backend: Backend,
  sets: readonly Float32Array[],
  dim: number,
  others: readonly Float32Array[] = sets,
): Promise<(number | null)[][]> {
  const totals = sets.map((set) => new Float64Array(set.length / dim));
  const partners = totals.map((total) => new Int32Array(total.length));
  for (const [a, left] of sets.entries()) {
    for (const [b, right] of others.entries()) {
      if (a === b) continue;
      // A matching of two plain sets serves both sides.
      if (others === sets && b < a) continue;
      const { pairs, cosines } = await matchDirections(backend, left, right, dim);
      cosines.forEach((cosine, i) => {
        const add = (set: number, region: number) => {
          totals[set][region] += cosine;
          partners[set][region]++;
        };
        add(a, pairs[2 * i]);
        if (others === sets) add(b, pairs[2 * i + 1]);
      });
    }
  }
  return totals.map((total, set) =>
    Array.from(total, (sum, region) => partners[set][region] === 0 ? null : sum / partners[set][region])
  );
}
