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
import { isTrained, nameOf, type Pairing, type WaySummary } from "./summary.ts";

const kindOf = (way: WaySummary) => nameOf({ ...way, rule: "" });

/** Ways as dots with their interval, concepts behind them: what is chosen at one percentile and budget, and the ceilings. */
export function methodsChart(ways: readonly WaySummary[]): ChartSpec {
  const sorted = ways.toSorted((a, b) => b.interval.mean - a.interval.mean);
  const concepts = sorted.flatMap((way) => way.byConcept.map((mean) => ({ name: nameOf(way), mean })));
  const rows = sorted.map((way) => ({ name: nameOf(way), ...way.interval, group: groupOf(way) }));
  return chart(rows, {
    x: quantity("mean", "held-out AUROC", { zero: false }),
    y: category("name", null, { order: sorted.map(nameOf) }),
    color: series("group", {
      trained: COLOR.green,
      "chosen among regions": COLOR.blue,
      "chosen at random": COLOR.chance,
    }),
    marks: [rule({ x: 0.5 }), on(concepts, strokes()), interval("low", "high")],
    height: { step: 26 },
  });
}

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
  // Dictionaries that are saturated take no more tokens: the others tell how many were read.
  const read = new Map<number, number>();
  for (const { budget, tokens } of ways) read.set(budget, Math.max(read.get(budget) ?? 0, Math.round(tokens)));
  return ways.filter((way) => !isTrained(way)).map((way) => ({
    kind: kindOf(way),
    rule: way.rule === "auroc" ? "AUROC rule" : "contrast rule",
    percentile: way.percentile,
    tokens: read.get(way.budget),
    ...way.interval,
  }));
}

/** Lines with intervals beside each other, over the dashed lines of what was trained. */
function curvesOf(ways: readonly WaySummary[]) {
  const trained = ways.filter(isTrained).map((way) => ({ kind: kindOf(way), ...way.interval }));
  return {
    y: quantity("mean", "held-out AUROC, mean over concepts", { zero: false }),
    color: series("kind", {
      "regions, mean": COLOR.blue,
      "regions, exemplar": COLOR.vermilion,
      "random activations": COLOR.green,
      "random directions": COLOR.chance,
      "difference in means": COLOR.black,
      "linear probe": COLOR.purple,
    }),
    isDodged: true,
    marks: [on(trained, rules({ x: null })), line(), interval("low", "high", { width: 1.5 })],
    height: 240,
  } as const;
}

/** Differences concept by concept, with their mean and its interval: regions against each of the others. */
export function differencesChart(pairs: readonly Pairing[]): ChartSpec {
  const name = ({ other }: Pairing) => `− ${kindOf(other)}`;
  const concepts = pairs.flatMap((pair) => pair.differences.map((mean) => ({ name: name(pair), mean })));
  return chart(pairs.map((pair) => ({ name: name(pair), ...pair.interval })), {
    x: quantity("mean", "regions' AUROC minus the other's, concept by concept"),
    y: category("name", null, { order: pairs.map(name) }),
    marks: [rule({ x: 0 }), on(concepts, strokes()), interval("low", "high", { color: COLOR.blue })],
    height: { step: 44 },
  });
}
