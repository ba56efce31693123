/** What a monitor leaves to look at: how good its alarms are, and what went by. */
import type { Dictionary } from "../../../src/partition/mod.ts";
import { type Block, formatNumber, formatShare, meanOfAll as meanOf } from "../../../src/report/mod.ts";
import type { CommonFlags, Flags, Run } from "../../../src/run/mod.ts";
import type { AlarmRate, Scores } from "./alarms.ts";
import { alarmChart, memoryChart } from "./charts.ts";
import type { TriedSetting } from "./dictionary.ts";
import type { HandleRates, RefusalHandle } from "./handle.ts";
import { alarmColumns, memoryColumns, settingColumns } from "./tables.ts";
import { HELD_OUT } from "./texts.ts";
import type { Watched } from "./watch.ts";

/** What came of setting up and watching. */
export interface MonitorResult {
  readonly dictionary: Dictionary;
  /** What was tried; empty where the dictionary was given. */
  readonly settings: readonly TriedSetting[];
  /** Mean distance above which the alarm is raised. */
  readonly threshold: number;
  readonly scores: Scores;
  readonly rates: readonly AlarmRate[];
  /** Absent without a chat template. */
  readonly handle?: RefusalHandle;
  /** The handle on instructions that it was not made from. */
  readonly onOthers?: HandleRates;
  readonly watched: Watched;
}

type MonitorRun<F extends Flags> = Run<F> & { readonly flags: CommonFlags & { readonly falseAlarms: number } };

/** Writes everything below `run.out`; says nothing on standard output, which is the verdicts'. */
export async function reportMonitor<F extends Flags>(run: MonitorRun<F>, result: MonitorResult): Promise<void> {
  const { save, manifest, progress, flags } = run;
  const { rates, settings, watched, dictionary } = result;
  await save.table("alarms", alarmColumns(rates));
  await save.table("memory", memoryColumns(watched));
  if (settings.length > 0) await save.table("settings", settingColumns(settings));
  Object.assign(manifest.findings, findings(result, flags.falseAlarms));

  const text = answer(result, flags.falseAlarms);
  const seeds = new Set(rates.map(({ seed }) => seed)).size;
  const path = await save.report({
    title: `Monitor of ${flags.model}`,
    question: "Can a dictionary tell which prompts are unlike its corpus, and which the model will refuse?",
    answer: text,
    sections: [
      {
        heading: "Unlike the corpus",
        blocks: [
          await save.chart(
            "alarms",
            alarmChart(rates),
            `Share of prompts that raise the alarm against the false-alarm rate it is set for, on a random half of ` +
              `the held-out text; the other half is what the line "${HELD_OUT}" shows, and it should lie on the dashed ` +
              `line. Bands span ${seeds} random halves.`,
          ),
          {
            table: {
              columns: ["prompts", "number", "mean distance", "alarms", "smallest", "largest"],
              rows: [...result.scores].map(([set, distances]) => {
                const shares = sharesAt(rates, set, flags.falseAlarms);
                return [set, distances.length, rounded(meanOf(distances)), ...spread(shares)];
              }),
            },
            caption:
              `At a false-alarm rate of ${flags.falseAlarms}: share of prompts that raise the alarm, mean and range ` +
              `over ${seeds} random halves.`,
          },
        ],
      },
      { heading: "Refusal", blocks: refusalBlocks(result) },
      {
        heading: "The stream",
        blocks: [
          { text: streamText(result) },
          ...(watched.memory.length > 1
            ? [await save.chart("memory", memoryChart(watched.memory), "Memory of the process against prompts read.")]
            : []),
        ],
      },
    ],
  });
  progress.log(`${text}\n${streamText(result)}\nReport: ${path}`);
  dictionary.dispose();
}

function answer({ rates, onOthers, handle, dictionary }: MonitorResult, falseAlarms: number): string {
  const at = (set: string) => formatShare(meanOf(sharesAt(rates, set, falseAlarms)));
  const others = [...new Set(rates.map(({ set }) => set))].filter((set) => set !== HELD_OUT);
  const where = `block ${dictionary.source!.hook.layer}, p ${dictionary.percentile ?? "unknown"}`;
  const ood =
    `With the alarm set for ${formatShare(falseAlarms)} of false alarms, ${at(HELD_OUT)} of held-out prompts raise ` +
    `it, and ${
      others.map((set) => `${at(set)} of ${set === "its words shuffled" ? "the same with shuffled words" : set}`)
        .join(", ")
    } (${where}).`;
  if (!onOthers || !handle) return `${ood} There is no alarm for refusal without a chat template.`;
  if (handle.regions.size === 0) return `${ood} No region tells refused instructions from others.`;
  return `${ood} The regions of refusal are raised by ${
    formatShare(onOthers.sensitivity)
  } of ${onOthers.refused} other ` +
    `instructions that the model refuses and by ${
      formatShare(onOthers.falseAlarms)
    } of ${onOthers.answered} that it answers.`;
}

function refusalBlocks({ settings, handle }: MonitorResult): Block[] {
  if (!handle) return [{ text: "The prompts are read without a chat template, so there is no refusal to tell." }];
  const text =
    `${handle.regions.size} of ${handle.occupied} regions that hold final tokens of instructions hold more ` +
    `refused ones than their share. Balanced accuracy on the instructions they were found with: ` +
    `${formatNumber(handle.accuracy, 3)}, where 0.5 is chance.`;
  if (settings.length === 0) return [{ text }];
  return [{ text }, {
    table: {
      columns: ["block", "p", "θ", "regions", "hold final tokens", "balanced accuracy", "chosen"],
      rows: settings.map(({ layer, percentile, threshold, regions, occupied, accuracy, chosen }) => [
        ...[layer, percentile, rounded(threshold), orNull(regions), orNull(occupied), orNull(rounded(accuracy))],
        chosen,
      ]),
    },
    caption:
      "What was tried. The setting was chosen on the instructions that the dictionaries were built on, so its own " +
      "accuracy here flatters it; the answer's figures are of others.",
  }];
}

function streamText({ watched }: MonitorResult): string {
  const { prompts, unreadable, alarms, seconds, memory } = watched;
  if (prompts === 0) return "No prompts came on standard input.";
  const raised = [...alarms].map(([alarm, count]) => `${formatNumber(count)} raised ${alarm}`).join(", ");
  const [early, late] = [earlyOf(memory), memory.at(-1)!];
  return `${formatNumber(prompts)} prompts in ${formatNumber(seconds, 3)} s; ${raised || "none raised an alarm"}; ` +
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
  const mean = (set: string) => meanOf(sharesAt(rates, set, falseAlarms));
  return {
    layer: dictionary.source!.hook.layer,
    hook: dictionary.source!.hook.at,
    percentile: dictionary.percentile ?? null,
    regions: dictionary.size,
    distance_alarm: threshold,
    false_alarm_rate_wanted: falseAlarms,
    false_alarm_rate: mean(HELD_OUT),
    false_alarm_rate_by_seed: sharesAt(rates, HELD_OUT, falseAlarms),
    alarm_rate_bulgarian: mean("Bulgarian"),
    alarm_rate_shuffled: mean("its words shuffled"),
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

/** Shares of alarms of a set at a false-alarm rate, by seed. */
function sharesAt(rates: readonly AlarmRate[], set: string, rate: number): number[] {
  return rates.filter((row) => row.set === set && row.rate === rate).map(({ alarms }) => alarms);
}

function spread(shares: readonly number[]): [number, number, number] {
  return [rounded(meanOf(shares)), rounded(Math.min(...shares)), rounded(Math.max(...shares))];
}

const rounded = (value: number) => Math.round(value * 1e4) / 1e4;
const orNull = (value: number) => Number.isNaN(value) ? null : value;
