/** What a build leaves to look at: tables, charts, report, findings. */
import type { DictionaryMetrics } from "../../../src/analysis/metrics.ts";
import { principalComponents } from "../../../src/analysis/pca.ts";
import type { RegionRow } from "../../../src/analysis/region_table.ts";
import { sphereCells } from "../../../src/analysis/voronoi.ts";
import type { Discovery } from "../../../src/partition/discover.ts";
import type { Growth } from "../../../src/partition/growth.ts";
import { type Cell, type ChartSpec, formatNumber, saveChart, saveTable, writeReport } from "../../../src/report/mod.ts";
import { coherenceChart, growthChart, sizeChart, voronoiChart } from "../../../src/report/partition_charts.ts";
import type { Run } from "../cli.ts";
import type { Flags } from "../flags.ts";
import { printTable } from "../print.ts";
import { publishedRegions } from "../published.ts";

/** One dictionary with what was read off it. */
export interface BuildResult {
  readonly growth: Growth;
  readonly regions: readonly RegionRow[];
  readonly metrics: DictionaryMetrics;
}

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
  const { out, manifest, flags } = run;
  await saveTables(out, results);
  const chart = (name: string, spec: ChartSpec) => {
    manifest.outputs.push(`${name}.vl.json`, `${name}.svg`, `${name}.png`);
    return saveChart(out, name, spec);
  };

  const shown = dictionaryToShow(results);
  const largest = shown.regions.toSorted((a, b) => b.count - a.count).slice(0, SHOWN);
  const points = results.flatMap(({ growth: { layer, percentile }, regions }) =>
    regions.map(({ count, coherence }) => ({ layer, percentile, count, coherence }))
  );
  const growth = await chart("growth", growthChart(growthRows(results)));
  const sizes = await chart("sizes", sizeChart(points));
  const coherence = await chart("coherence", coherenceChart(points));
  const name = `block ${shown.growth.layer}, p ${shown.growth.percentile}`;
  const partition = shown.regions.length >= 4
    ? [{ chart: await chart("partition", partitionChart(shown)), caption: partitionCaption(shown, name) }]
    : [];

  manifest.outputs.push("dictionaries.arrow", "regions.arrow", "growth.arrow", "report.html", "run.json");
  Object.assign(manifest.findings, findings(discovery, results, shown));
  const saturated = results.filter((result) => result.growth.saturated);
  const path = await writeReport(out, {
    title: `Dictionaries of ${flags.model}`,
    question: "What structure does the model's residual stream have, at several depths and resolutions?",
    answer: `${formatNumber(discovery.activations)} activations of ${flags.corpus} fall into ` +
      `${range(results.map((result) => result.regions.length))} regions, depending on layer and percentile; ` +
      `${saturated.length} of ${results.length} dictionaries saturated.`,
    sections: [
      { heading: "Dictionaries", blocks: [{ table: dictionaryTable(flags.model, results) }] },
      {
        heading: "Growth",
        blocks: [{ chart: growth, caption: "Regions against activations seen. A line that ends early is saturated." }],
      },
      {
        heading: "Regions",
        blocks: [
          ...partition,
          { chart: sizes, caption: "Members of the regions, from the largest on." },
          { chart: coherence, caption: "Coherence of the regions of at least two members: 1 means equal directions." },
          {
            table: regionTable(largest),
            caption: `The largest regions of ${name}. The marked token is the activation's.`,
          },
        ],
      },
    ],
    run: manifest.record(),
  });

  printTable(dictionaryRows(flags.model, results));
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

async function saveTables(out: string, results: readonly BuildResult[]): Promise<void> {
  const dictionary = <T>(value: (result: BuildResult) => T) => results.map(value);
  const metric = (name: keyof DictionaryMetrics) => dictionary((result) => result.metrics[name]);
  await saveTable(out, "dictionaries", [
    {
      name: "layer",
      type: "int32",
      values: dictionary((r) => r.growth.layer),
      description: "block whose output is read",
    },
    { name: "percentile", values: dictionary((r) => r.growth.percentile), description: "p, 0..100" },
    {
      name: "threshold",
      values: dictionary((r) => r.growth.dictionary.threshold),
      description: "cosine distance, 0..2",
    },
    { name: "regions", type: "int32", values: metric("regions"), description: "number of regions" },
    { name: "activations", type: "int32", values: metric("members"), description: "activations taken" },
    { name: "tokens", values: dictionary((r) => r.growth.tokens), description: "tokens read, <bos> included" },
    { name: "saturated", values: dictionary((r) => r.growth.saturated), description: "stopped founding regions" },
    { name: "coverage", values: metric("coverage"), description: "share of members in regions of at least two" },
    { name: "effective_regions", values: metric("effectiveRegions"), description: "exp of the entropy of the sizes" },
    { name: "gini", values: metric("gini"), description: "Gini coefficient of the sizes, 0..1" },
    { name: "mean_distance", values: metric("meanIntraDistance"), description: "mean distance to the exemplar" },
    { name: "nearest_distance", values: metric("meanNearestInterDistance"), description: "mean distance of exemplars" },
    { name: "silhouette", values: metric("silhouette"), description: "mean of (inter - intra) / max, -1..1" },
  ]);
  const rows = results.flatMap(({ growth, regions }) => regions.map((region) => ({ ...region, growth })));
  await saveTable(out, "regions", [
    {
      name: "layer",
      type: "int32",
      values: rows.map((r) => r.growth.layer),
      description: "block whose output is read",
    },
    { name: "percentile", values: rows.map((r) => r.growth.percentile), description: "p, 0..100" },
    { name: "region", type: "int32", values: rows.map((r) => r.region), description: "number in its dictionary" },
    { name: "members", type: "int32", values: rows.map((r) => r.count), description: "activations" },
    { name: "coherence", values: rows.map((r) => r.coherence), description: "norm of the mean member direction, 0..1" },
    { name: "mean_distance", values: rows.map((r) => r.meanDistance), description: "of members to the exemplar" },
    { name: "founder", type: "int32", values: rows.map((r) => r.founder), description: "stream index of the exemplar" },
    {
      name: "logit_lens",
      type: "utf8",
      values: rows.map((r) => r.lens.map(({ token }) => token).join(" | ")),
      description: "largest tokens of the mean direction",
    },
    {
      name: "nearest_context",
      type: "utf8",
      values: rows.map((r) => r.nearest.length ? contextText(r.nearest[0].excerpt) : ""),
      description: "member nearest to the exemplar, its token between [[ and ]]",
    },
  ]);
  const growth = growthRows(results);
  await saveTable(out, "growth", [
    { name: "layer", type: "int32", values: growth.map((g) => g.layer), description: "block whose output is read" },
    { name: "percentile", values: growth.map((g) => g.percentile), description: "p, 0..100" },
    { name: "activations", values: growth.map((g) => g.activations), description: "seen so far" },
    { name: "regions", type: "int32", values: growth.map((g) => g.regions), description: "founded so far" },
  ]);
}

function growthRows(results: readonly BuildResult[]) {
  return results.flatMap(({ growth: { layer, percentile, snapshots } }) =>
    snapshots.map(({ activations, regions }) => ({ layer, percentile, activations, regions }))
  );
}

function dictionaryRows(model: string, results: readonly BuildResult[]) {
  return results.map(({ growth: { layer, percentile, dictionary, saturated }, metrics }) => {
    const published = publishedRegions(model, layer, percentile);
    return {
      layer,
      p: percentile,
      threshold: Math.round(dictionary.threshold * 1e4) / 1e4,
      regions: metrics.regions,
      ...(published === undefined ? {} : { published }),
      saturated,
      coverage: Math.round(metrics.coverage * 1e3) / 1e3,
      "effective regions": Math.round(metrics.effectiveRegions),
      silhouette: Math.round(metrics.silhouette * 1e3) / 1e3,
    };
  });
}

function dictionaryTable(model: string, results: readonly BuildResult[]) {
  const rows = dictionaryRows(model, results);
  return { columns: Object.keys(rows[0]), rows: rows.map((row): Cell[] => Object.values(row)) };
}

function regionTable(regions: readonly RegionRow[]) {
  return {
    columns: ["region", "members", "coherence", "logit lens", "nearest contexts"],
    rows: regions.map(({ region, count, coherence, lens, nearest }): Cell[] => [
      region,
      count,
      Math.round(coherence * 1e3) / 1e3,
      lens.map(({ token }) => token.trim()).join(" · "),
      nearest.slice(0, 3).map(({ excerpt }) => excerpt),
    ]),
  };
}

function partitionChart({ growth: { dictionary }, regions }: BuildResult) {
  const { scores } = principalComponents(dictionary.means, dictionary.dim, 3);
  const cells = sphereCells(scores).map((cell, i) => ({
    ...cell,
    count: regions[i].count,
    label: regions[i].lens[0].token.trim(),
  }));
  return voronoiChart(cells);
}

function partitionCaption({ growth: { dictionary } }: BuildResult, name: string): string {
  const { explained } = principalComponents(dictionary.means, dictionary.dim, 3);
  const share = Math.round(100 * explained.reduce((sum, value) => sum + value, 0));
  return `The partition of ${name}, its mean directions projected on their first three principal components ` +
    `(${share} % of the variance) and from there on a sphere. Labels: first token of the logit lens.`;
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

function contextText({ before, token, after }: { before: string; token: string; after: string }): string {
  return `${before}[[${token}]]${after}`;
}

function range(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? formatNumber(low) : `${formatNumber(low)} to ${formatNumber(high)}`;
}
