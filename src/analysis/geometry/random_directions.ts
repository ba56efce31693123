import { Random } from "../../compute/random.ts";

/**
 * Unit directions drawn uniformly: what as many regions are compared with, chosen by the same rule. The first ones are the
 * same whatever the number.
 *
 * @param seed Any whole number.
 * @returns `count x dim`.
 *
 * @example
 * ```ts
 * const few = randomDirections(2, 3, 7);
 * const more = randomDirections(5, 3, 7);
 * if (few.join() !== more.slice(0, 6).join()) throw new Error("not one in the other");
 * ```
 */
export function randomDirections(count: number, dim: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const directions = new Float32Array(count * dim);
  const row = new Float64Array(dim);
  for (let from = 0; from < directions.length; from += dim) {
    let square = 0;
    for (let j = 0; j < dim; j++) square += (row[j] = random.normal()) ** 2;
    const norm = Math.sqrt(square);
    for (let j = 0; j < dim; j++) directions[from + j] = row[j] / norm;
  }
  return directions;
}
