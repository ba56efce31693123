/** Arrow tables of `overlap`. */
import { type BestMatches, firingCount, type Firings, unitCount } from "../../../src/analysis/mod.ts";
import { type TableColumn, wholeColumn as whole } from "../../../src/report/mod.ts";
import type { Example } from "./examples.ts";
import { type Measured, summarise } from "./measure.ts";
import type { SizeRow } from "./sizes.ts";
import { percentileOf } from "./summary.ts";

/** A row for every percentile and region of the first order. */
export function regionColumns(all: readonly Measured[], features: Firings): TableColumn[] {
  const rows = all.flatMap((measured) => {
    const { orders: [order], regions, otherOrder, tokenIds, permutedRegions } = measured;
    return matchRows(measured, order.firings, features, regions, permutedRegions).map((row) => ({
      ...row,
      coherence: order.coherences[row.unit],
      other: otherOrder?.f1[row.unit] ?? NaN,
      token: tokenIds.units[row.unit],
      tokenF1: tokenIds.f1[row.unit],
    }));
  });
  return [
    ...matchColumns(rows, "region", "feature"),
    { name: "coherence", values: rows.map((r) => r.coherence), description: "of its members in training, 0..1" },
    {
      name: "other_order_f1",
      values: rows.map((r) => r.other),
      description: "best F1 with a region of the second order",
    },
    whole("token_id", rows.map((r) => r.token), "token id whose occurrences match it best; -1 without one"),
    { name: "token_id_f1", values: rows.map((r) => r.tokenF1), description: "F1 with that token id" },
  ];
}

/** A row for every percentile and feature. */
export function featureColumns(all: readonly Measured[], features: Firings): TableColumn[] {
  const rows = all.flatMap((measured) =>
    matchRows(measured, features, measured.orders[0].firings, measured.features, measured.permutedFeatures)
  );
  return matchColumns(rows, "feature", "region");
}

/** A row for every percentile, side, comparison and seed. */
export function summaryColumns(all: readonly Measured[]): TableColumn[] {
  const rows = all.flatMap(({ comparisons }) => comparisons.map((row) => ({ ...row, ...summarise(row.f1) })));
  return [
    { name: "percentile", values: rows.map((r) => r.percentile), description: "p, 0..100" },
    { name: "side", values: rows.map((r) => r.side), description: "whose units look for their best counterpart" },
    { name: "comparison", values: rows.map((r) => r.name), description: "what is compared" },
    whole("seed", rows.map((r) => r.seed), "stream order, or draw of the tokens' numbers"),
    whole("counted", rows.map((r) => r.counted), "units that fire often enough to count"),
    { name: "share", values: rows.map((r) => r.share), description: "share of them with a best F1 above 0.5" },
    { name: "mean", values: rows.map((r) => r.mean), description: "mean best F1" },
    { name: "median", values: rows.map((r) => r.median), description: "median best F1" },
  ];
}

/** A row for every percentile, side and bin of firings. */
export function sizeColumns(rows: readonly SizeRow[]): TableColumn[] {
  return [
    { name: "percentile", values: rows.map((r) => r.percentile), description: "p, 0..100" },
    { name: "side", values: rows.map((r) => r.side), description: "whose units look for their best counterpart" },
    whole("from", rows.map((r) => r.from), "firings of the bin's units, at least"),
    whole("below", rows.map((r) => r.below), "firings of the bin's units, fewer than"),
    whole("units", rows.map((r) => r.units), "units in the bin"),
    { name: "share", values: rows.map((r) => r.share), description: "share of them with a best F1 above 0.5" },
    { name: "median", values: rows.map((r) => r.median), description: "median best F1" },
    { name: "permuted", values: rows.map((r) => r.permuted), description: "mean best F1 with the tokens permuted" },
  ];
}

/** A row for every unit shown: the picked ones, their counterparts and the parts of the other side. */
export function exampleColumns(examples: readonly Example[], percentile: number): TableColumn[] {
  const rows = examples.flatMap(({ kind, unit, best, f1, parts }, example) => [
    { example, kind, role: "unit", unit, f1, covers: 1 },
    ...(best ? [{ example, kind, role: "best match", unit: best, f1, covers: NaN }] : []),
    ...parts.map((part) => ({ example, kind, role: "part", unit: part.unit, f1: NaN, covers: part.covers })),
  ]);
  const texts = (name: string, values: string[], description: string) => ({ name, values, description });
  return [
    { name: "percentile", values: rows.map(() => percentile), description: "p, 0..100" },
    whole("example", rows.map((r) => r.example), "number of the example"),
    texts("kind", rows.map((r) => r.kind), "who has the picked unit: shared, EP only or SAE only"),
    texts(
      "role",
      rows.map((r) => r.role),
      "the picked unit, its best match, or a unit that fires on part of its tokens",
    ),
    texts("side", rows.map((r) => r.unit.side), "region or feature"),
    whole("number", rows.map((r) => r.unit.number), "number of the region or feature"),
    whole("firings", rows.map((r) => r.unit.firings), "held-out tokens that fire it"),
    { name: "f1", values: rows.map((r) => r.f1), description: "F1 of the picked unit and its best match" },
    {
      name: "covers",
      values: rows.map((r) => r.covers),
      description: "share of the picked unit's tokens that fire a part",
    },
    texts("tokens", rows.map((r) => r.unit.tokens), "most frequent tokens among its firings, with shares"),
    texts("lens", rows.map((r) => r.unit.lens), "logit lens of the mean direction, or of the feature's decoder"),
    texts(
      "contexts",
      rows.map((r) => r.unit.contexts.map(({ before, token, after }) => `${before}[[${token}]]${after}`).join("\n")),
      "firings at equal steps along the stream, one a line, the token in [[ ]]",
    ),
  ];
}

function matchRows(measured: Measured, own: Firings, other: Firings, matches: BestMatches, permuted: Float64Array) {
  return Array.from({ length: unitCount(own) }, (_, unit) => {
    const [best, shared] = [matches.units[unit], matches.shared[unit]];
    const firings = firingCount(own, unit);
    return {
      percentile: percentileOf(measured),
      unit,
      firings,
      best,
      f1: matches.f1[unit],
      precision: best < 0 ? NaN : shared / firingCount(other, best),
      recall: best < 0 ? NaN : shared / firings,
      permuted: permuted[unit],
    };
  });
}

function matchColumns(
  rows: readonly ReturnType<typeof matchRows>[number][],
  own: string,
  other: string,
): TableColumn[] {
  return [
    { name: "percentile", values: rows.map((r) => r.percentile), description: "p, 0..100" },
    whole(own, rows.map((r) => r.unit), `number of the ${own}`),
    whole("firings", rows.map((r) => r.firings), "held-out tokens that fire it"),
    whole(`best_${other}`, rows.map((r) => r.best), `${other} of largest F1; -1 without one`),
    {
      name: "f1",
      values: rows.map((r) => r.f1),
      description: "F1 of the two sets of tokens; NaN if it fires too seldom",
    },
    {
      name: "precision",
      values: rows.map((r) => r.precision),
      description: `share of the ${other}'s tokens that fire it`,
    },
    { name: "recall", values: rows.map((r) => r.recall), description: `share of its tokens that fire the ${other}` },
    { name: "permuted_f1", values: rows.map((r) => r.permuted), description: "mean best F1 with the tokens permuted" },
  ];
}
