/** What the distances of in- and out-of-distribution prompts leave to look at: table, charts, report, findings. */
import { type Cell, formatNumber, saveChart, saveTable, type TableColumn, writeReport } from "../../src/report/mod.ts";
import type { Run } from "./cli.ts";
import type { Flags } from "./flags.ts";
import { aurocChart, distanceChart, distributionChart } from "./ood_charts.ts";
import { type Measured, PROMPT_SETS, type PromptSet } from "./ood_measure.ts";
import { printTable } from "./print.ts";
import { publishedOod } from "./published.ts";
import { meanOf } from "./settings.ts";

const QUESTION = "Does the distance to the nearest exemplar tell what the dictionary's corpus did not have?";

/** Writes everything below `run.out`, prints the figures of every setting, and says where the report is. */
export async function reportOod<F extends Flags>(run: Run<F>, measured: readonly Measured[]): Promise<void> {
  const { out, manifest, flags } = run;
  const layers = [...new Set(measured.map(({ layer }) => layer))];
  const percentiles = [...new Set(measured.map(({ percentile }) => percentile))];
  const settings = layers.flatMap((layer) => percentiles.map((percentile) => new Setting(measured, layer, percentile)));
  // The setting of the plain figures is the middle of the sweep, whatever came out.
  const shown = new Setting(measured, layers[layers.length >> 1], percentiles[percentiles.length >> 1]);

  await saveTable(out, "distances", columns(measured));
  const regions = measured.filter(({ kind }) => kind === "regions");
  const charts = {
    distances: await saveChart(out, "distances", distanceChart(regions)),
    auroc: await saveChart(out, "auroc", aurocChart(measured)),
    distribution: await saveChart(out, "distribution", distributionChart(regions.filter((row) => shown.has(row)))),
  };
  for (const name of Object.keys(charts)) manifest.outputs.push(`${name}.vl.json`, `${name}.svg`, `${name}.png`);
  manifest.outputs.push("distances.arrow", "report.html", "run.json");
  Object.assign(manifest.findings, findings(settings, shown, layers, percentiles));

  const seeds = new Set(measured.map(({ seed }) => seed)).size;
  const published = publishedOod(flags.model);
  const path = await writeReport(out, {
    title: `Out-of-distribution distance in ${flags.model}`,
    question: QUESTION,
    answer: answer(settings, shown),
    sections: [
      ...(published ? [{ heading: "Published", blocks: [{ text: published }] }] : []),
      {
        heading: "Distance",
        blocks: [
          {
            chart: charts.distances,
            caption: `Mean distance to the nearest exemplar by p, a panel a block. Dots are seeds (${seeds}), lines ` +
              `their means, the dashed line is θ.`,
          },
          { table: distanceTable(settings), caption: "Means over activations and seeds; K is the number of regions." },
          {
            chart: charts.distribution,
            caption: `Distances of activations at ${shown.name}, seeds pooled. The dashed line is θ.`,
          },
          { table: detailTable(shown), caption: `Both kinds of exemplars at ${shown.name}, means over seeds.` },
        ],
      },
      {
        heading: "Detection",
        blocks: [
          {
            chart: charts.auroc,
            caption:
              "How well the distance of one activation tells it from held-out text: the dictionary's exemplars, " +
              "and as many random activations (coreset). Dots are seeds, lines their means; 0.5 is chance.",
          },
          {
            table: detectionTable(settings),
            caption:
              "AUROC and true positive rate at 1 % false positives (TPR) by activation, and AUROC of whole prompts " +
              "by the mean distance of their activations; means over seeds.",
          },
        ],
      },
    ],
    run: manifest.record(),
  });
  printTable(summaryRows(settings));
  console.log(`\n${answer(settings, shown)}\n\nReport: ${path}`);
}

/** One layer and percentile: its figures, as means over seeds. */
class Setting {
  readonly #rows: readonly Measured[];

  constructor(measured: readonly Measured[], readonly layer: number, readonly percentile: number) {
    this.#rows = measured.filter((row) => this.has(row));
  }

  get name(): string {
    return `block ${this.layer}, p ${this.percentile}`;
  }

  has({ layer, percentile }: Pick<Measured, "layer" | "percentile">): boolean {
    return layer === this.layer && percentile === this.percentile;
  }

  /** A figure of every seed, in one order whatever the figure. */
  seeds(field: NumberField, set: PromptSet, kind: Measured["kind"] = "regions"): number[] {
    return this.#rows.filter((row) => row.set === set && row.kind === kind).map((row) => row[field]);
  }

  mean(field: NumberField, set: PromptSet, kind: Measured["kind"] = "regions"): number {
    return meanOf(this.seeds(field, set, kind));
  }
}

type NumberField = { [K in keyof Measured]: Measured[K] extends number ? K : never }[keyof Measured];

function answer(settings: readonly Setting[], shown: Setting): string {
  const nearer = (a: PromptSet, b: PromptSet) => {
    const pairs = settings.flatMap((setting) => {
      const others = setting.seeds("mean", b);
      return setting.seeds("mean", a).map((distance, i) => distance < others[i]);
    });
    return `${pairs.filter(Boolean).length} of ${pairs.length}`;
  };
  const beaten = (set: PromptSet) =>
    settings.filter((setting) => setting.mean("auroc", set, "coreset") > setting.mean("auroc", set)).length;
  const figure = (set: PromptSet, field: NumberField = "auroc") =>
    `${share(shown.mean(field, set))} for ${set} (coreset ${share(shown.mean(field, set, "coreset"))})`;
  const all = settings.length;
  const distances = PROMPT_SETS.map((set) => `${share(shown.mean("mean", set))} (${set})`).join(", ");
  return [
    "Held-out text lies nearer to the exemplars than Bulgarian in",
    `${nearerIn(settings, "Bulgarian")} of ${all} settings of layer and p, and nearer than random tokens in`,
    `${nearerIn(settings, "random tokens")} (means over seeds; of single dictionaries in`,
    `${nearer("held-out", "Bulgarian")} and ${nearer("held-out", "random tokens")}).`,
    `At ${shown.name} the mean distances are ${distances}.`,
    `Bulgarian lies farther than random tokens in ${nearer("random tokens", "Bulgarian")} dictionaries.`,
    `The AUROC of one activation's distance at ${shown.name} is`,
    `${figure("Bulgarian")} and ${figure("random tokens")};`,
    `that of a whole prompt's mean distance is`,
    `${figure("Bulgarian", "promptAuroc")} and ${figure("random tokens", "promptAuroc")}.`,
    "For single activations the coreset, as many random activations, does better in",
    `${beaten("Bulgarian")} of ${all} settings for Bulgarian, in ${beaten("random tokens")} for random tokens and in`,
    `${beaten("shuffled")} for shuffled text.`,
  ].join(" ");
}

const share = (value: number) => formatNumber(value, 3);
const rounded = (value: number) => Math.round(value * 1e4) / 1e4;

function tableOf(rows: readonly Readonly<Record<string, Cell>>[]) {
  return { columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)) };
}

const where = ({ layer, percentile }: Setting) => ({ block: layer, p: percentile });

function distanceTable(settings: readonly Setting[]) {
  return tableOf(settings.map((setting) => ({
    ...where(setting),
    K: Math.round(setting.mean("exemplars", "held-out")),
    "θ": rounded(setting.mean("threshold", "held-out")),
    ...Object.fromEntries(PROMPT_SETS.map((set) => [set, rounded(setting.mean("mean", set))])),
    "random − held-out": rounded(gapOf(setting)),
    ...Object.fromEntries(PROMPT_SETS.map((set) => [`within θ: ${set}`, rounded(setting.mean("within", set))])),
  })));
}

/** Settings in which held-out text is nearer than another set, in mean over seeds. */
function nearerIn(settings: readonly Setting[], set: PromptSet): number {
  return settings.filter((setting) => setting.mean("mean", "held-out") < setting.mean("mean", set)).length;
}

/** How much farther random tokens lie than held-out text, in mean distance. */
function gapOf(setting: Setting): number {
  return setting.mean("mean", "random tokens") - setting.mean("mean", "held-out");
}

function detailTable(setting: Setting) {
  const fields = ["mean", "median", "p90", "p99", "within", "auroc", "tpr", "promptAuroc", "promptTpr"] as const;
  return tableOf((["regions", "coreset"] as const).flatMap((kind) =>
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

function detectionTable(settings: readonly Setting[]) {
  return tableOf(settings.flatMap((setting) =>
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

function summaryRows(settings: readonly Setting[]) {
  return settings.map((setting) => ({
    ...where(setting),
    K: Math.round(setting.mean("exemplars", "held-out")),
    ...Object.fromEntries(PROMPT_SETS.map((set) => [set, rounded(setting.mean("mean", set))])),
    ...detection(setting, "regions", "AUROC", "auroc"),
    "coreset, random tokens": rounded(setting.mean("auroc", "random tokens", "coreset")),
  }));
}

/** Arrays are by layer, then by percentile; plain numbers are of the setting that is shown. */
function findings(
  settings: readonly Setting[],
  shown: Setting,
  layers: readonly number[],
  percentiles: readonly number[],
) {
  const figure = (name: string, field: NumberField, set: PromptSet, kind: Measured["kind"] = "regions") => ({
    [name]: shown.mean(field, set, kind),
    [`${name}_by_layer`]: layers.map((layer) =>
      settings.filter((setting) => setting.layer === layer).map((setting) => setting.mean(field, set, kind))
    ),
  });
  return {
    layer: shown.layer,
    percentile: shown.percentile,
    layers,
    percentiles,
    ...figure("regions", "exemplars", "held-out"),
    ...figure("mean_distance_heldout", "mean", "held-out"),
    ...figure("mean_distance_shuffled", "mean", "shuffled"),
    ...figure("mean_distance_bulgarian", "mean", "Bulgarian"),
    ...figure("mean_distance_random", "mean", "random tokens"),
    settings: settings.length,
    settings_heldout_nearer_than_bulgarian: nearerIn(settings, "Bulgarian"),
    settings_heldout_nearer_than_random: nearerIn(settings, "random tokens"),
    settings_bulgarian_farther_than_random:
      settings.filter((s) => s.mean("mean", "Bulgarian") > s.mean("mean", "random tokens")).length,
    gap_random_by_layer: layers.map((layer) => settings.filter((s) => s.layer === layer).map(gapOf)),
    ...figure("share_within_threshold_heldout", "within", "held-out"),
    ...figure("auroc_shuffled", "auroc", "shuffled"),
    ...figure("auroc_bulgarian", "auroc", "Bulgarian"),
    ...figure("auroc_random", "auroc", "random tokens"),
    ...figure("auroc_shuffled_coreset", "auroc", "shuffled", "coreset"),
    ...figure("auroc_bulgarian_coreset", "auroc", "Bulgarian", "coreset"),
    ...figure("auroc_random_coreset", "auroc", "random tokens", "coreset"),
    ...figure("auroc_prompt_bulgarian", "promptAuroc", "Bulgarian"),
    ...figure("auroc_prompt_random", "promptAuroc", "random tokens"),
    ...figure("tpr_bulgarian", "tpr", "Bulgarian"),
    ...figure("tpr_random", "tpr", "random tokens"),
  };
}

function columns(measured: readonly Measured[]): TableColumn[] {
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
    { name: "seed", type: "int32", values: of("seed"), description: "of stream order, prompts, random ids, coreset" },
    { name: "layer", type: "int32", values: of("layer"), description: "block whose output is read" },
    { name: "percentile", values: of("percentile"), description: "p, 0..100" },
    { name: "kind", values: of("kind"), description: "regions: a dictionary's exemplars; coreset: random activations" },
    { name: "exemplars", type: "int32", values: of("exemplars"), description: "number of exemplars" },
    { name: "set", values: of("set"), description: "the prompts that are scored" },
    { name: "activations", type: "int32", values: of("activations"), description: "activations that are scored" },
    ...numbers.map(([name, field, description]) => ({ name, values: of(field), description })),
  ];
}
