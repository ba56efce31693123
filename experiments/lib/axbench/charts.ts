/** Charts of concept detection. */
import {
  by,
  byPercentile,
  category,
  chart,
  type ChartSpec,
  COLOR,
  interval,
  line,
  on,
  percentileAxis,
  quantity,
  rule,
  rules,
  series,
  strokes,
} from "../../../src/report/mod.ts";
import { isTrained, kindOf, nameOf, type Pairing, type WaySummary } from "./rows.ts";

/** Ways as dots with their interval, concepts behind them: what is chosen at one percentile and budget, and the ceilings. */
export function methodsChart(ways: readonly WaySummary[]): ChartSpec {
  const sorted = ways.toSorted((a, b) => b.auroc - a.auroc);
  const concepts = sorted.flatMap((way) => way.byConcept.map((auroc) => ({ name: nameOf(way), auroc })));
  const rows = sorted.map((way) => ({ name: nameOf(way), ...areaOf(way), group: groupOf(way) }));
  return chart(rows, {
    x: quantity("auroc", "held-out AUROC", { zero: false }),
    y: category("name", null, { order: sorted.map(nameOf) }),
    color: series("group", {
      trained: COLOR.green,
      "chosen among regions": COLOR.blue,
      "chosen at random": COLOR.chance,
    }),
    marks: [rule({ x: 0.5 }), on(concepts, strokes()), interval("aurocLow", "aurocHigh")],
    height: { step: 26 },
  });
}

const areaOf = ({ auroc, aurocLow, aurocHigh }: WaySummary) => ({ auroc, aurocLow, aurocHigh });

function groupOf(way: WaySummary): string {
  if (isTrained(way)) return "trained";
  return way.method === "regions" ? "chosen among regions" : "chosen at random";
}

/** AUROC against the percentile, a panel a rule; the trained directions as lines. */
export function percentilesChart(ways: readonly WaySummary[]): ChartSpec {
  return chart(chosen(ways), {
    ...curvesOf(ways),
    panels: by("rule", { columns: 2 }),
    x: percentileAxis(),
    width: 300,
  });
}

/** AUROC against the tokens that were read of the stream, a panel a percentile. */
export function tokensChart(ways: readonly WaySummary[]): ChartSpec {
  return chart(chosen(ways), {
    ...curvesOf(ways),
    panels: byPercentile({ columns: 3 }),
    x: category("tokens", "tokens", { format: ".3~s" }),
    width: 220,
  });
}

/** What is chosen, by setting. */
function chosen(ways: readonly WaySummary[]) {
  // Of the dictionaries of one order all read the same; orders may have ended before a budget.
  const byBudget = Map.groupBy(ways, ({ budget }) => budget);
  const read = ({ budget }: WaySummary) =>
    Math.max(...byBudget.get(budget)!.map(({ tokens }) => Math.round(tokens ?? 0)));
  return ways.filter((way) => !isTrained(way)).map((way) => ({
    kind: kindOf(way),
    rule: way.rule === "auroc" ? "AUROC rule" : "contrast rule",
    percentile: way.percentile,
    tokens: read(way),
    ...areaOf(way),
  }));
}

/** Lines with intervals beside each other, over the dashed lines of what was trained. */
function curvesOf(ways: readonly WaySummary[]) {
  const trained = ways.filter(isTrained).map((way) => ({ kind: kindOf(way), ...areaOf(way) }));
  return {
    y: quantity("auroc", "held-out AUROC, mean over concepts", { zero: false }),
    color: series("kind", {
      "regions, mean": COLOR.blue,
      "regions, exemplar": COLOR.vermilion,
      "random activations": COLOR.green,
      "random directions": COLOR.chance,
      "difference in means": COLOR.black,
      "linear probe": COLOR.purple,
    }),
    isDodged: true,
    marks: [on(trained, rules({ x: null })), line(), interval("aurocLow", "aurocHigh", { width: 1.5 })],
    height: 240,
  } as const;
}

/** Differences concept by concept, with their mean and its interval: regions against each of the others. */
export function differencesChart(pairs: readonly Pairing[]): ChartSpec {
  const name = ({ against }: Pairing) => `− ${kindOf(against)}`;
  const concepts = pairs.flatMap((pair) => pair.differences.map((difference) => ({ name: name(pair), difference })));
  const rows = pairs.map((pair) => {
    const { difference, differenceLow, differenceHigh } = pair;
    return { name: name(pair), difference, differenceLow, differenceHigh };
  });
  return chart(rows, {
    x: quantity("difference", "regions' AUROC minus the other's, concept by concept"),
    y: category("name", null, { order: pairs.map(name) }),
    marks: [
      rule({ x: 0 }),
      on(concepts, strokes()),
      interval("differenceLow", "differenceHigh", { color: COLOR.blue }),
    ],
    height: { step: 44 },
  });
}
