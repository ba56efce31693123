/** Charts of `drift`. */
import type { RegionShare } from "../../../src/analysis/mod.ts";
import { TEMPLATE_PARTS, type TemplatePart } from "../../../src/activations/mod.ts";
import {
  band,
  by,
  byLayer,
  category,
  chart,
  type ChartSpec,
  COLOR,
  gradient,
  grid,
  means,
  percentileAxis,
  quantity,
  rule,
  seeds,
  segments,
  series,
  share,
  stacks,
} from "../../../src/report/mod.ts";
import { COMPARISONS, type FinalTokensRow, type MatchRow, type RefusalRow } from "./rows.ts";

const COMPARISON = series("comparison", {
  [COMPARISONS["same order"]]: COLOR.vermilion,
  [COMPARISONS["other order"]]: COLOR.orange,
  [COMPARISONS["first with itself"]]: COLOR.blue,
  [COMPARISONS["second with itself"]]: COLOR.sky,
  [COMPARISONS.chance]: COLOR.chance,
});

/** Steps of the cosine axis. */
const STEPS = 50;

/** Share of the smaller dictionary's regions whose partner reaches a cosine, with the range over stream orders. */
export function matchesChart(rows: readonly MatchRow[], cut: number): ChartSpec {
  const shares = rows.flatMap(({ layer, comparison, seedA, seedB, cosines }) =>
    Array.from({ length: STEPS + 1 }, (_, i) => {
      const cosine = i / STEPS;
      const reached = cosines.filter((c) => c >= cosine).length / cosines.length;
      return { layer, comparison, seeds: `${seedA}-${seedB}`, cosine, share: reached };
    })
  );
  return chart(shares, {
    panels: byLayer(),
    x: quantity("cosine", "cosine c of the pair", { ticks: 5 }),
    y: share("share", "share of pairs at c or above"),
    color: COMPARISON,
    marks: [band(), means(), rule({ x: cut })],
  });
}

/** Median cosine of the matched pairs against p: points are stream orders, lines their means. */
export function mediansChart(rows: readonly MatchRow[]): ChartSpec {
  return chart(rows, {
    panels: byLayer(),
    x: percentileAxis(),
    y: quantity("medianCosine", "median cosine of matched pairs", { domain: [0, 1] }),
    color: COMPARISON,
    marks: [means(), seeds()],
  });
}

/** Final tokens as a bar a dictionary: a segment a region, as wide as the tokens in it, coloured by their harmful share. */
export function finalTokensChart(rows: readonly FinalTokensRow[]): ChartSpec {
  const regions = rows.flatMap(({ model, seed, split }) => {
    let start = 0;
    return byShare(split).map(({ region, members, share }) => {
      start += members;
      return { model, order: `order ${seed}`, region, share, from: start - members, to: start };
    });
  });
  return chart(regions, {
    panels: grid(by("model")),
    x: quantity("from", "final tokens, a segment a region", { nice: false }),
    y: category("order"),
    color: gradient("share", "harmful share", [[0, COLOR.blue], [0.5, COLOR.faint], [1, COLOR.vermilion]], "%"),
    marks: [segments("from", "to")],
    width: 560,
    height: { step: 34 },
  });
}

const byShare = (split: readonly RegionShare[]) => split.toSorted((a, b) => b.share - a.share || b.members - a.members);

/** Held-out balanced accuracy of the regions' majority labels against p, chance as a rule. */
export function accuracyChart(rows: readonly FinalTokensRow[]): ChartSpec {
  return chart(rows, {
    panels: byLayer(),
    x: percentileAxis(),
    y: quantity("heldoutAccuracy", "balanced accuracy, held-out prompts", { domain: [0.4, 1], zero: false }),
    color: series("model", { base: COLOR.blue, instruct: COLOR.vermilion }),
    marks: [rule({ y: 0.5 }), means(), seeds()],
  });
}

const WHOSE = {
  refusal: "refusal region",
  reorder: "nearest in another order",
  base: "nearest in base",
  overall: "all activations",
} as const;
const PARTS: Readonly<Record<TemplatePart, string>> = {
  before: "template, before",
  instruction: "instruction",
  after: "template, after",
  final: "final token",
};

/**
 * Where in the prompts the members of the refusal region and of its nearest regions lie, by setting and beside all
 * activations: means over stream orders.
 */
export function positionsChart(
  rows: readonly RefusalRow[],
  overall: Readonly<Record<TemplatePart, number>>,
): ChartSpec {
  const shares = rows.flatMap(({ layer, percentile, members: { refusal, reorder, base } }) =>
    Object.entries({ refusal, reorder, base, overall }).flatMap(([whose, shares]) =>
      TEMPLATE_PARTS.map((part) => {
        return { layer, percentile, what: WHOSE[whose as keyof typeof WHOSE], part: PARTS[part], share: shares[part] };
      })
    )
  );
  const colors = {
    [PARTS.before]: COLOR.quiet,
    [PARTS.instruction]: COLOR.green,
    [PARTS.after]: COLOR.sky,
    [PARTS.final]: COLOR.vermilion,
  };
  return chart(shares, {
    panels: grid(by("what", { order: Object.values(WHOSE) }), byLayer()),
    x: percentileAxis(),
    y: share("share", "share", { ticks: 3 }),
    color: series("part", colors, { title: "position in the prompt" }),
    marks: [stacks()],
    width: 150,
    height: 90,
  });
}
