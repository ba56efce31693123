/** Charts of concept detection. */
import { type ChartSpec, PALETTE } from "../../../src/report/mod.ts";
import { isTrained, nameOf, type Pairing, type WaySummary } from "./summary.ts";

/** What the lines stand for, in one order and one colour each in all charts. */
const KINDS = [
  "regions, mean",
  "regions, exemplar",
  "random activations",
  "random directions",
  "difference in means",
  "linear probe",
];
const KIND = {
  field: "kind",
  type: "nominal",
  title: null,
  sort: KINDS,
  scale: { domain: KINDS, range: [PALETTE[0], PALETTE[1], PALETTE[2], "#8a8a8a", PALETTE[6], PALETTE[3]] },
  legend: { orient: "top", columns: 3, symbolType: "stroke", symbolOpacity: 1, symbolSize: 300 },
};
const AUROC = { type: "quantitative", title: "held-out AUROC, mean over concepts", scale: { zero: false } };
const SOFT = "#5f6368";

const kindOf = (way: WaySummary) => nameOf({ ...way, rule: "" });
const ruleOf = ({ rule }: WaySummary) => rule === "auroc" ? "AUROC rule" : "contrast rule";

/** Ways as dots with their interval, concepts behind them: what is chosen at one percentile and budget, and the ceilings. */
export function methodsChart(ways: readonly WaySummary[]): ChartSpec {
  const sorted = ways.toSorted((a, b) => b.interval.mean - a.interval.mean);
  const values = sorted.map((way) => ({ name: nameOf(way), ...way.interval, group: groupOf(way) }));
  const concepts = sorted.flatMap((way) => way.byConcept.map((auroc) => ({ name: nameOf(way), auroc })));
  const y = { field: "name", type: "nominal", title: null, sort: sorted.map(nameOf), axis: { labelLimit: 260 } };
  const color = {
    field: "group",
    type: "nominal",
    title: null,
    scale: {
      domain: ["trained", "chosen among regions", "chosen at random"],
      range: [PALETTE[2], PALETTE[0], "#8a8a8a"],
    },
    legend: { orient: "top" },
  };
  return {
    width: 420,
    height: { step: 26 },
    layer: [
      chanceRule("x"),
      {
        data: { values: concepts },
        mark: { type: "tick", thickness: 1, size: 12, opacity: 0.45, color: SOFT },
        encoding: { x: { ...AUROC, field: "auroc", title: "held-out AUROC" }, y },
      },
      {
        data: { values },
        mark: { type: "rule", strokeWidth: 3 },
        encoding: { x: { ...AUROC, field: "low", title: "held-out AUROC" }, x2: { field: "high" }, y, color },
      },
      {
        data: { values },
        mark: { type: "point", size: 90, opacity: 1 },
        encoding: { x: { ...AUROC, field: "mean", title: "held-out AUROC" }, y, color },
      },
    ],
  } as ChartSpec;
}

function groupOf(way: WaySummary): string {
  if (isTrained(way)) return "trained";
  return way.method === "regions" ? "chosen among regions" : "chosen at random";
}

function chanceRule(axis: "x" | "y") {
  return {
    data: { values: [{}] },
    mark: { type: "rule", strokeDash: [2, 3], strokeWidth: 1, color: SOFT },
    encoding: { [axis]: { datum: 0.5 } },
  };
}

/** AUROC against the percentile, a panel a rule; the trained directions as lines. */
export function percentilesChart(ways: readonly WaySummary[]): ChartSpec {
  const x = { field: "percentile", type: "ordinal", title: "percentile p" };
  return curves(ways, x, { field: "rule", type: "nominal", title: null }, 2);
}

/** AUROC against the tokens that were read of the stream, a panel a percentile. */
export function tokensChart(ways: readonly WaySummary[]): ChartSpec {
  const x = { field: "tokens", type: "ordinal", title: "tokens", axis: { format: ".3~s" } };
  const facet = { field: "percentile", type: "ordinal", title: null, header: { labelExpr: "'p ' + datum.value" } };
  return curves(ways, x, facet, 3);
}

function curves(ways: readonly WaySummary[], x: object, facet: object, columns: number): ChartSpec {
  // Dictionaries that are saturated take no more tokens: the others tell how many were read.
  const read = new Map<number, number>();
  for (const { budget, tokens } of ways) read.set(budget, Math.max(read.get(budget) ?? 0, Math.round(tokens)));
  const values = ways.filter((way) => !isTrained(way)).map((way) => ({
    kind: kindOf(way),
    rule: ruleOf(way),
    percentile: way.percentile,
    tokens: read.get(way.budget),
    ...way.interval,
  }));
  const trained = ways.filter(isTrained).map((way) => ({ kind: kindOf(way), ...way.interval }));
  const dodged = { x, xOffset: { field: "kind", sort: KINDS.slice(0, 4) }, color: KIND };
  return {
    data: { values },
    facet,
    columns,
    spec: {
      width: columns === 2 ? 300 : 220,
      height: 240,
      layer: [
        {
          data: { values: trained },
          mark: { type: "rule", strokeDash: [6, 3], strokeWidth: 1.4 },
          encoding: { y: { ...AUROC, field: "mean" }, color: KIND },
        },
        {
          mark: { type: "rule", strokeWidth: 1.4, opacity: 0.55 },
          encoding: { ...dodged, y: { ...AUROC, field: "low" }, y2: { field: "high" } },
        },
        { mark: { type: "line", strokeWidth: 1.6 }, encoding: { ...dodged, y: { ...AUROC, field: "mean" } } },
        { mark: { type: "point", size: 36, opacity: 1 }, encoding: { ...dodged, y: { ...AUROC, field: "mean" } } },
      ],
    },
    bounds: "flush",
    spacing: 60,
  } as ChartSpec;
}

/** Differences concept by concept, with their mean and its interval: regions against each of the others. */
export function differencesChart(pairs: readonly Pairing[]): ChartSpec {
  const name = ({ other }: Pairing) => `− ${nameOf({ ...other, rule: "" })}`;
  const dots = pairs.flatMap((pair) => pair.differences.map((difference) => ({ name: name(pair), difference })));
  const means = pairs.map((pair) => ({ name: name(pair), ...pair.interval }));
  const y = { field: "name", type: "nominal", title: null, sort: pairs.map(name) };
  const x = { type: "quantitative", title: "regions' AUROC minus the other's, concept by concept" };
  return {
    width: 420,
    height: { step: 44 },
    layer: [
      {
        data: { values: [{}] },
        mark: { type: "rule", strokeDash: [2, 3], color: SOFT },
        encoding: { x: { datum: 0 } },
      },
      {
        data: { values: dots },
        mark: { type: "tick", thickness: 1.2, size: 16, opacity: 0.5, color: SOFT },
        encoding: { x: { ...x, field: "difference" }, y },
      },
      {
        data: { values: means },
        mark: { type: "rule", strokeWidth: 3, color: PALETTE[0] },
        encoding: { x: { ...x, field: "low" }, x2: { field: "high" }, y },
      },
      {
        data: { values: means },
        mark: { type: "point", size: 90, opacity: 1 },
        encoding: { x: { ...x, field: "mean" }, y },
      },
    ],
  } as ChartSpec;
}
