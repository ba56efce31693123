/** What the distances of in- and out-of-distribution prompts say. */
import { EXEMPLAR_KINDS, type ExemplarKind } from "../../../src/analysis/mod.ts";
import {
  type Cell,
  difference,
  exceeds,
  type Figure,
  figure,
  headed,
  meanOf,
  meansText,
  recordTable,
  resultTable,
  rowTable,
  type Setting,
  Sweep,
  tallyText,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { comparableModel, publishedOod } from "../published.ts";
import { aurocChart, distanceChart, distributionChart } from "./charts.ts";
import { DISTANCE, type DistanceRow, PROMPT_SETS, type PromptSet } from "./rows.ts";

type DistanceSetting = Setting<DistanceRow, "layer" | "percentile">;

const SHIFTED = PROMPT_SETS.filter((set) => set !== "held-out");

/** A figure of a setting, the mean over seeds. */
const meanAt = (setting: DistanceSetting, of: Figure<DistanceRow>, set: PromptSet, kind: ExemplarKind = "regions") =>
  setting.where({ set, kind }).mean(of);

/** How much farther one set of prompts lies than another, in mean distance. */
const gap = (setting: DistanceSetting, far: PromptSet, near: PromptSet) =>
  difference(meanAt(setting, "mean", far), meanAt(setting, "mean", near));

/** Tables, charts, findings and the answer. */
export function oodOutcome(flags: CommonFlags, rows: readonly DistanceRow[]): Outcome {
  const sweep = new Sweep(rows);
  const shown = sweep.middle;
  const orders = sweep.each("seed").length;
  const ofRegions = rows.filter(({ kind }) => kind === "regions");
  return {
    title: `Out-of-distribution distance in ${flags.model}`,
    answer: answer(sweep, shown),
    findings: findings(sweep, shown),
    tables: { distances: resultTable(DISTANCE, rows) },
    sections: [
      { heading: "Published", blocks: [textBlock(publishedOod(comparableModel(flags)))] },
      {
        heading: "Distance",
        blocks: [
          chartBlock(
            "distances",
            distanceChart(ofRegions),
            "Mean distance to the nearest exemplar by p, a panel a layer; the dashed line is θ. " +
              meansText(orders, "seeds", sweep.each("percentile").length),
          ),
          tableBlock(distanceTable(sweep), "Means over activations and seeds; K is the number of regions."),
          chartBlock(
            "distribution",
            distributionChart(shown.rows.filter(({ kind }) => kind === "regions")),
            `Distances of activations at ${shown.name}, seeds pooled. The dashed line is θ.`,
          ),
          tableBlock(detailTable(shown), `Both kinds of exemplars at ${shown.name}, means over seeds.`),
        ],
      },
      {
        heading: "Detection",
        blocks: [
          chartBlock(
            "auroc",
            aurocChart(rows),
            "How well the distance of one activation tells it from held-out text: the dictionary's exemplars, " +
              `and as many random activations (coreset); 0.5 is chance. ${
                meansText(orders, "seeds", sweep.each("layer").length)
              }`,
          ),
          tableBlock(
            detectionTable(sweep),
            "AUROC and true positive rate at 1 % false positives (TPR) by activation, and AUROC of whole prompts " +
              "by the mean distance of their activations; means over seeds.",
            { printed: true },
          ),
        ],
      },
    ],
  };
}

function answer(sweep: Sweep<DistanceRow>, shown: DistanceSetting): string {
  const nearer = (near: PromptSet, far: PromptSet) => sweep.tally((setting) => exceeds(gap(setting, far, near), 0));
  const isRepeated = sweep.each("seed").length > 1;
  /** In how many single dictionaries. */
  const nearerOnce = (near: PromptSet, far: PromptSet, what: string) => {
    const isNearer = sweep.settings.flatMap((setting) => {
      const others = setting.where({ set: far, kind: "regions" }).values("mean");
      return setting.where({ set: near, kind: "regions" }).values("mean").map((distance, i) => distance < others[i]);
    });
    return tallyText(isNearer.filter(Boolean).length, isNearer.length, what);
  };
  const beaten = (set: PromptSet) =>
    sweep.tally((setting) => exceeds(meanAt(setting, "auroc", set, "coreset"), meanAt(setting, "auroc", set)));
  const both = (set: PromptSet, of: Figure<DistanceRow> = "auroc") =>
    `${figure(meanAt(shown, of, set))} for ${set} (coreset ${figure(meanAt(shown, of, set, "coreset"))})`;
  const distances = PROMPT_SETS.map((set) => `${figure(meanAt(shown, "mean", set))} (${set})`).join(", ");
  return [
    `Held-out text lies nearer to the exemplars than Bulgarian ${nearer("held-out", "Bulgarian")}, and nearer than`,
    `random tokens ${nearer("held-out", "random tokens")}${
      isRepeated
        ? ` (means over seeds; ${nearerOnce("held-out", "Bulgarian", "dictionary of one order")} and ${
          nearerOnce("held-out", "random tokens", "dictionary of one order")
        })`
        : ""
    }.`,
    `At ${shown.name} the mean distances are ${distances}.`,
    `Bulgarian lies farther than random tokens ${nearerOnce("random tokens", "Bulgarian", "dictionary")}.`,
    `The AUROC of one activation's distance at ${shown.name} is`,
    `${both("Bulgarian")} and ${both("random tokens")};`,
    `that of a whole prompt's mean distance is`,
    `${both("Bulgarian", "aurocPrompt")} and ${both("random tokens", "aurocPrompt")}.`,
    "For single activations the coreset, as many random activations, does better",
    `${beaten("Bulgarian")} for Bulgarian, ${beaten("random tokens")} for random tokens and ${beaten("shuffled")} for`,
    "shuffled text.",
  ].join(" ");
}

/** Arrays are by layer, then by percentile; plain numbers are of the setting that is shown. */
function findings(sweep: Sweep<DistanceRow>, shown: DistanceSetting): Outcome["findings"] {
  const both = (name: string, of: Figure<DistanceRow>, set: PromptSet, kind: ExemplarKind = "regions") => ({
    [name]: meanAt(shown, of, set, kind),
    [`${name}_by_layer`]: sweep.by((setting) => meanAt(setting, of, set, kind)),
  });
  return {
    ...shown.key,
    layers: sweep.each("layer"),
    percentiles: sweep.each("percentile"),
    ...both("regions", "exemplars", "held-out"),
    ...both("mean_distance_heldout", "mean", "held-out"),
    ...both("mean_distance_shuffled", "mean", "shuffled"),
    ...both("mean_distance_bulgarian", "mean", "Bulgarian"),
    ...both("mean_distance_random", "mean", "random tokens"),
    settings: sweep.settings.length,
    settings_heldout_nearer_than_bulgarian: sweep.count((setting) => exceeds(gap(setting, "Bulgarian", "held-out"), 0)),
    settings_heldout_nearer_than_random: sweep.count((setting) =>
      exceeds(gap(setting, "random tokens", "held-out"), 0)
    ),
    settings_bulgarian_farther_than_random: sweep.count((setting) =>
      exceeds(gap(setting, "Bulgarian", "random tokens"), 0)
    ),
    gap_random_by_layer: sweep.by((setting) => gap(setting, "random tokens", "held-out")),
    ...both("share_within_threshold_heldout", "withinThreshold", "held-out"),
    ...both("auroc_shuffled", "auroc", "shuffled"),
    ...both("auroc_bulgarian", "auroc", "Bulgarian"),
    ...both("auroc_random", "auroc", "random tokens"),
    ...both("auroc_shuffled_coreset", "auroc", "shuffled", "coreset"),
    ...both("auroc_bulgarian_coreset", "auroc", "Bulgarian", "coreset"),
    ...both("auroc_random_coreset", "auroc", "random tokens", "coreset"),
    ...both("auroc_prompt_bulgarian", "aurocPrompt", "Bulgarian"),
    ...both("auroc_prompt_random", "aurocPrompt", "random tokens"),
    ...both("tpr_bulgarian", "tpr", "Bulgarian"),
    ...both("tpr_random", "tpr", "random tokens"),
  };
}

const where = ({ key: { layer, percentile } }: DistanceSetting) => headed(DISTANCE, { layer, percentile });

/** A figure for each of some sets of prompts, under headings. */
const forEach = <S extends PromptSet>(sets: readonly S[], heading: (set: S) => string, value: (set: S) => Cell) =>
  Object.fromEntries(sets.map((set) => [heading(set), value(set)]));

/** Mean distances and shares within θ, a row a setting. */
function distanceTable(sweep: Sweep<DistanceRow>) {
  return recordTable(sweep.settings.map((setting) => ({
    ...where(setting),
    ...headed(DISTANCE, {
      exemplars: Math.round(meanAt(setting, "exemplars", "held-out")!),
      threshold: meanAt(setting, "threshold", "held-out"),
    }),
    ...forEach(PROMPT_SETS, (set) => set, (set) => meanAt(setting, "mean", set)),
    "random − held-out": gap(setting, "random tokens", "held-out"),
    ...forEach(PROMPT_SETS, (set) => `within θ: ${set}`, (set) => meanAt(setting, "withinThreshold", set)),
  })));
}

/** Every figure of one setting, a row a kind of exemplars and set of prompts. */
function detailTable(setting: DistanceSetting) {
  const rows = EXEMPLAR_KINDS.flatMap((kind) => PROMPT_SETS.map((set) => setting.where({ kind, set })));
  const figures = [
    "mean",
    "median",
    "p90",
    "p99",
    "withinThreshold",
    "auroc",
    "tpr",
    "aurocPrompt",
    "tprPrompt",
  ] as const;
  const means = rows.map((own) => ({
    ...own.rows[0],
    ...Object.fromEntries(figures.map((name) => [name, own.mean(name)])),
  }));
  return rowTable(DISTANCE, means, ["kind", "set", ...figures]);
}

/** AUROC and TPR, a row a setting and kind of exemplars. */
function detectionTable(sweep: Sweep<DistanceRow>) {
  return recordTable(sweep.settings.flatMap((setting) =>
    EXEMPLAR_KINDS.map((kind) => ({
      ...where(setting),
      ...headed(DISTANCE, { kind, exemplars: Math.round(meanOf(setting.where({ kind }).values("exemplars"))!) }),
      ...forEach(SHIFTED, (set) => `AUROC ${set}`, (set) => meanAt(setting, "auroc", set, kind)),
      ...forEach(SHIFTED, (set) => `TPR ${set}`, (set) => meanAt(setting, "tpr", set, kind)),
      ...forEach(SHIFTED, (set) => `AUROC of prompts, ${set}`, (set) => meanAt(setting, "aurocPrompt", set, kind)),
    }))
  ));
}
