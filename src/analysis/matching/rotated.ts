import { Random } from "../../compute/random.ts";

/**
 * Directions under one random orthogonal map that permutes coordinates and flips signs: all angles among them stay, what
 * they share with directions elsewhere is gone. The chance level of a match.
 *
 * @param directions `rows x dim`.
 * @param seed Any whole number.
 *
 * @example
 * ```ts
 * const turned = rotated(Float32Array.of(3, 4, 0, 1), 2, 0);
 * if (Math.hypot(turned[0], turned[1]) !== 5) throw new Error("lengths stay");
 * if (Math.abs(turned[0] * turned[2] + turned[1] * turned[3]) !== 4) throw new Error("products stay");
 * ```
 */
export function rotated(directions: Float32Array, dim: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const source = random.shuffle(Array.from({ length: dim }, (_, j) => j));
  const signs = source.map(() => random.integer(2) * 2 - 1);
  return Float32Array.from(directions, (_, index) => {
    const j = index % dim;
    return signs[j] * directions[index - j + source[j]];
  });
}
