/** Flags with their values, as sentences name them. */
import type { CheckpointMismatchError } from "../../partition/checkpoint_settings.ts";
import { flagName, type Flags, UsageError } from "./flags.ts";

/** Settings of a discovery by the flag that sets them, where that has another name. */
const FLAG_OF: Readonly<Record<string, string>> = { saturationWindow: "window", batchPrompts: "batch" };

/**
 * A flag as it is written with a value: `--seed 3`, `--layers 3,5`, `--chat`, `no --chat`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(flagText("maxTokens", 500), "--max-tokens 500");
 * assertEquals(flagText("chat", false), "no --chat");
 * ```
 */
export function flagText(key: string, value: unknown): string {
  const name = flagName(key);
  if (value === true) return name;
  if (value === false || value === undefined || value === null) return `no ${name}`;
  return `${name} ${value}`;
}

/** Says in flags how a run differs from the checkpoint that it was to go on from. */
export function inFlags({ differences, folder }: CheckpointMismatchError, flags: Flags): UsageError {
  // Thresholds follow from the other settings: alone they tell of another calibration.
  const causes = differences.filter(({ name }) => name !== "threshold" || differences.length === 1);
  const each = causes.map(({ name, expected, found }) => {
    const key = FLAG_OF[name] ?? name;
    // The corpus of a stream is told with its filter and order, which flags of their own set.
    if (key in flags && key !== "corpus") return `${flagText(key, expected)} instead of ${flagText(key, found)}`;
    if (name === "threshold") return "another calibration, by --calibration or by files that changed meanwhile";
    return `${name} "${expected}" instead of "${found}"`;
  });
  const found = each.join(", ");
  return new UsageError(
    `Expected the flags of the run that left ${folder} but found ${found}: give the same flags (--max-tokens may be ` +
      "larger), or start anew without --resume.",
  );
}
