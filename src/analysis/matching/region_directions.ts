import type { WholeNumbers } from "../../files/whole_numbers.ts";
import type { Growth } from "../../partition/growth.ts";
import type { SettingKey } from "../../report/settings.ts";

/** What matching looks at in a dictionary; a dictionary is one, and so is what is kept of it. */
export interface RegionDirections {
  /** Regions. */
  readonly size: number;
  /** Length of a direction. */
  readonly dim: number;
  /** θ, cosine distance. */
  readonly threshold: number;
  /** Unit mean directions, `size x dim`. */
  readonly means: Float32Array<ArrayBuffer>;
  /** Members of each region, length `size`. */
  readonly memberCounts: WholeNumbers;
}

/** Directions of a dictionary of one layer and percentile. */
export interface SettingDirections extends RegionDirections, SettingKey {}

/** Dictionaries of several stream orders, by seed; each order has the same settings. */
export type DirectionsByOrder = ReadonlyMap<number, readonly SettingDirections[]>;

/**
 * Keeps of dictionaries what matching looks at: plain data that stays when they are disposed.
 *
 * @param growths Dictionaries with their layer and percentile, as `discover` gives them.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await dictionary.add({ data: Float32Array.of(2, 0, 0, 3), rows: 2, dim: 2 });
 * const [kept] = keptDirections([{ layer: 3, percentile: 4, dictionary }]);
 * dictionary.dispose();
 * if (kept.means.join() !== "1,0,0,1") throw new Error(`${kept.means}`);
 * ```
 */
export function keptDirections(
  growths: readonly Pick<Growth, "layer" | "percentile" | "dictionary">[],
): SettingDirections[] {
  return growths.map(({ layer, percentile, dictionary: { size, dim, threshold, means, memberCounts } }) => {
    return { layer, percentile, size, dim, threshold, means, memberCounts };
  });
}
