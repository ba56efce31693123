/** What the dictionaries of several depths and resolutions hold: rows, tables, charts, findings. */
import {
  DICTIONARY_FIGURES,
  dictionaryFigures,
  type DictionaryMetrics,
  principalComponents,
  REGION_FIGURES,
  regionFigures,
  type RegionRow,
  sphereCells,
} from "../../../src/analysis/mod.ts";
import type { Calibration, Discovery, Growth } from "../../../src/partition/mod.ts";
import {
  coherenceChart,
  formatNumber,
  formatShare,
  growthChart,
  headed,
  LAYER,
  number,
  oneOf,
  PERCENTILE,
  recordTable,
  resultTable,
  row,
  type RowOf,
  sizeChart,
  type StreamRecord,
  streamText,
  Sweep,
  THRESHOLD,
  truth,
  voronoiChart,
  whole,
  words,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { comparableModel, publishedRegions } from "../published.ts";
import { MEASURED_ON, type MeasuredCoverage } from "./coverage.ts";

// Regions that are printed and shown in the report.
const SHOWN = 20;
// The dictionary that is shown is the one of about this many regions: enough to differ, few enough to look at.
const GLANCE = 300;

/** One dictionary with what was read off it. */
export interface BuildResult {
  readonly growth: Growth;
  /** What its layer was calibrated on. */
  readonly calibration: Calibration;
  readonly regions: readonly RegionRow[];
  readonly metrics: DictionaryMetrics;
}

/** Everything that a build gave. */
export interface Built {
  readonly discovery: Discovery;
  readonly results: readonly BuildResult[];
  readonly coverage: MeasuredCoverage;
  /** How far the corpus was read. */
  readonly stream: StreamRecord;
}

const SETTING = row({ layer: LAYER, percentile: PERCENTILE });
const DICTIONARY = row({
  ...SETTING,
  threshold: THRESHOLD,
  thresholdSpread: number("standard deviation of θ over the batches or blocks that it is a mean of, cosine distance", {
    heading: "θ ±",
    missing: "it is of a single one",
  }),
  thresholdPairs: oneOf(["batch", "sample"], "whether θ is of pairs within batches or of the whole sample", {
    heading: "pairs within",
    missing: "a calibration of before there was a choice",
  }),
  thresholdBecause: words("why of these pairs", { missing: "a calibration of before there was a choice" }),
  ...DICTIONARY_FIGURES,
  tokens: number("tokens read, <bos> included"),
  saturated: truth("more batches than --window founded nothing: it founds no more regions"),
  coverage: number("share of the activations of `coverageOf` within θ, 0..1", { missing: "there were none" }),
  coverageOf: oneOf(MEASURED_ON, "what coverage is measured on"),
  coverageActivations: whole("activations that coverage is a share of"),
});
const REGION = row({ ...SETTING, ...REGION_FIGURES });
const GROWTH = row({
  ...SETTING,
  activations: number("seen so far"),
  regions: whole("founded so far"),
  founding: truth("could found regions: was not saturated before"),
});

/** Tables, charts, findings and the answer. */
export function buildOutcome(flags: CommonFlags, { discovery, results, coverage, stream }: Built): Outcome {
  const shown = dictionaryToShow(results);
  const { layer, percentile } = shown.growth;
  const name = `layer ${layer}, p ${percentile}`;
  const regions = results.flatMap(({ growth: { layer, percentile }, regions }) =>
    regions.map((region) => ({ layer, percentile, ...region, ...regionFigures(region) }))
  );
  const growth = results.flatMap(({ growth: { layer, percentile, snapshots } }) =>
    snapshots.map(({ activations, regions: size, founded }) => {
      return { layer, percentile, activations, regions: size, founding: founded !== null };
    })
  );
  const dictionaries = results.map(({ growth, calibration, metrics }, i) => {
    const { layer, percentile, dictionary, tokens, saturated } = growth;
    const { coverage: share, activations } = coverage.coverages[i];
    return {
      ...{ layer, percentile, ...thresholdOf(dictionary.threshold, percentile, calibration) },
      ...dictionaryFigures(dictionary, metrics),
      ...{ tokens, saturated, coverage: share, coverageOf: coverage.on, coverageActivations: activations },
    };
  });
  const sweep = new Sweep(dictionaries);
  const range = sweep.range("regions")!.map((value) => formatNumber(value));
  return {
    title: `Dictionaries of ${flags.model}`,
    answer: `${formatNumber(discovery.activations)} activations of ${flags.corpus} fall into ` +
      `${[...new Set(range)].join(" to ")} region${range[1] === "1" ? "" : "s"}` +
      (results.length === 1
        ? `; the dictionary is ${dictionaries[0].saturated ? "" : "not "}saturated. `
        : `, depending on layer and percentile; ${dictionaries.filter(({ saturated }) => saturated).length} of ` +
          `${results.length} dictionaries saturated. `) +
      `${streamText(stream)} ${coverageText(coverage)}`,
    findings: {
      layer,
      percentiles: sweep.where({ layer }).each("percentile"),
      regions: sweep.where({ layer }).values("regions"),
      thresholds: sweep.where({ layer }).values("threshold"),
      saturated: sweep.where({ layer }).values(({ saturated }) => Number(saturated)),
      founded_until: sweep.where({ layer }).values("foundedUntil"),
      beyond: sweep.where({ layer }).values("beyond"),
      coverage: sweep.where({ layer }).values("coverage"),
      coverage_of: coverage.on,
      activations: discovery.activations,
      texts: discovery.texts,
      ended: discovery.ended,
      tokens: discovery.tokens,
      layers: sweep.each("layer"),
      regions_by_layer: sweep.by((setting) => setting.mean("regions")),
      thresholds_by_layer: sweep.by((setting) => setting.mean("threshold")),
      seconds_extract: discovery.secondsExtract,
      seconds_assign: discovery.secondsAssign,
    },
    tables: {
      dictionaries: resultTable(DICTIONARY, dictionaries),
      regions: resultTable(REGION, regions),
      growth: resultTable(GROWTH, growth),
    },
    sections: [
      {
        heading: "Dictionaries",
        blocks: [
          tableBlock(dictionaryTable(comparableModel(flags), dictionaries), undefined, { printed: true }),
          textBlock(coverageNote(coverage)),
        ],
      },
      {
        heading: "Growth",
        blocks: [
          chartBlock(
            "growth",
            growthChart(growth),
            "Regions against activations seen. A line is flat from where its dictionary is saturated and founds no more.",
          ),
        ],
      },
      {
        heading: "Regions",
        blocks: [
          shown.regions.length >= 4 && partition(shown, name),
          chartBlock(
            "sizes",
            sizeChart(regions),
            `Members of the regions, from the largest on, ${takenText(dictionaries)}.`,
          ),
          chartBlock(
            "coherence",
            coherenceChart(regions),
            "Coherence of the regions of at least two members: 1 means equal directions.",
          ),
          tableBlock(
            largestTable(shown.regions),
            `The largest regions of ${name}, their members ${
              takenText([shown.growth.dictionary])
            }. The marked token is the ` +
              "activation's.",
            { printed: `The largest regions of ${name}:` },
          ),
        ],
      },
    ],
  };
}

/** A dictionary's threshold, and how it was taken. */
function thresholdOf(threshold: number, percentile: number, { levels, pairs }: Calibration) {
  return {
    threshold,
    thresholdSpread: levels.find((level) => level.percentile === percentile)?.spread ?? null,
    thresholdPairs: pairs?.within ?? null,
    thresholdBecause: pairs?.because ?? null,
  };
}

/** What counts of members are counts of. */
function takenText(taken: readonly { readonly activations: number; readonly beyond: number }[]): string {
  const activations = [...new Set(taken.map(({ activations }) => activations))].sort((a, b) => a - b);
  const [least, most] = [activations[0], activations[activations.length - 1]].map((count) => formatNumber(count));
  const beyond = taken.reduce((most, { beyond }) => Math.max(most, beyond), 0);
  const without = beyond === 0
    ? ""
    : `, of which ${taken.length > 1 ? "up to " : ""}${formatNumber(beyond)} lie beyond θ`;
  return `of ${least === most ? most : `${least} to ${most}`} activations${without}`;
}

function coverageText({ on, texts, coverages }: MeasuredCoverage): string {
  const shares = coverages.flatMap(({ coverage }) => coverage ?? []).sort((a, b) => a - b);
  const [least, most] = [shares[0], shares[shares.length - 1]].map(formatShare);
  const range = least === most ? most : `${least} to ${most}`;
  return on === "what was read"
    ? `Of what was read, ${range} of the activations lie within θ: of text that no dictionary grew on nothing is known.`
    : `Of ${formatNumber(texts)} ${on}, ${range} of the activations lie within θ.`;
}

/** What coverage means, and what it does not show where there was no other text. */
function coverageNote({ on, texts, coverages: [{ activations }] }: MeasuredCoverage): string {
  const what =
    `Coverage is the share of activations within θ of an exemplar, of ${on} (${formatNumber(texts)} texts, ` +
    `${formatNumber(activations)} activations).`;
  if (on !== "what was read") return what;
  return `${what} While a dictionary founds, each activation joins a region or founds one, so that it is 1 by ` +
    "construction and tells nothing of other text: with --split the entries of the corpus whose field `split` is " +
    "`heldout` are measured, and with a smaller --max-tokens texts that are left unread.";
}

/** The dictionary of the middle layer that has about {@linkcode GLANCE} regions. */
function dictionaryToShow(results: readonly BuildResult[]): BuildResult {
  const middle = new Sweep(results.map(({ growth: { layer, percentile } }) => ({ layer, percentile }))).middle.key;
  const off = ({ regions }: BuildResult) => Math.abs(Math.log(regions.length / GLANCE));
  return results.filter(({ growth }) => growth.layer === middle.layer).reduce((a, b) => off(b) < off(a) ? b : a);
}

function partition({ growth: { dictionary }, regions }: BuildResult, name: string) {
  const { scores, explained } = principalComponents(dictionary.means, dictionary.dim, 3);
  const cells = sphereCells(scores).map((cell, i) => ({
    ...cell,
    count: regions[i].count,
    label: regions[i].lens.at(0)?.token.trim() ?? String(i),
  }));
  const share = Math.round(100 * explained.reduce((sum, value) => sum + value, 0));
  return chartBlock(
    "partition",
    voronoiChart(cells),
    `The partition of ${name}, its mean directions projected on their first three principal components ` +
      `(${share} % of the variance) and from there on a sphere. Labels: ` +
      (regions[0].lens.length > 0 ? "first token of the logit lens." : "numbers of the regions."),
  );
}

/**
 * A row a dictionary.
 *
 * @param model Whose published numbers of regions stand beside, where there are some.
 */
function dictionaryTable(model: string, rows: readonly RowOf<typeof DICTIONARY>[]) {
  const published = rows.map(({ layer, percentile }) => publishedRegions(model, layer, percentile) ?? null);
  const hasPublished = published.some((size) => size !== null);
  return recordTable(rows.map((row, i) => ({
    ...headed(DICTIONARY, {
      layer: row.layer,
      percentile: row.percentile,
      threshold: row.threshold,
      thresholdSpread: row.thresholdSpread,
      thresholdPairs: row.thresholdPairs,
      regions: row.regions,
    }),
    ...(hasPublished && { published: published[i] }),
    ...headed(DICTIONARY, {
      saturated: row.saturated,
      activations: row.activations,
      foundedUntil: row.foundedUntil,
      beyond: row.beyond,
      coverage: row.coverage,
      effectiveRegions: Math.round(row.effectiveRegions),
      silhouette: row.silhouette,
    }),
  })));
}

/** Regions with what they hold. */
function largestTable(regions: readonly RegionRow[]) {
  return recordTable(
    regions.toSorted((a, b) => b.count - a.count).slice(0, SHOWN).map((
      { region, count, coherence, lens, nearest },
    ) => ({
      ...headed(REGION, {
        region,
        members: count,
        coherence,
        logitLens: lens.map(({ token }) => token.trim()).join(" · "),
      }),
      "nearest contexts": nearest.slice(0, 3).map(({ excerpt }) => excerpt),
    })),
  );
}
