/** A layer and a percentile. */
export interface SettingKey {
  /** Layer of the model. */
  readonly layer: number;
  /** Percentile of the threshold, 0..100. */
  readonly percentile: number;
}

/**
 * The first of some rows that is of a layer and percentile; `undefined` if none is.
 *
 * @example
 * ```ts
 * const runs = [{ layer: 3, percentile: 4, regions: 310 }, { layer: 3, percentile: 8, regions: 120 }];
 * const run = sameSetting(runs, { layer: 3, percentile: 8 });
 * if (run?.regions !== 120) throw new Error(`${run?.regions}`);
 * ```
 */
export function sameSetting<T extends SettingKey>(all: readonly T[], { layer, percentile }: SettingKey): T | undefined {
  return all.find((other) => other.layer === layer && other.percentile === percentile);
}
