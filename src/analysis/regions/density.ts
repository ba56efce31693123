import { coherencesOf } from "../../partition/means.ts";

/**
 * The stability that the size and coherence of regions suggest: `D_i = log10(N_i c_i^2)`, `N_i` members of coherence `c_i`
 * ("Exemplar Partitioning", arXiv 2605.14347). Negative infinity where there are no members or they cancel out.
 *
 * @param sums Sums of member directions, `regions x dim`.
 * @param counts Members a region.
 *
 * @example
 * ```ts
 * const [first, second] = densities(Float32Array.of(100, 0, 0, 5), Int32Array.of(100, 10), 2);
 * if (Math.abs(first - 2) > 1e-9 || Math.abs(second - Math.log10(2.5)) > 1e-9) throw new Error(`${first} ${second}`);
 * ```
 */
export function densities(sums: Float32Array, counts: ArrayLike<number>, dim: number): Float64Array<ArrayBuffer> {
  return coherencesOf(sums, counts, dim).map((coherence, region) => Math.log10(counts[region] * coherence ** 2));
}
