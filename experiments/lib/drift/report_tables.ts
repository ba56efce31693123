/** Tables of `drift`'s report. */
import { TEMPLATE_PARTS } from "../../../src/activations/mod.ts";
import { type Cell, distinctSettings, formatNumber, meanOfAll as meanOf, ofSetting } from "../../../src/report/mod.ts";
import { COMPARISONS, type MatchRow } from "./matches.ts";
import { sideOf, summarise } from "./summary.ts";
import type { DriftTables } from "./tables.ts";
import type { FinalTokens, RefusalRegion, Side } from "./tokens.ts";
import { publishedDrift } from "./published.ts";

/** A table of the report. */
export interface Table {
  columns: string[];
  rows: Cell[][];
}

/** Matchings by setting, the published figures beside them where the model is theirs. */
export function matchTable(model: string, matches: readonly MatchRow[]): Table {
  const settings = distinctSettings(matches);
  const published = settings.map(({ layer }) => publishedDrift(model, layer));
  const hasPublished = published.some(Boolean);
  return {
    columns: [
      "block",
      "p",
      "base regions",
      "instruct regions",
      "median, same order",
      ...(hasPublished ? ["published median", "published pairs ≥ 0.7"] : []),
      "other order",
      "base floor",
      "instruct floor",
      "chance",
      "persisted",
      "dropped",
      "introduced",
      "dropped, other order",
      "dropped by order alone",
    ],
    rows: settings.map((setting, i) => {
      const summary = summarise(ofSetting(matches, setting), NaN);
      const [same, other, floor, itFloor, chance] = COMPARISONS.map((comparison) => summary[comparison]);
      return [
        setting.layer,
        setting.percentile,
        Math.round(same.regions[0]),
        Math.round(same.regions[1]),
        round(same.median),
        ...(hasPublished ? [published[i]?.median ?? null, published[i]?.pairs ?? null] : []),
        round(other.median),
        round(floor.median),
        round(itFloor.median),
        round(chance.median),
        Math.round(same.persisted),
        Math.round(same.dropped),
        Math.round(same.introduced),
        Math.round(other.dropped),
        Math.round(floor.dropped),
      ];
    }),
  };
}

/** Final tokens by setting and model, failed settings too. */
export function tokenTable(tokens: readonly FinalTokens[], { failed }: Pick<DriftTables, "failed">): Table {
  const side = (model: Side): Cell[][] => [
    ...failed[model].map(({ layer, percentile, threshold }): Cell[] => {
      const note = `failed: threshold ${formatNumber(threshold)}`;
      return [layer, percentile, model, null, null, null, null, null, null, null, note];
    }),
    ...distinctSettings(sideOf(tokens, model)).map((setting): Cell[] => {
      const rows = sideOf(ofSetting(tokens, setting), model);
      const mean = (value: (row: FinalTokens) => number) => meanOf(rows.map(value));
      return [
        setting.layer,
        setting.percentile,
        model,
        Math.round(mean((row) => row.size)),
        round(mean((row) => row.split.length)),
        Math.round(mean((row) => row.split[0].members)),
        round(mean((row) => row.maxShare)),
        round(mean((row) => row.maxShareShuffled)),
        round(mean((row) => row.purity - row.purityShuffled)),
        round(mean((row) => row.accuracy)),
        "",
      ];
    }),
  ];
  return {
    columns: [
      "block",
      "p",
      "model",
      "regions",
      "final-token regions",
      "in the largest",
      "max harmful share",
      "shuffled",
      "purity above shuffled",
      "held-out accuracy",
      "note",
    ],
    rows: [...side("base"), ...side("instruct")].sort((a, b) =>
      Number(a[0]) - Number(b[0]) || Number(a[1]) - Number(b[1])
    ),
  };
}

/** Refusal regions and what is nearest to them. */
export function refusalTable(rows: readonly RefusalRegion[]): Table {
  const final = TEMPLATE_PARTS.indexOf("final");
  return {
    columns: [
      "block",
      "p",
      "order",
      "members",
      "final tokens",
      "refusal rate",
      "base cosine",
      "other-order cosine",
      "chance cosine",
      "final share",
      "base final share",
      "base instruction share",
      "base harmful share",
    ],
    rows: rows.map((row) => [
      row.layer,
      row.percentile,
      row.seed,
      row.refusal.members,
      row.finals,
      round(row.rate),
      round(row.base.cosine),
      round(row.reorder.cosine),
      round(row.chance),
      round(row.refusal.parts[final]),
      round(row.base.parts[final]),
      round(row.base.parts[TEMPLATE_PARTS.indexOf("instruction")]),
      round(row.base.harmful),
    ]),
  };
}

/** The rows as they are printed. */
export const rowsOf = ({ columns, rows }: Table) =>
  rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] as number | string | null])));

const round = (value: number) => Math.round(value * 1e3) / 1e3;
