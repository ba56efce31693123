/** Tables of distances to the nearest exemplar. */
import type { TableColumn } from "../../../src/report/mod.ts";
import { whole } from "../../../src/report/columns.ts";
import { type Measured, PROMPT_SETS } from "./measure.ts";
import { reportTable } from "../../../src/run/folder/results.ts";
import { gapOf, type NumberField, type Setting } from "./setting.ts";

const rounded = (value: number) => Math.round(value * 1e4) / 1e4;

const where = ({ layer, percentile }: Setting) => ({ block: layer, p: percentile });

/** Mean distances and shares within θ, a row a setting. */
export function distanceTable(settings: readonly Setting[]) {
  return reportTable(settings.map((setting) => ({
    ...where(setting),
    K: Math.round(setting.mean("exemplars", "held-out")),
    "θ": rounded(setting.mean("threshold", "held-out")),
    ...Object.fromEntries(PROMPT_SETS.map((set) => [set, rounded(setting.mean("mean", set))])),
    "random − held-out": rounded(gapOf(setting)),
    ...Object.fromEntries(PROMPT_SETS.map((set) => [`within θ: ${set}`, rounded(setting.mean("within", set))])),
  })));
}

/** Every figure of one setting, a row a kind of exemplars and set of prompts. */
export function detailTable(setting: Setting) {
  const fields = ["mean", "median", "p90", "p99", "within", "auroc", "tpr", "promptAuroc", "promptTpr"] as const;
  return reportTable((["regions", "coreset"] as const).flatMap((kind) =>
    PROMPT_SETS.map((set) => ({
      exemplars: kind,
      prompts: set,
      ...Object.fromEntries(fields.map((field) => {
        const value = setting.mean(field, set, kind);
        return [field, Number.isNaN(value) ? null : rounded(value)];
      })),
    }))
  ));
}

const SHIFTED = PROMPT_SETS.filter((set) => set !== "held-out");

/** AUROC and TPR, a row a setting and kind of exemplars. */
export function detectionTable(settings: readonly Setting[]) {
  return reportTable(settings.flatMap((setting) =>
    (["regions", "coreset"] as const).map((kind) => ({
      ...where(setting),
      exemplars: kind,
      ...detection(setting, kind, "AUROC", "auroc"),
      ...detection(setting, kind, "TPR", "tpr"),
      ...detection(setting, kind, "AUROC of prompts,", "promptAuroc"),
    }))
  ));
}

function detection(setting: Setting, kind: Measured["kind"], name: string, field: NumberField) {
  return Object.fromEntries(SHIFTED.map((set) => [`${name} ${set}`, rounded(setting.mean(field, set, kind))]));
}

/** What is printed, a row a setting. */
export function summaryRows(settings: readonly Setting[]) {
  return settings.map((setting) => ({
    ...where(setting),
    K: Math.round(setting.mean("exemplars", "held-out")),
    ...Object.fromEntries(PROMPT_SETS.map((set) => [set, rounded(setting.mean("mean", set))])),
    ...detection(setting, "regions", "AUROC", "auroc"),
    "coreset, random tokens": rounded(setting.mean("auroc", "random tokens", "coreset")),
  }));
}

/** Columns of the table that is saved. */
export function columns(measured: readonly Measured[]): TableColumn[] {
  const of = <K extends keyof Measured>(field: K) => measured.map((row) => row[field]);
  const numbers: [string, NumberField, string][] = [
    ["threshold", "threshold", "θ, cosine distance"],
    ["mean", "mean", "mean distance of activations to the nearest exemplar"],
    ["median", "median", "median of it"],
    ["p90", "p90", "90th percentile of it"],
    ["p99", "p99", "99th percentile of it"],
    ["within_threshold", "within", "share of activations within θ, 0..1"],
    ["auroc", "auroc", "of one activation's distance against held-out text's; NaN for held-out text"],
    ["tpr", "tpr", "true positive rate at 1 % false positives, by activation"],
    ["auroc_prompt", "promptAuroc", "AUROC of a prompt's mean distance"],
    ["tpr_prompt", "promptTpr", "true positive rate at 1 % false positives, by prompt"],
  ];
  return [
    whole("seed", of("seed"), "of stream order, prompts, random ids, coreset"),
    whole("layer", of("layer"), "block that is read, at the hook of the run"),
    { name: "percentile", values: of("percentile"), description: "p, 0..100" },
    { name: "kind", values: of("kind"), description: "regions: a dictionary's exemplars; coreset: random activations" },
    whole("exemplars", of("exemplars"), "number of exemplars"),
    { name: "set", values: of("set"), description: "the prompts that are scored" },
    whole("activations", of("activations"), "activations that are scored"),
    ...numbers.map(([name, field, description]) => ({ name, values: of(field), description })),
  ];
}
