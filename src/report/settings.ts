/** A layer and a percentile. */
export interface SettingKey {
  /** Block of the model. */
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

/**
 * Those of some rows that are of a layer and percentile.
 *
 * @example
 * ```ts
 * const seeds = [310, 298].map((regions, seed) => ({ layer: 3, percentile: 4, seed, regions }));
 * if (ofSetting(seeds, { layer: 3, percentile: 4 }).length !== 2) throw new Error("both seeds");
 * ```
 */
export function ofSetting<T extends SettingKey>(all: readonly T[], { layer, percentile }: SettingKey): T[] {
  return all.filter((other) => other.layer === layer && other.percentile === percentile);
}

/**
 * The middle layer and percentile of those that rows have; of an even number the upper one of the two in the middle.
 *
 * @param rows One at least.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [2, 4, 8].map((percentile) => ({ layer: 3, percentile }));
 * assertEquals(middleSetting(rows), { layer: 3, percentile: 4 });
 * ```
 */
export function middleSetting(rows: readonly SettingKey[]): SettingKey {
  const middle = (values: number[]) => [...new Set(values)].sort((a, b) => a - b).at(new Set(values).size >> 1)!;
  return { layer: middle(rows.map((r) => r.layer)), percentile: middle(rows.map((r) => r.percentile)) };
}

/**
 * Each layer and percentile once, as the first row that has it, in the rows' order.
 *
 * @example
 * ```ts
 * const rows = [4, 8, 4].map((percentile) => ({ layer: 3, percentile }));
 * if (distinctSettings(rows).length !== 2) throw new Error("p 4 and p 8");
 * ```
 */
export function distinctSettings(rows: readonly SettingKey[]): SettingKey[] {
  return rows.filter((row, i) =>
    rows.findIndex(({ layer, percentile }) => layer === row.layer && percentile === row.percentile) === i
  );
}

/**
 * The mean of numbers, all of which count; NaN of none.
 *
 * @example
 * ```ts
 * if (meanOfAll([1, 2, 6]) !== 3 || !Number.isNaN(meanOfAll([1, NaN]))) throw new Error("NaN is not left out");
 * ```
 */
export function meanOfAll(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
