/** What the matches of regions and features say. */
import {
  type DescribedPick,
  type DescribedUnit,
  F1_CUT,
  type Firings,
  type FiringSide,
} from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  type Cell,
  exceeds,
  figure,
  formatNumber,
  headed,
  meanOf,
  meansText,
  percent,
  recordTable,
  resultTable,
  type Setting,
  Sweep,
  tallyText,
} from "../../../src/report/mod.ts";
import {
  chartBlock,
  type CommonFlags,
  type Outcome,
  type OutcomeSection,
  tableBlock,
  textBlock,
} from "../../../src/run/mod.ts";
import { distributionChart, overlapChart, sizesChart } from "./charts.ts";
import { publishedOverlap } from "./published.ts";
import {
  type Compared,
  EXAMPLE,
  exampleRows,
  FEATURE,
  featureRows,
  REGION,
  regionRows,
  SIZE,
  type SizeRow,
  sizeRows,
  SUMMARY,
  type SummaryRow,
  summaryRows,
} from "./rows.ts";

/** Everything that was measured. */
export interface OverlapResult {
  /** By percentile. */
  readonly compared: readonly Compared[];
  /** The one of the plain figures, and its picked units. */
  readonly shown: Compared;
  readonly picks: readonly DescribedPick[];
  readonly features: Firings;
  /** Percentiles that give no dictionary. */
  readonly failed: readonly FailedSetting[];
}

type OverlapSetting = Setting<SummaryRow, "percentile">;
type Name = SummaryRow["comparison"];

/** Tables, charts, findings and the answer. */
export function overlapOutcome(
  flags: CommonFlags & { readonly minimum: number },
  { compared, shown, picks, features, failed }: OverlapResult,
): Outcome {
  const { minimum } = flags;
  const sweep = new Sweep<SummaryRow, "percentile">(compared.flatMap(summaryRows), ["percentile"]);
  const setting = sweep.at({ percentile: shown.percentile })!;
  const sizes = compared.flatMap((one) => sizeRows(one, features, minimum));
  const place = `${setting.name}, first stream order`;
  return {
    title: `EP regions and SAE features of ${flags.model}`,
    answer: `${answer(sweep, setting, shown, minimum)} ${publishedOverlap(flags)}`,
    findings: findings(sweep, setting, compared, shown, failed),
    tables: {
      regions: resultTable(REGION, compared.flatMap((one) => regionRows(one, features))),
      features: resultTable(FEATURE, compared.flatMap((one) => featureRows(one, features))),
      summary: resultTable(SUMMARY, sweep.rows),
      sizes: resultTable(SIZE, sizes),
      examples: resultTable(EXAMPLE, exampleRows(picks, shown.percentile)),
    },
    sections: [
      {
        heading: "How far they agree",
        blocks: [
          chartBlock(
            "overlap",
            overlapChart(sweep.rows),
            `Share of the units with ${minimum} or more firings whose best F1 is above 0.5, over p. ${
              meansText(shown.orders.length, "stream orders or draws", compared.length)
            } ` +
              "Random exemplars: as many training activations in the exemplars' place. Another " +
              "order: its regions are fewer to choose from than features are. Token ids: the F1 of a unit with all " +
              "occurrences of one token. Strongest tokens: the published measure.",
          ),
          tableBlock(
            recordTable(sweep.settings.map((own, i) => regionShares(own, compared[i]))),
            "EP regions, means over orders or draws. K: regions; counted: those that fire often enough; within θ: share of " +
              "the held-out activations. The columns from permuted on are the share with F1 > 0.5 of each comparison.",
            { printed: true },
          ),
          tableBlock(recordTable(sweep.settings.map(featureShares)), "SAE features, as above.", {
            printed: "SAE features:",
          }),
          ...failed.map(({ percentile, reason }) => textBlock(`No dictionary at p ${percentile}: ${reason}.`)),
          chartBlock(
            "distribution",
            distributionChart(setting.rows),
            `Share of the units whose best F1 is above every cut, at ${setting.name}; orders and draws pooled.`,
          ),
        ],
      },
      {
        heading: "By how often they fire",
        blocks: [
          chartBlock(
            "sizes",
            sizesChart(shown, features),
            `Best F1 against firings at ${place}, a dot a unit; grey dots are the same units with the tokens permuted.`,
          ),
          tableBlock(
            sizeTable(sizes.filter(({ percentile }) => percentile === shown.percentile)),
            `Best F1 in bins that double in size, ${place}.`,
          ),
        ],
      },
      ...pickSections(picks, place),
    ],
  };
}

const of = (setting: OverlapSetting, name: Name, side: FiringSide = "regions") =>
  setting.where({ side, comparison: name });
const shareOf = (setting: OverlapSetting, name: Name, side?: FiringSide) => of(setting, name, side).mean("share");

/** Regions with a feature of F1 above the cut, and how many of them a single token id matches as well. */
function sharedCore({ regions, tokenIds }: Compared) {
  const core = [...regions.keys()].filter((unit) => exceeds(regions[unit].f1, F1_CUT));
  return { regions: core.length, alsoTokens: core.filter((unit) => exceeds(tokenIds[unit].f1, F1_CUT)).length };
}

const sizeOf = ({ orders }: Compared) => meanOf(orders.map(({ size }) => size))!;
const withinOf = ({ orders }: Compared) => meanOf(orders.map(({ within }) => within))!;

function answer(sweep: Sweep<SummaryRow, "percentile">, shown: OverlapSetting, compared: Compared, minimum: number) {
  const share = (name: Name, side?: FiringSide) => percent(shareOf(shown, name, side));
  const both = (name: Name) => `${share(name)} and ${share(name, "features")}`;
  const over = (name: Name, side: FiringSide) => {
    const sorted = sweep.settings.filter((setting) => shareOf(setting, name, side) !== null)
      .sort((a, b) => shareOf(a, name, side)! - shareOf(b, name, side)!);
    if (sorted.length === 0) return percent(null);
    if (sorted.length === 1) return percent(shareOf(sorted[0], name, side));
    const shareText = (setting: OverlapSetting) => `${percent(shareOf(setting, name, side))} (${setting.name})`;
    return `${shareText(sorted[0])} to ${shareText(sorted.at(-1)!)}`;
  };
  const random = "random exemplars and SAE";
  const higher = sweep.count((setting) => exceeds(shareOf(setting, "EP and SAE"), shareOf(setting, random)));
  const clear = sweep.count((setting) => {
    const [own, other] = [of(setting, "EP and SAE").range("share"), of(setting, random).range("share")];
    return own !== null && other !== null && own[0] > other[1];
  });
  const count = sweep.settings.length;
  const isRepeated = compared.orders.length > 1;
  const hasOther = shareOf(shown, "EP and EP of another order") !== null;
  const core = sharedCore(compared);
  const counted = (side: FiringSide) => of(shown, "EP and SAE", side).mean("counted");
  if (counted("regions") === 0 || counted("features") === 0) {
    return `How far they agree at ${shown.name} could not be asked: no ${
      counted("regions") === 0 ? "region" : "feature"
    } fires on ${minimum} or more of the held-out tokens. Lower --minimum, or give more --tokens.`;
  }
  return [
    `At ${shown.name} (${formatNumber(Math.round(sizeOf(compared)))} regions) ${
      share("EP and SAE")
    } of the EP regions and`,
    `${share("EP and SAE", "features")} of the SAE features that fire on ${minimum} or more held-out tokens have a`,
    `counterpart on the other side with an F1 above ${F1_CUT}; with the tokens permuted it is`,
    `${both("EP and SAE, tokens permuted")}, with the stream shifted ${both("EP and SAE, tokens shifted")}.`,
    `As many random activations in the exemplars' place reach ${both(random)}; EP's share of regions is higher`,
    `${tallyText(higher, count, "percentile", "at")}${
      isRepeated ? `, ${tallyText(clear, count, "percentile", "at")} without overlap of the orders` : ""
    }.`,
    ...hasOther
      ? [
        `Between two stream orders of the same dictionary ${share("EP and EP of another order")} of the regions have a`,
        "counterpart.",
      ]
      : [],
    `Of the regions with a feature (${core.regions} in the first order) ${core.alsoTokens} are matched as well by a single token`,
    `id, as are ${share("token ids")} of all regions and ${share("token ids", "features")} of all features.`,
    `Pairs, one to one: ${compared.pairs.length}.`,
    ...count === 1 ? [] : [
      `Over p the regions' share runs from ${over("EP and SAE", "regions")}, the features' from`,
      `${over("EP and SAE", "features")}.`,
    ],
    `By the published measure, the strongest tokens of soft activations, they ${count === 1 ? "are" : "run from"}`,
    `${over("EP and SAE, strongest tokens", "regions")} and ${count === 1 ? "" : "from "}${
      over("EP and SAE, strongest tokens", "features")
    }.`,
  ].join(" ");
}

/** Arrays are by percentile; numbers whose names begin with `shown_` are of the percentile that the report shows. */
function findings(
  { settings }: Sweep<SummaryRow, "percentile">,
  shown: OverlapSetting,
  compared: readonly Compared[],
  shownCompared: Compared,
  failed: readonly FailedSetting[],
): Outcome["findings"] {
  const shares = (name: Name, side?: FiringSide) => settings.map((setting) => shareOf(setting, name, side));
  const both = (key: string, name: Name) => ({ [key]: shares(name), [`${key}_sae`]: shares(name, "features") });
  const own = (figure: "counted" | "mean" | "median", side: FiringSide) =>
    settings.map((setting) => of(setting, "EP and SAE", side).mean(figure));
  const core = sharedCore(shownCompared);
  return {
    percentiles: compared.map(({ percentile }) => percentile),
    regions: compared.map(sizeOf),
    regions_counted: own("counted", "regions"),
    features_counted: own("counted", "features"),
    share_within_threshold: compared.map(withinOf),
    share_f1_above_half_ep: shares("EP and SAE"),
    share_f1_above_half_sae: shares("EP and SAE", "features"),
    ...both("share_shuffled", "EP and SAE, tokens permuted"),
    ...both("share_shifted", "EP and SAE, tokens shifted"),
    ...both("share_random_exemplars", "random exemplars and SAE"),
    share_other_order: shares("EP and EP of another order"),
    ...both("share_token_ids", "token ids"),
    share_strongest_ep: shares("EP and SAE, strongest tokens"),
    share_strongest_sae: shares("EP and SAE, strongest tokens", "features"),
    mean_f1_ep: own("mean", "regions"),
    mean_f1_sae: own("mean", "features"),
    median_f1_ep: own("median", "regions"),
    median_f1_sae: own("median", "features"),
    one_to_one_pairs: compared.map(({ pairs }) => pairs.length),
    shown_percentile: shownCompared.percentile,
    shown_share_ep: shareOf(shown, "EP and SAE"),
    shown_share_sae: shareOf(shown, "EP and SAE", "features"),
    shown_share_shuffled: shareOf(shown, "EP and SAE, tokens permuted"),
    shown_share_random_exemplars: shareOf(shown, "random exemplars and SAE"),
    shown_share_other_order: shareOf(shown, "EP and EP of another order"),
    shown_shared_regions: core.regions,
    shown_shared_regions_that_are_token_ids: core.alsoTokens,
    percentiles_without_dictionary: failed.map(({ percentile }) => percentile),
  };
}

/** One percentile: regions that have a feature. */
function regionShares(setting: OverlapSetting, compared: Compared) {
  return {
    ...headed(SUMMARY, { percentile: compared.percentile }),
    K: Math.round(sizeOf(compared)),
    ...headed(SUMMARY, { counted: Math.round(of(setting, "EP and SAE").mean("counted")!) }),
    "within θ": withinOf(compared),
    ...shares(setting, "regions"),
    "other order": shareOf(setting, "EP and EP of another order"),
  };
}

/** One percentile: features that have a region. */
function featureShares(setting: OverlapSetting) {
  const counted = Math.round(of(setting, "EP and SAE", "features").mean("counted")!);
  return { ...headed(SUMMARY, { percentile: setting.key.percentile, counted }), ...shares(setting, "features") };
}

function shares(setting: OverlapSetting, side: FiringSide) {
  return {
    ...headed(SUMMARY, {
      share: shareOf(setting, "EP and SAE", side),
      median: of(setting, "EP and SAE", side).mean("median"),
    }),
    permuted: shareOf(setting, "EP and SAE, tokens permuted", side),
    random: shareOf(setting, "random exemplars and SAE", side),
    "token ids": shareOf(setting, "token ids", side),
    strongest: shareOf(setting, "EP and SAE, strongest tokens", side),
  };
}

function sizeTable(sizes: readonly SizeRow[]) {
  return recordTable(sizes.map(({ side, from, below, units, share, median, permuted }) => ({
    side: side === "regions" ? "EP regions" : "SAE features",
    firings: `${from} to ${below - 1}`,
    ...headed(SIZE, { units, share, median, permuted }),
  })));
}

function pickSections(picks: readonly DescribedPick[], place: string): OutcomeSection[] {
  const section = (kind: DescribedPick["kind"], heading: string, caption: string): OutcomeSection => {
    const rows = picks.filter((pick) => pick.kind === kind).flatMap(pickCells);
    return {
      heading,
      blocks: [rows.length === 0 ? textBlock("None.") : tableBlock(recordTable(rows), `${caption} ${place}.`)],
    };
  };
  return [
    section(
      "shared",
      "Shared core",
      "Pairs of highest F1, one to one. Contexts are firings at equal steps along the stream, not the strongest.",
    ),
    section(
      "shared, no single token",
      "Shared core beyond single tokens",
      "Pairs of highest F1 whose region no token id matches with an F1 above 0.5.",
    ),
    section(
      "EP only",
      "What only EP has",
      "Of the larger and more coherent half of the regions those of lowest best F1, and the features that cover most of them.",
    ),
    section(
      "SAE only",
      "What only the SAE has",
      "Of the features that fire most (half of them) those of lowest best F1, and the regions that cover most of them.",
    ),
  ];
}

/** A line for the picked unit, and one for its best match under it. */
function pickCells({ kind, unit, best, f1, parts }: DescribedPick): Record<string, Cell>[] {
  const others = parts.map(({ unit, covers }) =>
    `${percent(covers)} by ${nameOf(unit)} (${formatNumber(unit.firings)} firings)`
  );
  const isShared = kind === "shared" || kind === "shared, no single token";
  const cells = (unit: DescribedUnit, name: string, covered: string): Record<string, Cell> => ({
    unit: name,
    firings: unit.firings,
    "fired by": unit.tokens,
    "logit lens": unit.lens,
    contexts: unit.contexts,
    ...!isShared && { covered },
  });
  const own = cells(unit, nameOf(unit), others.join(", "));
  return best ? [own, cells(best, `best match, F1 ${figure(f1)}: ${nameOf(best)}`, "")] : [own];
}

const nameOf = ({ side, number }: DescribedUnit) => `${side} ${number}`;
