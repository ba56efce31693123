/** Columns of a monitor's tables. */
import { type TableColumn, wholeColumn as whole } from "../../../src/report/mod.ts";
import type { AlarmRate } from "./alarms.ts";
import type { TriedSetting } from "./dictionary.ts";
import type { Watched } from "./watch.ts";

/** A row a set, rate and seed. */
export function alarmColumns(rates: readonly AlarmRate[]): TableColumn[] {
  return [
    { name: "set", values: rates.map(({ set }) => set), description: "the prompts" },
    { name: "rate", values: rates.map(({ rate }) => rate), description: "false-alarm rate that the alarm is set for" },
    whole("seed", rates.map(({ seed }) => seed), "of the half that sets it"),
    { name: "alarms", values: rates.map(({ alarms }) => alarms), description: "share of prompts that raise it, 0..1" },
  ];
}

/** A row a sample. */
export function memoryColumns({ memory }: Watched): TableColumn[] {
  return [
    { name: "prompts", values: memory.map(({ prompts }) => prompts), description: "read so far" },
    { name: "mebibytes", values: memory.map((row) => row.mebibytes), description: "resident memory of the process" },
  ];
}

/** A row a layer and percentile that was tried. */
export function settingColumns(settings: readonly TriedSetting[]): TableColumn[] {
  const of = <K extends keyof TriedSetting>(field: K) => settings.map((row) => row[field]);
  return [
    whole("layer", of("layer"), "block that is read, at the hook of the run"),
    { name: "percentile", values: of("percentile"), description: "p, 0..100" },
    { name: "threshold", values: of("threshold"), description: "θ, cosine distance" },
    { name: "regions", values: of("regions"), description: "number of regions; NaN where θ is too small for any" },
    { name: "occupied", values: of("occupied"), description: "regions that hold final tokens of instructions" },
    { name: "accuracy", values: of("accuracy"), description: "balanced accuracy of refusal on the build instructions" },
    { name: "chosen", values: of("chosen"), description: "whether it watched" },
  ];
}
