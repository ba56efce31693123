import { assertOptions } from "../../compute/known_options.ts";
import { append } from "../../compute/long_lists.ts";
import type { Text, TokenIds } from "../../activations/extract.ts";
import { Random } from "../../compute/random.ts";
import { number, row, type RowOf, whole, words } from "../../report/row.ts";
import { conformalThreshold } from "./conformal.ts";
import type { Monitor } from "./monitor.ts";

/** Prompts read together: few, so that whoever waits sees them go by. */
const BATCH = 16;

/**
 * The distance of prompts to a monitor's dictionary; prompts without a token of their own have none.
 *
 * @param onProgress Called with the number of prompts done.
 *
 * @example
 * ```ts
 * const verdict = { tokens: 3, truncated: false, distance: 0.5, beyond: 1, region: 0, farthest: null, alarms: [] };
 * const read = (prompts: readonly unknown[]) => Promise.resolve(prompts.map(() => verdict));
 * const distances = await promptDistances({ read }, ["The king", "The queen"]);
 * if (distances.join() !== "0.5,0.5") throw new Error(distances.join());
 * ```
 */
export async function promptDistances(
  monitor: Pick<Monitor, "read">,
  prompts: readonly (Text | TokenIds)[],
  onProgress?: (done: number) => void,
): Promise<number[]> {
  const distances: number[] = [];
  for (let from = 0; from < prompts.length; from += BATCH) {
    const verdicts = await monitor.read(prompts.slice(from, from + BATCH));
    append(distances, verdicts.flatMap(({ distance }) => distance ?? []));
    onProgress?.(from + verdicts.length);
  }
  return distances;
}

/**
 * How often an alarm is raised by one set of prompts, with the threshold of one random half of the reference.
 *
 * @internal
 */
export const ALARM_RATE = row({
  set: words("name of the prompts", { heading: "prompts" }),
  rate: number("false-alarm rate that the alarm is set for, 0..1"),
  seed: whole("of the half of the reference that sets it"),
  alarms: number("share of prompts that raise it, 0..1", { missing: "no prompt of the set has a score" }),
});
/** A row of {@linkcode ALARM_RATE}. */
export type AlarmRate = RowOf<typeof ALARM_RATE>;

/** What {@linkcode alarmRates} tries. */
export interface AlarmOptions {
  /** Name of the set whose alarms are false. */
  readonly reference: string;
  /** False-alarm rates; those that half of the reference is too few for are left out. */
  readonly rates: readonly number[];
  /** A random half of the reference each. */
  readonly seeds: readonly number[];
}

/**
 * How often the alarm of {@linkcode conformalThreshold} is really raised: the threshold is set on a random half of the
 * reference, and alarms are counted on the other half and on all other sets.
 *
 * @param scores By name of the set: any score that is large for what is unlike the reference.
 * @throws {RangeError} if there is no set of the reference's name.
 *
 * @example
 * ```ts
 * const scores = new Map([["text", [1, 2, 3, 4, 5, 6, 7, 8]], ["noise", [9, 9, 0, 9]]]);
 * const [, noise] = alarmRates(scores, { reference: "text", rates: [0.2], seeds: [0] });
 * if (noise.set !== "noise" || noise.alarms !== 0.75) throw new Error(`${noise.set} ${noise.alarms}`);
 * ```
 */
export function alarmRates(
  scores: ReadonlyMap<string, readonly number[]>,
  options: AlarmOptions,
): AlarmRate[] {
  assertOptions("alarmRates", options, { reference: "string", rates: "numbers", seeds: "numbers" });
  const { reference, rates, seeds } = options;
  const known = scores.get(reference);
  if (!known) {
    throw new RangeError(`Expected scores of "${reference}" but found those of ${[...scores.keys()].join(", ")}`);
  }
  const half = known.length >> 1;
  const possible = [...new Set(rates)].filter((rate) => (half + 1) * rate >= 1).sort((a, b) => a - b);
  return seeds.flatMap((seed) => {
    const halves = new Random(seed).shuffle([...known]);
    return possible.flatMap((rate) => {
      const threshold = conformalThreshold(halves.slice(0, half), rate);
      return [...scores].map(([set, all]): AlarmRate => {
        const others = set === reference ? halves.slice(half) : all;
        const raised = others.filter((score) => score > threshold).length;
        return { set, rate, seed, alarms: others.length === 0 ? null : raised / others.length };
      });
    });
  });
}
