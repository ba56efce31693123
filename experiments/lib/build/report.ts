/** What a build leaves to look at: tables, charts, report, findings. */
import { principalComponents, sphereCells } from "../../../src/analysis/mod.ts";
import type { Discovery } from "../../../src/partition/mod.ts";
import {
  coherenceChart,
  contextText,
  formatNumber,
  growthChart,
  sizeChart,
  voronoiChart,
} from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { comparableModel } from "../published.ts";
import type { BuildResult } from "./result.ts";
import { dictionaryRows, growthRows, regionTable, saveBuildTables } from "./tables.ts";

// Regions that are printed and shown in the report.
const SHOWN = 20;
// The dictionary that is shown is the one of about this many regions: enough to differ, few enough to look at.
const GLANCE = 300;

/** Writes everything below `run.out`, prints the largest regions, and says where the report is. */
export async function reportBuild<F extends Flags>(
  run: Run<F>,
  discovery: Discovery,
  results: readonly BuildResult[],
): Promise<void> {
  const { out, save, manifest, flags } = run;
  await saveBuildTables(save, results);

  const shown = dictionaryToShow(results);
  const largest = shown.regions.toSorted((a, b) => b.count - a.count).slice(0, SHOWN);
  const points = results.flatMap(({ growth: { layer, percentile }, regions }) =>
    regions.map(({ count, coherence }) => ({ layer, percentile, count, coherence }))
  );
  const name = `block ${shown.growth.layer}, p ${shown.growth.percentile}`;
  const partition = shown.regions.length >= 4
    ? [await save.chart("partition", partitionChart(shown), partitionCaption(shown, name))]
    : [];

  Object.assign(manifest.findings, findings(discovery, results, shown));
  const saturated = results.filter((result) => result.growth.saturated);
  const path = await save.report({
    title: `Dictionaries of ${flags.model}`,
    question: "What structure do the model's activations have, at several depths and resolutions?",
    answer: `${formatNumber(discovery.activations)} activations of ${flags.corpus} fall into ` +
      `${range(results.map((result) => result.regions.length))} regions, depending on layer and percentile; ` +
      `${saturated.length} of ${results.length} dictionaries saturated.`,
    sections: [
      { heading: "Dictionaries", blocks: [{ table: reportTable(dictionaryRows(comparableModel(flags), results)) }] },
      {
        heading: "Growth",
        blocks: [
          await save.chart(
            "growth",
            growthChart(growthRows(results)),
            "Regions against activations seen. A line that ends early is saturated.",
          ),
        ],
      },
      {
        heading: "Regions",
        blocks: [
          ...partition,
          await save.chart("sizes", sizeChart(points), "Members of the regions, from the largest on."),
          await save.chart(
            "coherence",
            coherenceChart(points),
            "Coherence of the regions of at least two members: 1 means equal directions.",
          ),
          {
            table: regionTable(largest),
            caption: `The largest regions of ${name}. The marked token is the activation's.`,
          },
        ],
      },
    ],
  });

  printTable(dictionaryRows(comparableModel(flags), results));
  console.log(`\nThe largest regions of ${name}:\n`);
  printTable(largest.map(({ region, count, coherence, lens, nearest }) => ({
    region,
    members: count,
    coherence: Math.round(coherence * 1e3) / 1e3,
    "logit lens": lens.slice(0, 4).map(({ token }) => token.trim()).join(" · "),
    "nearest context": nearest.length ? contextText(nearest[0].excerpt) : "",
  })));
  console.log(`\nReport: ${path}\nDictionaries, tables, charts and run.json are beside it in ${out}.`);
}

/** The dictionary of the middle layer that has about {@linkcode GLANCE} regions. */
function dictionaryToShow(results: readonly BuildResult[]): BuildResult {
  const layers = [...new Set(results.map((result) => result.growth.layer))].sort((a, b) => a - b);
  const middle = layers[layers.length >> 1];
  const off = ({ regions }: BuildResult) => Math.abs(Math.log(regions.length / GLANCE));
  return results.filter((result) => result.growth.layer === middle).reduce((a, b) => off(b) < off(a) ? b : a);
}

function partitionChart({ growth: { dictionary }, regions }: BuildResult) {
  const { scores } = principalComponents(dictionary.means, dictionary.dim, 3);
  const cells = sphereCells(scores).map((cell, i) => ({
    ...cell,
    count: regions[i].count,
    label: regions[i].lens.at(0)?.token.trim() ?? String(i),
  }));
  return voronoiChart(cells);
}

function partitionCaption({ growth: { dictionary }, regions }: BuildResult, name: string): string {
  const { explained } = principalComponents(dictionary.means, dictionary.dim, 3);
  const share = Math.round(100 * explained.reduce((sum, value) => sum + value, 0));
  return `The partition of ${name}, its mean directions projected on their first three principal components ` +
    `(${share} % of the variance) and from there on a sphere. Labels: ` +
    (regions[0].lens.length > 0 ? "first token of the logit lens." : "numbers of the regions.");
}

function findings(discovery: Discovery, results: readonly BuildResult[], shown: BuildResult) {
  const { layer } = shown.growth;
  const atLayer = (of: number) => results.filter((result) => result.growth.layer === of);
  const layers = [...new Set(results.map((result) => result.growth.layer))];
  const regions = (of: number) => atLayer(of).map((result) => result.regions.length);
  const thresholds = (of: number) => atLayer(of).map((result) => result.growth.dictionary.threshold);
  return {
    layer,
    percentiles: atLayer(layer).map((result) => result.growth.percentile),
    regions: regions(layer),
    thresholds: thresholds(layer),
    saturated: atLayer(layer).map((result) => Number(result.growth.saturated)),
    activations: discovery.activations,
    tokens: discovery.tokens,
    layers,
    regions_by_layer: layers.map(regions),
    thresholds_by_layer: layers.map(thresholds),
    seconds_extract: discovery.secondsExtract,
    seconds_assign: discovery.secondsAssign,
  };
}

function range(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? formatNumber(low) : `${formatNumber(low)} to ${formatNumber(high)}`;
}
