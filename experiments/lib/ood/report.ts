/** What the distances of in- and out-of-distribution prompts leave to look at: table, charts, report, findings. */
import { formatNumber } from "../../../src/report/mod.ts";
import type { Run } from "../../../src/run/experiment.ts";
import type { Flags } from "../../../src/run/command/flags.ts";
import { aurocChart, distanceChart, distributionChart } from "./charts.ts";
import { type Measured, PROMPT_SETS, type PromptSet } from "./measure.ts";
import { gapOf, nearerIn, type NumberField, Setting } from "./setting.ts";
import { columns, detailTable, detectionTable, distanceTable, summaryRows } from "./tables.ts";
import { printTable } from "../../../src/run/terminal/print.ts";
import { comparableModel, publishedOod } from "../published.ts";

const QUESTION = "Does the distance to the nearest exemplar tell what the dictionary's corpus did not have?";

/** Writes everything below `run.out`, prints the figures of every setting, and says where the report is. */
export async function reportOod<F extends Flags>(run: Run<F>, measured: readonly Measured[]): Promise<void> {
  const { save, manifest, flags } = run;
  const layers = [...new Set(measured.map(({ layer }) => layer))];
  const percentiles = [...new Set(measured.map(({ percentile }) => percentile))];
  const settings = layers.flatMap((layer) => percentiles.map((percentile) => new Setting(measured, layer, percentile)));
  // The setting of the plain figures is the middle of the sweep, whatever came out.
  const shown = new Setting(measured, layers[layers.length >> 1], percentiles[percentiles.length >> 1]);

  await save.table("distances", columns(measured));
  const regions = measured.filter(({ kind }) => kind === "regions");
  Object.assign(manifest.findings, findings(settings, shown, layers, percentiles));

  const seeds = new Set(measured.map(({ seed }) => seed)).size;
  const published = publishedOod(comparableModel(flags));
  const path = await save.report({
    title: `Out-of-distribution distance in ${flags.model}`,
    question: QUESTION,
    answer: answer(settings, shown),
    sections: [
      ...(published ? [{ heading: "Published", blocks: [{ text: published }] }] : []),
      {
        heading: "Distance",
        blocks: [
          await save.chart(
            "distances",
            distanceChart(regions),
            `Mean distance to the nearest exemplar by p, a panel a block. Dots are seeds (${seeds}), lines ` +
              `their means, the dashed line is θ.`,
          ),
          { table: distanceTable(settings), caption: "Means over activations and seeds; K is the number of regions." },
          await save.chart(
            "distribution",
            distributionChart(regions.filter((row) => shown.has(row))),
            `Distances of activations at ${shown.name}, seeds pooled. The dashed line is θ.`,
          ),
          { table: detailTable(shown), caption: `Both kinds of exemplars at ${shown.name}, means over seeds.` },
        ],
      },
      {
        heading: "Detection",
        blocks: [
          await save.chart(
            "auroc",
            aurocChart(measured),
            "How well the distance of one activation tells it from held-out text: the dictionary's exemplars, " +
              "and as many random activations (coreset). Dots are seeds, lines their means; 0.5 is chance.",
          ),
          {
            table: detectionTable(settings),
            caption:
              "AUROC and true positive rate at 1 % false positives (TPR) by activation, and AUROC of whole prompts " +
              "by the mean distance of their activations; means over seeds.",
          },
        ],
      },
    ],
  });
  printTable(summaryRows(settings));
  console.log(`\n${answer(settings, shown)}\n\nReport: ${path}`);
}

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
