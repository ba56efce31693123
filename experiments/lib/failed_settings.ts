import type { FailedSetting } from "../../src/partition/mod.ts";

/** A sentence about the settings that give no dictionary; `undefined` if there are none. */
export function failedText(failed: readonly FailedSetting[]): string | undefined {
  if (failed.length === 0) return undefined;
  const settings = failed.map(({ layer, percentile }) => `layer ${layer}, p ${percentile}`).join("; ");
  return `No dictionary could be made at: ${settings}. ${failed[0].reason}.`;
}
