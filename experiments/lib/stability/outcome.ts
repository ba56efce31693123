/** What the regions of several stream orders, plain and after remedies, say. */
import { FIFTHS, STABILITY_VARIANTS, type StabilityVariant } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  exceeds,
  figure,
  headed,
  middleOf,
  type NumericKey,
  rangeText,
  recordTable,
  resultTable,
  rowTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { failedText } from "../failed_settings.ts";
import { comparableModel, publishedStability } from "../published.ts";
import { densityChart, quintilesChart, variantsChart } from "./charts.ts";
import { CHANCE, REGION, regionRows, VARIANT, type VariantRow } from "./rows.ts";

type VariantSetting = Setting<VariantRow, "layer" | "percentile">;
type VariantFigure = NumericKey<VariantRow>;

/** Tables, charts, findings and the answer. */
export function stabilityOutcome(
  flags: CommonFlags,
  rows: readonly VariantRow[],
  failed: readonly FailedSetting[],
): Outcome {
  const sweep = new Sweep(rows);
  // The middle of the list, whatever came out.
  const shown = middleOf(sweep.settings);
  const { percentile } = shown.key;
  return {
    title: `Stability of regions of ${flags.model}`,
    answer: answer(sweep, shown),
    findings: { ...findings(sweep, shown), failed_settings: failed.length },
    tables: { regions: resultTable(REGION, regionRows(rows)), variants: resultTable(VARIANT, rows) },
    sections: [
      {
        heading: "Does D tell which regions come back?",
        blocks: [
          textBlock(publishedStability(comparableModel(flags))),
          chartBlock(
            "quintiles",
            quintilesChart(rows),
            "Mean matched cosine of mean directions by fifths of D. Points are orders, lines their means; dashed: " +
              "the same dictionaries matched with the others rotated at random.",
          ),
          chartBlock(
            "density",
            densityChart(shown.where({ seed: rows[0].seed }).rows),
            `Regions at ${shown.name}, one order.`,
          ),
          tableBlock(
            settingTable(sweep),
            "Means over orders. Range: of Spearman's correlation over orders. N > 1: without regions of a single member, " +
              "some of which the same activation founds in every order, as all see the same texts. N, c: the correlation of " +
              "matched cosine with members and with coherence alone; chance: with D, others rotated.",
            { printed: true },
          ),
        ],
      },
      {
        heading: "What helps?",
        blocks: [
          chartBlock(
            "variants",
            variantsChart(rows, percentile),
            `Every variant at p ${percentile}: points are orders, ticks their means. Fewer regions, or others, ` +
              "change what chance alone gives: compare absorbing the unstable fifth with absorbing a random fifth, and " +
              "with leaving it out.",
          ),
          tableBlock(variantTable(sweep), "Means over orders.", { printed: true }),
          textBlock(failedText(failed)),
        ],
      },
    ],
  };
}

/** A figure of a variant, the mean over orders. */
const meanAt = (setting: VariantSetting, of: VariantFigure, variant: StabilityVariant = "means") =>
  setting.where({ variant }).mean(of);

const fifthsOf = (setting: VariantSetting, variant: StabilityVariant = "means") =>
  FIFTHS.map((fifth) => meanAt(setting, fifth, variant));

/** Spearman's correlation with D, by order. */
const byOrder = (setting: VariantSetting) => setting.where({ variant: "means" }).values("spearmanDensity");

function answer(sweep: Sweep<VariantRow>, shown: VariantSetting): string {
  const higher = (a: StabilityVariant, b: StabilityVariant) =>
    sweep.tally((setting) => exceeds(meanAt(setting, "matchedCosine", a), meanAt(setting, "matchedCosine", b)));
  const pair = (variant: StabilityVariant) =>
    `${figure(meanAt(shown, "matchedCosine", variant))} (Spearman ${
      figure(meanAt(shown, "spearmanDensity", variant))
    })`;
  const span = (of: VariantFigure) => rangeText(sweep.settings.map((setting) => meanAt(setting, of)));
  const [lowest, , , , highest] = fifthsOf(shown).map(figure);
  const [lowestByChance, , , , highestByChance] = fifthsOf(shown, CHANCE).map(figure);
  const of = sweep.settings.length;
  return [
    `At ${shown.name} a region's D and its matched cosine over ${shown.where({ variant: "means" }).rows.length} stream`,
    `orders have Spearman's correlation ${figure(meanAt(shown, "spearmanDensity"))} (${
      rangeText(byOrder(shown))
    } over orders),`,
    `and the mean matched cosine goes from ${lowest} in the lowest fifth of D to ${highest} in the highest; with the other`,
    `orders rotated at random the correlation is ${
      figure(meanAt(shown, "spearmanDensity", CHANCE))
    }, from ${lowestByChance}`,
    `to ${highestByChance}.`,
    ...(of === 1 ? [] : [`Over all ${of} settings of layer and p the correlation is ${span("spearmanDensity")}.`]),
    `With members alone it is ${span("spearmanMembers")}, with coherence alone ${
      span("spearmanCoherence")
    }, with D among`,
    `regions of two or more members ${span("spearmanPlural")}.`,
    `Exemplars come back at a mean cosine of ${pair("exemplars")} at ${shown.name}; re-anchored ones at`,
    `${pair("exemplars, re-anchored")}, higher ${higher("exemplars, re-anchored", "exemplars")};`,
    `those replaced while growing at ${pair("exemplars, replaced while growing")}, higher than plain ones`,
    `${higher("exemplars, replaced while growing", "exemplars")}.`,
    `Mean directions come back at ${pair("means")}, and where exemplars were replaced while growing at`,
    `${pair("means, replaced while growing")}, higher ${higher("means, replaced while growing", "means")}.`,
    `Absorbing the fifth of lowest D into its neighbours gives ${pair("means, unstable fifth absorbed")},`,
    `leaving it out ${pair("means, unstable fifth left out")}, absorbing a random fifth`,
    `${pair("means, random fifth absorbed")}: absorbing beats leaving out`,
    `${higher("means, unstable fifth absorbed", "means, unstable fifth left out")}, and absorbing a random fifth`,
    `${higher("means, unstable fifth absorbed", "means, random fifth absorbed")}.`,
  ].join(" ");
}

/** What D tells, a row a setting. */
function settingTable(sweep: Sweep<VariantRow>) {
  return recordTable(sweep.settings.map((setting) => {
    const [lowest, , , , highest] = fifthsOf(setting, CHANCE);
    return {
      ...headed(VARIANT, {
        ...setting.key,
        regions: Math.round(meanAt(setting, "regions")!),
        matchedCosine: meanAt(setting, "matchedCosine"),
        spearmanDensity: meanAt(setting, "spearmanDensity"),
      }),
      range: rangeText(byOrder(setting)),
      ...headed(VARIANT, {
        spearmanPlural: meanAt(setting, "spearmanPlural"),
        spearmanMembers: meanAt(setting, "spearmanMembers"),
        spearmanCoherence: meanAt(setting, "spearmanCoherence"),
      }),
      chance: meanAt(setting, "spearmanDensity", CHANCE),
      ...headed(VARIANT, Object.fromEntries(fifthsOf(setting).map((cosine, i) => [FIFTHS[i], cosine]))),
      "chance Q1": lowest,
      "chance Q5": highest,
    };
  }));
}

/** How each variant comes back, a row a setting and variant. */
function variantTable(sweep: Sweep<VariantRow>) {
  const figures = ["regions", "matchedCosine", "spearmanDensity", "q1", "q5"] as const;
  const means = sweep.settings.flatMap((setting) =>
    STABILITY_VARIANTS.map((variant) => {
      const mean = setting.where({ variant }).meanRow(...figures);
      return { ...mean, regions: Math.round(mean.regions) };
    })
  );
  return rowTable(VARIANT, means, ["layer", "percentile", "variant", ...figures]);
}

/** Plain figures are of the setting that is shown; arrays by setting are in the order of `settings`. */
function findings(sweep: Sweep<VariantRow>, shown: VariantSetting): Outcome["findings"] {
  const bySetting = (of: VariantFigure, variant?: StabilityVariant) =>
    sweep.settings.map((setting) => meanAt(setting, of, variant));
  return {
    ...shown.key,
    settings: sweep.settings.map(({ key }) => key),
    orders: shown.where({ variant: "means" }).rows.length,
    spearman_density: meanAt(shown, "spearmanDensity"),
    spearman_density_by_order: byOrder(shown),
    spearman_density_by_setting: bySetting("spearmanDensity"),
    spearman_density_chance: meanAt(shown, "spearmanDensity", CHANCE),
    spearman_density_plural: meanAt(shown, "spearmanPlural"),
    spearman_density_plural_by_setting: bySetting("spearmanPlural"),
    spearman_members: meanAt(shown, "spearmanMembers"),
    spearman_coherence: meanAt(shown, "spearmanCoherence"),
    matched_cosine_by_quintile: fifthsOf(shown),
    matched_cosine_by_quintile_chance: fifthsOf(shown, CHANCE),
    regions_by_setting: bySetting("regions"),
    variants: Object.fromEntries(STABILITY_VARIANTS.map((variant) => [variant, {
      regions: meanAt(shown, "regions", variant),
      matched: meanAt(shown, "matchedCosine", variant),
      spearman: meanAt(shown, "spearmanDensity", variant),
      spearmanCount: meanAt(shown, "spearmanMembers", variant),
      spearmanCoherence: meanAt(shown, "spearmanCoherence", variant),
      spearmanPlural: meanAt(shown, "spearmanPlural", variant),
      quintiles: fifthsOf(shown, variant),
      matched_by_setting: bySetting("matchedCosine", variant),
      spearman_by_setting: bySetting("spearmanDensity", variant),
    }])),
  };
}
