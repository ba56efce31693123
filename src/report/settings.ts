/** A layer and a percentile. */
export interface SettingKey {
  readonly layer: number;
  readonly percentile: number;
}

/** The one of a layer and percentile, if there is one. */
export function sameSetting<T extends SettingKey>(all: readonly T[], { layer, percentile }: SettingKey): T | undefined {
  return all.find((other) => other.layer === layer && other.percentile === percentile);
}

/** Those of a layer and percentile. */
export function ofSetting<T extends SettingKey>(all: readonly T[], { layer, percentile }: SettingKey): T[] {
  return all.filter((other) => other.layer === layer && other.percentile === percentile);
}

/** The middle layer and percentile of those that were run. */
export function middleSetting(rows: readonly SettingKey[]): SettingKey {
  const middle = (values: number[]) => [...new Set(values)].sort((a, b) => a - b).at(new Set(values).size >> 1)!;
  return { layer: middle(rows.map((r) => r.layer)), percentile: middle(rows.map((r) => r.percentile)) };
}

/** Each layer and percentile once, in the rows' order. */
export function distinctSettings(rows: readonly SettingKey[]): SettingKey[] {
  return rows.filter((row, i) =>
    rows.findIndex(({ layer, percentile }) => layer === row.layer && percentile === row.percentile) === i
  );
}

/** The mean of numbers; NaN of none. */
export function meanOfAll(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
