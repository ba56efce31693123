/** What concept detection says. */
import { SELECTION_RULES, type SelectionRule } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  type Cell,
  distinct,
  figure,
  formatNumber,
  headed,
  recordTable,
  resultTable,
  Rows,
  signed,
  spreadOf,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { failedText } from "../failed_settings.ts";
import { differencesChart, methodsChart, percentilesChart, tokensChart } from "./charts.ts";
import {
  DETECTION,
  type DetectionRow,
  EXAMPLE,
  type Example,
  isTrained,
  kindOf,
  METHOD,
  type Method,
  nameOf,
  PAIR,
  type Pairing,
  pairings,
  summarise,
  type Way,
  type WaySummary,
} from "./rows.ts";

/** For Gemma-2-2B-it, layer 20, 500 concepts: another model than the embedded ones, beside their figures. */
const PUBLISHED =
  "Published for Gemma-2-2B-it, layer 20, p 1, 500 concepts (another model and other concepts than this run's, unless its " +
  "flags say so), mean AUROC: 0.881 (exemplar, contrast rule), 0.935 to 0.937 (mean, AUROC rule), 0.828 (exemplar, AUROC " +
  "rule); SAE-A, a feature of a sparse autoencoder chosen on train texts, 0.911; Gemma Scope's own feature of the concept 0.755.";

const CHECK =
  "AxBench's positive answers weave a concept into the answer to some other question. Where several concepts share a region, " +
  "or its members have nothing of the concept, the region may tell that weaving, not the concept. Hard negatives weave in " +
  "the concept's words in another sense: the AUROC against them alone, from few texts, is the check in Table 1.";

/** The choice of the first sentence. */
const HEADLINE = { method: "regions", basis: "mean", rule: "auroc" } as const;

/** The setting of the plain figures, which does not depend on what came out. */
interface Shown {
  readonly layer: number;
  readonly percentile: number;
  readonly budget: number;
}

/** The first layer, the smallest percentile, the largest budget. */
export function shownSetting(detections: readonly DetectionRow[]): Shown {
  const [{ layer }] = detections;
  const here = new Rows(detections.filter((row) => row.layer === layer));
  return { layer, percentile: here.range("percentile")![0], budget: here.range("budget")![1] };
}

/** The choices of the first sentence in one stream order, a row a concept. */
export function headlineRows(detections: readonly DetectionRow[], seed: number): DetectionRow[] {
  return withValues(detections, { ...shownSetting(detections), ...HEADLINE, seed });
}

/** What came out, and how it is told. */
interface Told extends Shown {
  readonly ways: readonly WaySummary[];
  readonly pairs: readonly Pairing[];
  readonly layers: readonly number[];
  readonly percentiles: readonly number[];
  readonly concepts: number;
}

/** What was measured. */
export interface AxBenchResult {
  readonly detections: readonly DetectionRow[];
  /** Of {@linkcode headlineRows}, a row a concept. */
  readonly examples: readonly Example[];
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
  /** Where the model is read. */
  readonly hook: string;
}

/** Tables, charts, findings and the answer. */
export function axBenchOutcome(
  flags: CommonFlags & { readonly resamples: number },
  { detections, examples, failed, hook }: AxBenchResult,
): Outcome {
  const options = { resamples: flags.resamples, seed: flags.seed };
  const ways = summarise(detections, options);
  const pairs = pairings(ways, options);
  const setting = shownSetting(detections);
  const { layer, percentile, budget } = setting;
  const here = ways.filter((way) => way.layer === layer);
  const concepts = examples.length;
  const told: Told = {
    ...setting,
    ways,
    pairs,
    layers: [...new Set(ways.map(({ layer }) => layer))],
    percentiles: distinct(new Rows(here).values("percentile")),
    concepts,
  };
  const name = `layer ${layer}, p ${percentile}`;
  const methods = here.filter((way) => isTrained(way) || (way.percentile === percentile && way.budget === budget));
  const headline = wayOf(told, HEADLINE);
  const count = distinct(examples.map(({ region }) => region)).length;
  return {
    title: `Concept detection in ${flags.model}`,
    answer: `${answer(told)} In stream order ${flags.seed} ${
      concepts === 1 ? "the concept has a region" : `the ${concepts} concepts have ${count} different regions`
    }.`,
    findings: { ...findings(told), distinct_regions: count, hook },
    tables: {
      concepts: resultTable(DETECTION, detections),
      methods: resultTable(METHOD, ways),
      paired: resultTable(PAIR, pairs),
      examples: resultTable(EXAMPLE, examples),
    },
    sections: [
      { heading: "Published", blocks: [textBlock(PUBLISHED)] },
      {
        heading: "Methods",
        blocks: [
          chartBlock(
            "methods",
            methodsChart(methods),
            `Held-out AUROC at ${name}: means over ${concepts} concepts with 95 % bootstrap intervals over concepts, ` +
              "rough where concepts are few; ticks are concepts (means over stream orders and random sets). Dotted: chance.",
          ),
          tableBlock(
            methodTable(methods),
            "The same figures. Every choice is made on train texts only. Hard negatives: AUROC of the positive " +
              "held-out texts against these alone, mean over the concepts that have any. The last column is the range of the " +
              "means of single stream orders and random sets.",
            { printed: true },
          ),
          chartBlock(
            "differences",
            differencesChart(withValues(pairs, { ...setting, ...HEADLINE })),
            `R${
              nameOf(headline).slice(1)
            } at ${name} against the others on the same concepts; the random ones are as many and ` +
              "chosen by the same rule. Ticks are concepts, dots their means with 95 % bootstrap intervals.",
          ),
          tableBlock(
            pairTable(withValues(pairs, { ...setting })),
            "Paired differences of every choice among regions.",
          ),
        ],
      },
      {
        heading: "Percentiles and tokens",
        blocks: [
          chartBlock(
            "percentiles",
            percentilesChart(here.filter((way) => isTrained(way) || way.budget === budget)),
            "Held-out AUROC against the percentile of the dictionary, at the largest budget; bars are 95 % bootstrap " +
              "intervals over concepts, dashed lines the trained directions. Random sets have as many directions as the " +
              "dictionaries have regions.",
          ),
          chartBlock(
            "tokens",
            tokensChart(here.filter(({ rule }) => rule !== "contrast")),
            "Held-out AUROC against the tokens that the dictionaries were grown on, AUROC rule. The random sets change " +
              "only in their number of directions.",
          ),
          tableBlock(
            curveTable(here.filter(({ method }) => method === "regions")),
            "Regions by percentile and tokens: held-out AUROC, means over concepts.",
          ),
          told.layers.length > 1 &&
          tableBlock(layerTable(headlineByLayer(told)), "The choice of the first sentence at every layer."),
          textBlock(failedText(failed)),
        ],
      },
      {
        heading: "Concepts and their regions",
        blocks: [
          tableBlock(
            conceptTable(examples, methods.filter(({ rule }) => rule !== "contrast")),
            `Held-out AUROC of every concept at ${name}, AUROC rule, means over stream orders and random sets.`,
          ),
          textBlock(CHECK),
          tableBlock(
            exampleTable(examples),
            `The region that the AUROC rule chose among means at ${name}, stream order ${flags.seed}.`,
          ),
        ],
      },
    ],
  };
}

/** Rows that have these values. */
function withValues<R>(rows: readonly R[], values: Partial<R>): R[] {
  const wanted = Object.keys(values) as (keyof R)[];
  return rows.filter((row) => wanted.every((key) => row[key] === values[key]));
}

/** The way of the setting that is shown, or of another percentile. */
function wayOf({ ways, layer, percentile, budget }: Told, wanted: Partial<Way>): WaySummary {
  return withValues(ways, { layer, percentile, budget, ...wanted })[0];
}

const trainedBy = ({ ways, layer }: Told, method: Method) => withValues(ways, { layer, method })[0];

const byPercentile = (told: Told, wanted: Partial<Way>) =>
  told.percentiles.map((percentile) => wayOf(told, { ...wanted, percentile }));

/** The differences of the headline's choice, by percentile. */
const differencesTo = ({ pairs, layer, budget, percentiles }: Told, method: Method) =>
  percentiles.map((percentile) =>
    withValues(pairs, { ...HEADLINE, layer, percentile, budget }).find(({ against }) => against.method === method)!
  );

/** The choice of the first sentence at every layer that has its percentile. */
const headlineByLayer = ({ ways, layers, percentile, budget }: Told) =>
  layers.flatMap((layer) => withValues(ways, { ...HEADLINE, layer, percentile, budget }));

const between = (low: number, high: number, text = figure) => `[${text(low)}, ${text(high)}]`;
/** Of one order, or of what was trained once, there is no spread. */
const spreadText = (values: readonly number[]) => {
  const spread = spreadOf(values);
  return spread ? between(...spread) : "one run";
};
const areaInterval = ({ aurocLow, aurocHigh, byConcept }: WaySummary) =>
  byConcept.length === 1 ? "one concept" : between(aurocLow, aurocHigh);

function answer(told: Told): string {
  const headline = wayOf(told, HEADLINE);
  const difference = (method: Method) => {
    const [{ difference, differenceLow, differenceHigh, better }] = differencesTo(told, method);
    // One concept has no spread.
    if (told.concepts === 1) return signed(difference);
    return `${signed(difference)} ${
      between(differenceLow, differenceHigh, signed)
    } (better on ${better} of ${told.concepts})`;
  };
  const curve = (wanted: Partial<Way>) => byPercentile(told, wanted).map(({ auroc }) => figure(auroc)).join(", ");
  return [
    `A region chosen by the AUROC rule among ${formatNumber(Math.round(headline.regions))} means (layer ${told.layer},`,
    `p ${told.percentile}) detects a held-out concept with a mean AUROC of`,
    ...(told.concepts === 1
      ? [`${figure(headline.auroc)}, of one concept; its paired differences are ${difference("random")} to`]
      : [
        `${figure(headline.auroc)} ${
          areaInterval(headline)
        } over ${told.concepts} concepts; its paired differences, with`,
        `95 % bootstrap intervals over concepts, are ${difference("random")} to`,
      ]),
    "as many random directions,",
    `${difference("coreset")} to as many random activations,`,
    `${difference("difference in means")} to the difference in means and`,
    `${difference("linear probe")} to the linear probe.`,
    `At p ${told.percentiles.join(", ")} the AUROC rule reaches with means ${curve(HEADLINE)};`,
    `with exemplars ${curve({ ...HEADLINE, basis: "exemplar" })};`,
    `with random activations ${curve({ method: "coreset", rule: "auroc" })}.`,
  ].join(" ");
}

/** Arrays are by percentile, at the first layer and the largest budget; plain numbers are of the smallest percentile. */
function findings(told: Told): Outcome["findings"] {
  const { concepts, layer, layers, percentile, percentiles } = told;
  const area = ({ auroc }: WaySummary) => auroc;
  const ends = ({ aurocLow, aurocHigh }: WaySummary) => [aurocLow, aurocHigh];
  const headline = wayOf(told, HEADLINE);
  const byRule = <T>(value: (rule: SelectionRule) => T) =>
    Object.fromEntries(SELECTION_RULES.map((rule) => [rule, value(rule)]));
  const byBasis = <T>(value: (way: WaySummary) => T) =>
    byRule((rule) => ({
      exemplar: byPercentile(told, { method: "regions", rule, basis: "exemplar" }).map(value),
      mean: byPercentile(told, { method: "regions", rule, basis: "mean" }).map(value),
    }));
  const random = (name: string, method: Method) => ({
    [`mean_auroc_${name}`]: area(wayOf(told, { method, rule: "auroc" })),
    [`mean_auroc_${name}_by_percentile`]: byRule((rule) => byPercentile(told, { method, rule }).map(area)),
  });
  const paired = (name: string, method: Method) => {
    const pairs = differencesTo(told, method);
    const intervals = pairs.map(({ differenceLow, differenceHigh }) => [differenceLow, differenceHigh]);
    return {
      [`difference_${name}`]: pairs[0].difference,
      [`difference_${name}_interval`]: intervals[0],
      [`difference_${name}_by_percentile`]: pairs.map(({ difference }) => difference),
      [`difference_${name}_interval_by_percentile`]: intervals,
    };
  };
  return {
    ...{ concepts, layer, layers, percentile, percentiles },
    regions: byPercentile(told, HEADLINE).map(({ regions: size }) => size),
    mean_auroc_headline: area(headline),
    mean_auroc_headline_interval: ends(headline),
    mean_auroc_headline_by_layer: headlineByLayer(told).map(area),
    mean_auroc: byBasis(area),
    mean_auroc_interval: byBasis(ends),
    mean_auroc_hard_negatives: {
      headline: headline.hardAuroc,
      random: wayOf(told, { method: "random", rule: "auroc" }).hardAuroc,
      coreset: wayOf(told, { method: "coreset", rule: "auroc" }).hardAuroc,
      diffmean: trainedBy(told, "difference in means").hardAuroc,
      probe: trainedBy(told, "linear probe").hardAuroc,
    },
    mean_auroc_diffmean: area(trainedBy(told, "difference in means")),
    mean_auroc_probe: area(trainedBy(told, "linear probe")),
    ...random("random", "random"),
    ...random("coreset", "coreset"),
    ...paired("random", "random"),
    ...paired("coreset", "coreset"),
    ...paired("diffmean", "difference in means"),
    ...paired("probe", "linear probe"),
  };
}

function methodTable(methods: readonly WaySummary[]) {
  return recordTable(
    methods.toSorted((a, b) => b.auroc - a.auroc).map((way) => ({
      method: nameOf(way),
      ...headed(METHOD, { auroc: way.auroc }),
      "95 % interval": areaInterval(way),
      ...headed(METHOD, { trainAuroc: way.trainAuroc, hardAuroc: way.hardAuroc }),
      "chosen from": Math.round(way.regions),
      "over orders and sets": spreadText(way.byRun),
    })),
  );
}

function pairTable(pairs: readonly Pairing[]) {
  return recordTable(pairs.map((pair) => ({
    regions: nameOf(pair),
    against: pair.other,
    difference: pair.difference,
    "95 % interval": pair.differences.length === 1 ? "one concept" : between(pair.differenceLow, pair.differenceHigh),
    "better on": `${pair.better} of ${pair.differences.length}`,
  })));
}

/** A row a choice and percentile, a column a budget. */
function curveTable(ways: readonly WaySummary[]) {
  const sorted = ways.toSorted((a, b) =>
    a.rule!.localeCompare(b.rule!) || b.basis!.localeCompare(a.basis!) || a.percentile! - b.percentile! ||
    a.budget! - b.budget!
  );
  const curves = Map.groupBy(sorted, (way) => `${nameOf(way)} ${way.percentile}`);
  return recordTable(Array.from(curves.values(), (curve) => {
    const last = curve.at(-1)!;
    // The last budget is as many tokens as there are.
    const heading = (way: WaySummary) => way === last ? "all tokens" : `${formatNumber(way.budget!)} tokens`;
    return {
      method: nameOf(last),
      ...headed(METHOD, { percentile: last.percentile }),
      K: Math.round(last.regions),
      ...Object.fromEntries(curve.map((way): [string, Cell] => [heading(way), way.auroc])),
      "95 % interval": areaInterval(last),
    };
  }));
}

function layerTable(ways: readonly WaySummary[]) {
  return recordTable(ways.map((way) => ({
    ...headed(METHOD, { layer: way.layer }),
    K: Math.round(way.regions),
    ...headed(METHOD, { auroc: way.auroc }),
    "95 % interval": areaInterval(way),
  })));
}

const conceptName = ({ conceptId, concept }: Example) => `${conceptId}: ${concept}`;

/** A row a concept, a column a way. */
function conceptTable(examples: readonly Example[], ways: readonly WaySummary[]) {
  return recordTable(examples.map((example, i) => ({
    concept: conceptName(example),
    ...Object.fromEntries(ways.map((way): [string, Cell] => [kindOf(way), way.byConcept[i]])),
  })));
}

function exampleTable(examples: readonly Example[]) {
  return recordTable(examples.map((example) => ({
    concept: conceptName(example),
    ...headed(EXAMPLE, {
      auroc: example.auroc,
      region: example.region,
      members: example.members,
      logitLens: example.tokens.join(" · "),
    }),
    "nearest members": example.contexts,
  })));
}
