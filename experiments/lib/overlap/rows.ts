/** Result rows of `overlap`. */
import {
  type BestMatch,
  type ComparedFirings,
  type ComparedSide,
  type DescribedPick,
  type DictionaryFirings,
  F1_BY_SIZE,
  F1_FIGURES,
  f1BySize,
  f1Figures,
  FIRING_COMPARISONS,
  FIRING_SIDES,
  firingCount,
  type Firings,
  PICK_KINDS,
} from "../../../src/analysis/mod.ts";
import { contextText, number, oneOf, PERCENTILE, row, type RowOf, whole, words } from "../../../src/report/mod.ts";

/** What was compared at one percentile. */
export interface Compared extends ComparedFirings {
  readonly percentile: number;
  /** The dictionary of each stream order. */
  readonly orders: readonly DictionaryFirings[];
}

const SIDE = oneOf(FIRING_SIDES, "whose units look for their best counterpart");
const SELDOM = { missing: "it fires too seldom to count" } as const;
const NO_MATCH = { missing: "it fires too seldom, or shares no token with a unit that counts" } as const;

/** One percentile, side, comparison and seed. */
export const SUMMARY = row({
  percentile: PERCENTILE,
  side: SIDE,
  comparison: oneOf(FIRING_COMPARISONS, "what is compared"),
  seed: whole("stream order, or draw of the tokens' numbers"),
  ...F1_FIGURES,
});
/** A row of {@linkcode SUMMARY}, with the best F1 of every unit. */
export type SummaryRow = RowOf<typeof SUMMARY> & Pick<ComparedSide, "f1">;

/** One percentile, side and bin of firings. */
export const SIZE = row({ percentile: PERCENTILE, side: SIDE, ...F1_BY_SIZE });
/** A row of {@linkcode SIZE}. */
export type SizeRow = RowOf<typeof SIZE>;

const matchFields = (other: string) =>
  row({
    f1: number("F1 of the two sets of tokens", SELDOM),
    precision: number(`share of the ${other}'s tokens that fire it`, NO_MATCH),
    recall: number(`share of its tokens that fire the ${other}`, NO_MATCH),
    permutedF1: number("mean best F1 with the tokens permuted", SELDOM),
  });

/** One region of the first order. */
export const REGION = row({
  percentile: PERCENTILE,
  region: whole("number of the region"),
  firings: whole("held-out tokens that fire it"),
  bestFeature: whole("feature of largest F1", NO_MATCH),
  ...matchFields("feature"),
  coherence: number("of its members in training, 0..1"),
  otherOrderF1: number("best F1 with a region of the second order", {
    missing: "it fires too seldom to count, or there is no second order",
  }),
  tokenId: whole("token id whose occurrences match it best", NO_MATCH),
  tokenIdF1: number("F1 with that token id", SELDOM),
});

/** One feature. */
export const FEATURE = row({
  percentile: PERCENTILE,
  feature: whole("number of the feature"),
  firings: whole("held-out tokens that fire it"),
  bestRegion: whole("region of largest F1", NO_MATCH),
  ...matchFields("region"),
});

/** One unit that is shown: a picked one, its counterpart, or a part of the other side. */
export const EXAMPLE = row({
  percentile: PERCENTILE,
  example: whole("number of the example"),
  kind: oneOf(PICK_KINDS, "who has the picked unit: shared, EP only or SAE only"),
  role: oneOf(
    ["unit", "best match", "part"],
    "the picked unit, its best match, or a unit that fires on part of its tokens",
  ),
  side: oneOf(["region", "feature"], "region or feature"),
  number: whole("number of the region or feature"),
  firings: whole("held-out tokens that fire it"),
  f1: number("F1 of the picked unit and its best match", { missing: "of a part" }),
  covers: number("share of the picked unit's tokens that fire a part", { missing: "of a best match" }),
  tokens: words("most frequent tokens among its firings, with shares"),
  lens: words("logit lens of the mean direction, or of the feature's decoder"),
  contexts: words("firings at equal steps along the stream, one a line, the token in [[ ]]"),
});

/** The figures of every comparison at one percentile. */
export function summaryRows({ percentile, comparisons }: Compared): SummaryRow[] {
  return comparisons.map((compared) => ({ percentile, ...compared, ...f1Figures(compared.f1) }));
}

/** Best F1 by firings at one percentile, first order. */
export function sizeRows(compared: Compared, features: Firings, minimum: number): SizeRow[] {
  const { percentile, orders: [{ firings }], regions, permutedRegions, permutedFeatures } = compared;
  const bins = {
    regions: f1BySize(firings, regions.map(({ f1 }) => f1), permutedRegions, minimum),
    features: f1BySize(features, compared.features.map(({ f1 }) => f1), permutedFeatures, minimum),
  };
  return FIRING_SIDES.flatMap((side) => bins[side].map((bin) => ({ percentile, side, ...bin })));
}

/** The regions of one percentile, first order. */
export function regionRows(compared: Compared, features: Firings): RowOf<typeof REGION>[] {
  const { percentile, orders: [{ firings, coherences }], regions, otherOrder, tokenIds, permutedRegions } = compared;
  return matchRows(firings, features, regions, permutedRegions).map(({ unit: region, best, ...match }) => ({
    ...{ percentile, region, bestFeature: best, ...match },
    coherence: coherences[region],
    otherOrderF1: otherOrder?.[region].f1 ?? null,
    tokenId: tokenIds[region].unit,
    tokenIdF1: tokenIds[region].f1,
  }));
}

/** The features at one percentile. */
export function featureRows(compared: Compared, features: Firings): RowOf<typeof FEATURE>[] {
  const { percentile, orders: [{ firings }], permutedFeatures } = compared;
  return matchRows(features, firings, compared.features, permutedFeatures)
    .map(({ unit: feature, best, ...match }) => ({ percentile, feature, bestRegion: best, ...match }));
}

/** The units that are shown, of one percentile. */
export function exampleRows(picks: readonly DescribedPick[], percentile: number): RowOf<typeof EXAMPLE>[] {
  return picks.flatMap(({ kind, unit, best, f1, parts }, example) => {
    const shown = [
      { role: "unit" as const, unit, f1, covers: 1 },
      ...best ? [{ role: "best match" as const, unit: best, f1, covers: null }] : [],
      ...parts.map((part) => ({ role: "part" as const, unit: part.unit, f1: null, covers: part.covers })),
    ];
    return shown.map(({ role, unit, f1, covers }) => {
      const contexts = unit.contexts.map(contextText).join("\n");
      return { percentile, example, kind, role, ...unit, f1, covers, contexts };
    });
  });
}

function matchRows(
  own: Firings,
  other: Firings,
  matches: readonly BestMatch[],
  permuted: readonly (number | null)[],
) {
  return matches.map(({ unit: best, shared, f1 }, unit) => {
    const firings = firingCount(own, unit);
    return {
      ...{ unit, firings, best, f1 },
      precision: best === null ? null : shared / firingCount(other, best),
      recall: best === null ? null : shared / firings,
      permutedF1: permuted[unit],
    };
  });
}
