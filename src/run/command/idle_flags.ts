/** Flags that do nothing where another is given: they are refused beside it, and no record says that they were set. */
import { flagText } from "./flag_text.ts";
import { flagName, UsageError } from "./flags.ts";

/** Flags that do nothing beside another. */
export interface IdleFlags {
  /** Those that do nothing, in camel case. */
  readonly flags: readonly string[];
  /** The flag beside which they do nothing. */
  readonly beside: string;
  /** Its value where they do nothing; default any, and of a switch that it is given. */
  readonly value?: string;
  /** Why, after the other flag: `which has its own`. */
  readonly why: string;
}

/** What holds of every experiment. */
const COMMON: readonly IdleFlags[] = [
  { flags: ["stride"], beside: "windows", value: "first", why: "which has no next" },
  { flags: ["refresh"], beside: "offline", why: "which asks nobody" },
  { flags: ["subfolder", "modelFile"], beside: "weights", value: "safetensors", why: "which reads no graph" },
];

/**
 * Which flags do nothing beside what the others are.
 *
 * @param values Of all flags.
 * @param isGiven Whether a flag stands on the command line.
 * @param rules Those of the experiment.
 * @returns Their names.
 * @throws {UsageError} if one of them is given.
 */
export function idleFlags(
  values: Readonly<Record<string, unknown>>,
  isGiven: (flag: string) => boolean,
  rules: readonly IdleFlags[] = [],
): Set<string> {
  const idle = new Set<string>();
  for (const { flags, beside, value, why } of [...COMMON, ...rules]) {
    const other = values[beside];
    if (value === undefined ? other === undefined || other === false : other !== value) continue;
    for (const flag of flags) {
      if (isGiven(flag)) {
        throw new UsageError(
          `Expected no ${flagName(flag)} beside ${flagText(beside, other)}, ${why}: leave one of them out.`,
        );
      }
      idle.add(flag);
    }
  }
  return idle;
}
