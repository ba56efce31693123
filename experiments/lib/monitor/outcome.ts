/** How good a monitor's alarms are, and what went by. */
import {
  ALARM_RATE,
  type AlarmRate,
  conformalCount,
  type HandleRates,
  MEMORY,
  type RefusalHandle,
  type Watched,
} from "../../../src/analysis/mod.ts";
import type { Dictionary } from "../../../src/partition/mod.ts";
import {
  figure,
  formatNumber,
  meanOf,
  percent,
  recordTable,
  resultTable,
  Rows,
  rowTable,
} from "../../../src/report/mod.ts";
import {
  chartBlock,
  type CommonFlags,
  type Outcome,
  type OutcomeBlock,
  tableBlock,
  textBlock,
} from "../../../src/run/mod.ts";
import { alarmChart, memoryChart } from "./charts.ts";
import { TRIED, type TriedRow } from "./rows.ts";
import { HELD_OUT, SHUFFLED } from "./texts.ts";

/** What came of setting up and watching. */
export interface MonitorResult {
  readonly dictionary: Dictionary;
  /** What was tried; empty where the dictionary was given. */
  readonly tried: readonly TriedRow[];
  /** Mean distance above which the alarm is raised. */
  readonly threshold: number;
  /** The distance of every prompt, by name of its set. */
  readonly scores: ReadonlyMap<string, readonly number[]>;
  readonly rates: readonly AlarmRate[];
  /** The regions of refusal; absent without a chat template. */
  readonly handle?: RefusalHandle;
  /** Instructions that they were looked for with, and how many of them the model refuses. */
  readonly asked?: { readonly total: number; readonly refused: number };
  /** What they do on instructions that they were not found with. */
  readonly onOthers?: HandleRates;
  readonly watched: Watched;
}

type MonitorFlags = CommonFlags & { readonly falseAlarms: number; readonly seeds: number };

/** Tables, charts, findings and the answer. */
export function monitorOutcome(flags: MonitorFlags, result: MonitorResult): Outcome {
  const { rates, tried, watched, scores } = result;
  return {
    title: `Monitor of ${flags.model}`,
    answer: answer(result, flags.falseAlarms),
    findings: findings(result, flags.falseAlarms),
    tables: {
      alarms: resultTable(ALARM_RATE, rates),
      memory: resultTable(MEMORY, watched.memory),
      ...(tried.length > 0 && { settings: resultTable(TRIED, tried) }),
    },
    sections: [
      {
        heading: "Unlike the corpus",
        blocks: [
          chartBlock(
            "alarms",
            alarmChart(rates),
            "Share of prompts that raise the alarm against the false-alarm rate it is set for, on a random half of the " +
              `held-out text; the other half is what the line "${HELD_OUT}" shows, and it should lie on the dashed line. ` +
              `${flags.seeds === 1 ? "There is one random half" : `Bands span ${flags.seeds} random halves`}.`,
          ),
          tableBlock(
            recordTable([...scores].map(([set, distances]) => {
              const alarms = raised(rates, set, flags.falseAlarms);
              const [smallest, largest] = alarms.spread("alarms") ?? [null, null];
              return {
                ...{ prompts: set, number: distances.length, "mean distance": meanOf(distances) },
                ...{ alarms: alarms.mean("alarms"), smallest, largest },
              };
            })),
            `At a false-alarm rate of ${flags.falseAlarms}: share of prompts that raise the alarm, ` +
              (flags.seeds === 1 ? "of one random half." : `mean and range over ${flags.seeds} random halves.`),
          ),
        ],
      },
      { heading: "Refusal", blocks: refusalBlocks(result) },
      {
        heading: "The stream",
        blocks: [
          textBlock(streamText(watched)),
          watched.memory.length > 1 &&
          chartBlock("memory", memoryChart(watched.memory), "Memory of the process against prompts read."),
        ],
      },
    ],
  };
}

/** The alarms of a set at a false-alarm rate, a row a random half. */
function raised(rates: readonly AlarmRate[], set: string, rate: number): Rows<AlarmRate> {
  return new Rows(rates.filter((row) => row.set === set && row.rate === rate));
}

/** What the alarm `ood` is raised by, or why that could not be measured. */
function oodAnswer({ scores, rates, dictionary }: MonitorResult, falseAlarms: number): string {
  const known = scores.get(HELD_OUT)!.length;
  if (raised(rates, HELD_OUT, falseAlarms).rows.length === 0) {
    return `The alarm is set for ${
      percent(falseAlarms)
    } of false alarms. How often it is raised could not be measured: half ` +
      `of the held-out prompts set it then, and ${known >> 1} are fewer than the ${
        conformalCount(falseAlarms)
      } that takes; ` +
      "give more --prompts, or more --false-alarms.";
  }
  const alarmsOf = (set: string) => percent(raised(rates, set, falseAlarms).mean("alarms"));
  const others = [...scores.keys()].filter((set) => set !== HELD_OUT)
    .map((set) => `${alarmsOf(set)} of ${set === SHUFFLED ? "the same with shuffled words" : set}`);
  return `With the alarm set for ${percent(falseAlarms)} of false alarms, ${
    alarmsOf(HELD_OUT)
  } of held-out prompts raise it, and ` +
    `${others.join(", ")} (layer ${dictionary.source!.hook.layer}, p ${dictionary.percentile ?? "unknown"}).`;
}

function answer(result: MonitorResult, falseAlarms: number): string {
  const { handle, onOthers, asked } = result;
  const ood = oodAnswer(result, falseAlarms);
  if (!handle || !onOthers) return `${ood} There is no alarm for refusal without a chat template.`;
  if (asked && (asked.refused === 0 || asked.refused === asked.total)) {
    return `${ood} Whether regions tell refusal could not be asked: the model refuses ${
      asked.refused === 0 ? "none" : "all"
    } of the ${asked.total} instructions.`;
  }
  if (onOthers.refused === 0) {
    return `${ood} How often the regions of refusal are raised could not be asked: the model refuses none of the ` +
      `${onOthers.answered} other instructions.`;
  }
  if (handle.regions.size === 0) return `${ood} No region tells refused instructions from others.`;
  return `${ood} The regions of refusal are raised by ${percent(onOthers.sensitivity)} of ${onOthers.refused} other ` +
    `instructions that the model refuses and by ${
      percent(onOthers.falseAlarms)
    } of ${onOthers.answered} that it answers.`;
}

function refusalBlocks({ tried, handle }: MonitorResult): (OutcomeBlock | undefined | false)[] {
  if (!handle) return [textBlock("The prompts are read without a chat template, so there is no refusal to tell.")];
  const { regions, occupied, accuracy } = handle;
  return [
    textBlock(
      `${regions.size} of ${occupied} regions that hold final tokens of instructions hold more refused ones than their ` +
        `share. Balanced accuracy on the instructions they were found with: ${figure(accuracy)}, where 0.5 is chance.`,
    ),
    tried.length > 0 &&
    tableBlock(
      rowTable(TRIED, tried),
      "What was tried. The setting was chosen on the instructions that the dictionaries were built on, so its own accuracy " +
        "here flatters it; the answer's figures are of others.",
    ),
  ];
}

/** What went by, in a sentence. */
export function streamText({ prompts, unreadable, alarms, seconds, memory }: Watched): string {
  if (prompts === 0) return "No prompts came on standard input.";
  const counts = [...alarms].map(([alarm, count]) => `${formatNumber(count)} raised ${alarm}`).join(", ");
  const [early, late] = [earlyOf(memory), memory.at(-1)!];
  return `${formatNumber(prompts)} prompts in ${formatNumber(seconds, 3)} s; ${counts || "none raised an alarm"}; ` +
    `${formatNumber(unreadable)} could not be read. Memory was ${
      formatNumber(Math.round(early.mebibytes))
    } MiB after ` +
    `${formatNumber(early.prompts)} prompts and ${formatNumber(Math.round(late.mebibytes))} MiB at the end.`;
}

/** The last sample of the stream's first eighth, or the first of all. */
function earlyOf(memory: Watched["memory"]) {
  const end = memory.at(-1)!.prompts;
  return memory.findLast(({ prompts }) => prompts <= end / 8) ?? memory[0];
}

function findings({ dictionary, threshold, rates, handle, onOthers, watched }: MonitorResult, falseAlarms: number) {
  const mean = (set: string) => raised(rates, set, falseAlarms).mean("alarms");
  return {
    layer: dictionary.source!.hook.layer,
    hook: dictionary.source!.hook.at,
    percentile: dictionary.percentile ?? null,
    regions: dictionary.size,
    distance_alarm: threshold,
    false_alarm_rate_wanted: falseAlarms,
    false_alarm_rate: mean(HELD_OUT),
    false_alarm_rate_by_seed: raised(rates, HELD_OUT, falseAlarms).values("alarms"),
    alarm_rate_bulgarian: mean("Bulgarian"),
    alarm_rate_shuffled: mean(SHUFFLED),
    alarm_rate_harmless: mean("harmless instructions"),
    alarm_rate_harmful: mean("harmful instructions"),
    refusal_regions: handle ? [...handle.regions] : null,
    refusal_accuracy_build: handle?.accuracy ?? null,
    refusal_sensitivity: onOthers?.sensitivity ?? null,
    refusal_false_alarm_rate: onOthers?.falseAlarms ?? null,
    prompts: watched.prompts,
    unreadable: watched.unreadable,
    alarms: Object.fromEntries(watched.alarms),
    prompts_per_second: watched.prompts / watched.seconds,
    memory_early_mebibytes: earlyOf(watched.memory).mebibytes,
    memory_late_mebibytes: watched.memory.at(-1)!.mebibytes,
  };
}
