/** What `stability` leaves to look at: tables, charts, report, findings. */
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { ofSetting, type SettingKey as Setting } from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { comparableModel, publishedStability } from "../published.ts";
import { densityChart, quintilesChart, variantsChart } from "./charts.ts";
import { answer, CHANCE, figuresOf, meansOf, span } from "./summary.ts";
import { regionColumns, variantColumns } from "./tables.ts";
import { type Measured, type Variant, VARIANTS } from "./variants.ts";

const QUESTION = "Which regions come back in another stream order, does D = log10(N c²) tell them, and what helps?";

/** Everything that was measured. */
export interface StabilityResult {
  readonly rows: readonly Measured[];
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
}

/** Writes everything below `run.out`, prints the figures of every setting, and says where the report is. */
export async function reportStability<F extends Flags>(run: Run<F>, { rows, failed }: StabilityResult): Promise<void> {
  const { save, manifest, flags } = run;
  const layers = distinct(rows.map(({ layer }) => layer));
  const percentiles = distinct(rows.map(({ percentile }) => percentile));
  const settings = layers.flatMap((layer) => percentiles.map((percentile) => ({ layer, percentile })))
    .filter((setting) => ofSetting(rows, setting).length > 0);
  // The setting of the plain figures is the middle of the sweep, whatever came out.
  const shown = settings[settings.length >> 1];
  const first = ofSetting(rows, shown).filter(({ seed }) => seed === rows[0].seed);

  await save.table("regions", regionColumns(rows));
  await save.table("variants", variantColumns(rows));
  Object.assign(manifest.findings, findings(rows, settings, shown, failed.length));

  const text = answer(rows, settings, shown);
  const published = publishedStability(comparableModel(flags));
  const table = settings.map((setting) => settingRow(rows, setting));
  const remedies = settings.flatMap((setting) => VARIANTS.map((variant) => variantRow(rows, setting, variant)));
  const failures = failed.map(({ layer, percentile }) => `block ${layer}, p ${percentile}`).join("; ");
  const path = await save.report({
    title: `Stability of regions of ${flags.model}`,
    question: QUESTION,
    answer: text,
    sections: [
      {
        heading: "Does D tell which regions come back?",
        blocks: [
          ...(published ? [{ text: published }] : []),
          await save.chart(
            "quintiles",
            quintilesChart(rows),
            "Mean matched cosine of mean directions by fifths of D. Points are orders, lines their means; dashed: " +
              "the same dictionaries matched with the others rotated at random.",
          ),
          await save.chart(
            "density",
            densityChart(first),
            `Regions at block ${shown.layer}, p ${shown.percentile}, one order.`,
          ),
          {
            table: reportTable(table),
            caption:
              "Means over orders. Range: of Spearman's correlation over orders. N > 1: without regions of a single member, " +
              "some of which the same activation founds in every order, as all see the same texts. N, c: the correlation of matched " +
              "cosine with members and with coherence alone; chance: with D, others rotated.",
          },
        ],
      },
      {
        heading: "What helps?",
        blocks: [
          await save.chart(
            "variants",
            variantsChart(rows, shown.percentile),
            `Every variant at p ${shown.percentile}: points are orders, ticks their means. Fewer regions, or others, ` +
              "change what chance alone gives: compare absorbing the unstable fifth with absorbing a random fifth, and " +
              "with leaving it out.",
          ),
          { table: reportTable(remedies), caption: "Means over orders." },
          ...(failures ? [{ text: `No dictionary could be made at: ${failures} (threshold 0).` }] : []),
        ],
      },
    ],
  });
  printTable(table);
  console.log();
  printTable(remedies);
  console.log(`\n${text}\n\nReport: ${path}`);
}

function settingRow(rows: readonly Measured[], setting: Setting) {
  const plain = meansOf(rows, setting, "means");
  const orders = figuresOf(rows, setting, "means", ({ spearman }) => spearman);
  return {
    block: setting.layer,
    p: setting.percentile,
    regions: Math.round(plain.regions),
    "matched cosine": rounded(plain.matched),
    Spearman: rounded(plain.spearman),
    range: span(orders),
    "N > 1": rounded(plain.spearmanPlural),
    N: rounded(plain.spearmanCount),
    c: rounded(plain.spearmanCoherence),
    chance: rounded(meansOf(rows, setting, CHANCE).spearman),
    ...Object.fromEntries(plain.quintiles.map((cosine, i) => [`Q${i + 1}`, rounded(cosine)])),
    "chance Q1": rounded(meansOf(rows, setting, CHANCE).quintiles[0]),
    "chance Q5": rounded(meansOf(rows, setting, CHANCE).quintiles[4]),
  };
}

function variantRow(rows: readonly Measured[], setting: Setting, variant: Variant) {
  const { regions, matched, spearman, quintiles } = meansOf(rows, setting, variant);
  return {
    block: setting.layer,
    p: setting.percentile,
    directions: variant,
    regions: Math.round(regions),
    "matched cosine": rounded(matched),
    Spearman: rounded(spearman),
    Q1: rounded(quintiles[0]),
    Q5: rounded(quintiles[4]),
  };
}

/** Plain figures are of the setting that is shown; arrays by setting are in the order of `settings`. */
function findings(rows: readonly Measured[], settings: readonly Setting[], shown: Setting, failed: number) {
  const at = (variant: Variant) => meansOf(rows, shown, variant);
  const bySetting = (variant: Variant, value: (means: ReturnType<typeof meansOf>) => number) =>
    settings.map((setting) => value(meansOf(rows, setting, variant)));
  return {
    layer: shown.layer,
    percentile: shown.percentile,
    settings: settings.map(({ layer, percentile }) => ({ layer, percentile })),
    orders: figuresOf(rows, shown, "means", ({ seed }) => seed).length,
    spearman_density: at("means").spearman,
    spearman_density_by_order: figuresOf(rows, shown, "means", ({ spearman }) => spearman),
    spearman_density_by_setting: bySetting("means", ({ spearman }) => spearman),
    spearman_density_chance: at(CHANCE).spearman,
    spearman_density_plural: at("means").spearmanPlural,
    spearman_density_plural_by_setting: bySetting("means", ({ spearmanPlural }) => spearmanPlural),
    spearman_members: at("means").spearmanCount,
    spearman_coherence: at("means").spearmanCoherence,
    matched_cosine_by_quintile: at("means").quintiles,
    matched_cosine_by_quintile_chance: at(CHANCE).quintiles,
    regions_by_setting: bySetting("means", ({ regions }) => regions),
    variants: Object.fromEntries(VARIANTS.map((variant) => [variant, {
      ...at(variant),
      matched_by_setting: bySetting(variant, ({ matched }) => matched),
      spearman_by_setting: bySetting(variant, ({ spearman }) => spearman),
    }])),
    failed_settings: failed,
  };
}

const distinct = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b);
const rounded = (value: number) => Math.round(value * 1000) / 1000;
