/**
 * What a direction does in a model: directions and regions to compare with, and what changes in the next token.
 *
 * The *reference directions* are those that a region's direction must do better than: the difference in means of two
 * groups, the mean, a random one (`randomDirections` of `geometry/`). A *matched region* is another of like size and
 * coherence.
 *
 * @example
 * ```ts
 * import { differenceInMeans } from "./mod.ts";
 *
 * const [x, y] = differenceInMeans(Float32Array.of(3, 0, 5, 8, 1, 0, 1, 0), 2, [true, true, false, false]);
 * if (x !== Math.fround(0.6) || y !== Math.fround(0.8)) throw new Error(`${x} ${y}`);
 * ```
 *
 * @module
 */
export * from "./direction_effects.ts";
export * from "./effect_figures.ts";
export * from "./matched_region.ts";
export * from "./next_token.ts";
export * from "./reference_directions.ts";
