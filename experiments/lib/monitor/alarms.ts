/** How often a threshold on distance raises the alarm, on text that was not there to set it. */
import { conformalThreshold, type Monitor } from "../../../src/analysis/mod.ts";
import { Random } from "../../../src/compute/mod.ts";
import type { Flags, Run } from "../../../src/run/mod.ts";
import { HELD_OUT, type MonitorTexts } from "./texts.ts";

/** Prompts read together. */
const BATCH = 64;
/** False-alarm rates that are tried, beside the one asked for. */
const RATES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2];

/** The distance of every prompt, by name of its set. */
export type Scores = ReadonlyMap<string, readonly number[]>;

/** The share of a set of prompts that raises the alarm, of one random half of the held-out text. */
export interface AlarmRate {
  readonly set: string;
  /** The false-alarm rate that the threshold is for. */
  readonly rate: number;
  readonly seed: number;
  readonly alarms: number;
}

/** Distances of all sets. Prompts that give no activation have none. */
export async function scoreSets<F extends Flags>(
  { kept, progress }: Run<F>,
  monitor: Monitor,
  { sets }: MonitorTexts,
): Promise<Scores> {
  const total = [...sets.values()].reduce((sum, entries) => sum + entries.length, 0);
  const stage = progress.stage("measure", total, "prompts");
  const scores = new Map<string, number[]>();
  let done = 0;
  for (const [set, entries] of sets) {
    const distances = await kept(`distances of ${set}`, async () => {
      const found: number[] = [];
      for (let from = 0; from < entries.length; from += BATCH) {
        const verdicts = await monitor.read(entries.slice(from, from + BATCH));
        found.push(...verdicts.flatMap(({ distance }) => distance ?? []));
        stage.advance(verdicts.length);
      }
      return found;
    });
    scores.set(set, distances);
    stage.set(done += entries.length);
  }
  stage.end();
  return scores;
}

/**
 * Sets the threshold on a random half of the held-out text and counts alarms on the other half, and on all other sets.
 * Rates that half of the held-out text is too few for are left out.
 */
export function alarmRates(
  scores: Scores,
  { falseAlarms, seed, seeds }: { falseAlarms: number; seed: number; seeds: number },
): AlarmRate[] {
  const heldout = scores.get(HELD_OUT)!;
  const half = heldout.length >> 1;
  const rates = [...new Set([...RATES, falseAlarms])].filter((rate) => (half + 1) * rate >= 1).sort((a, b) => a - b);
  return Array.from({ length: seeds }, (_, i) => seed + i).flatMap((seed) => {
    const halves = new Random(seed).shuffle([...heldout]);
    return rates.flatMap((rate) => {
      const threshold = conformalThreshold(halves.slice(0, half), rate);
      return [...scores].map(([set, all]) => {
        const distances = set === HELD_OUT ? halves.slice(half) : all;
        return { set, rate, seed, alarms: distances.filter((d) => d > threshold).length / distances.length };
      });
    });
  });
}
