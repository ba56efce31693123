/** Arrow tables of `drift`. */
import { TEMPLATE_PARTS } from "../../../src/activations/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  numberColumn as number,
  type SettingKey as Setting,
  type TableColumn,
  wholeColumn as whole,
  wordsColumn as words,
} from "../../../src/report/mod.ts";
import type { Results } from "../../../src/run/mod.ts";
import type { MatchRow } from "./matches.ts";
import type { FinalTokens, RefusalRegion, Side } from "./tokens.ts";

/** What is measured, for the tables. */
export interface DriftTables {
  readonly matches: readonly MatchRow[];
  readonly tokens: readonly FinalTokens[];
  readonly refusals: readonly RefusalRegion[];
  /** Settings of chat prompts that give no dictionary. */
  readonly failed: Readonly<Record<Side, readonly FailedSetting[]>>;
}

/** Writes all tables. */
export async function saveDriftTables(save: Results, tables: DriftTables): Promise<void> {
  await save.table("matches", matchColumns(tables.matches));
  await save.table("pairs", pairColumns(tables.matches));
  await save.table("final_tokens", tokenColumns(tables));
  await save.table("final_regions", regionColumns(tables.tokens));
  await save.table("refusal_regions", refusalColumns(tables.refusals));
}

function settingColumns(rows: readonly Setting[]): TableColumn[] {
  return [
    whole("layer", rows.map((r) => r.layer), "block that is read, at the hook of the run"),
    number("percentile", rows.map((r) => r.percentile), "p, 0..100"),
  ];
}

function matchColumns(rows: readonly MatchRow[]): TableColumn[] {
  return [
    ...settingColumns(rows),
    words("comparison", rows.map((r) => r.comparison), "which two dictionaries are matched"),
    whole("seed_a", rows.map((r) => r.seeds[0]), "stream order of the first"),
    whole("seed_b", rows.map((r) => r.seeds[1]), "stream order of the second"),
    whole("regions_a", rows.map((r) => r.sizes[0]), "regions of the first"),
    whole("regions_b", rows.map((r) => r.sizes[1]), "regions of the second"),
    number("median_cosine", rows.map((r) => r.median), "median cosine of the matched pairs"),
    whole("persisted", rows.map((r) => r.persisted), "pairs whose cosine reaches the cut"),
    whole("dropped", rows.map((r) => r.dropped), "regions of the first without such a partner"),
    whole("introduced", rows.map((r) => r.introduced), "regions of the second without such a partner"),
  ];
}

function pairColumns(matches: readonly MatchRow[]): TableColumn[] {
  const rows = matches.flatMap((match) => Array.from(match.cosines, (cosine) => ({ ...match, cosine })));
  return [
    ...settingColumns(rows),
    words("comparison", rows.map((r) => r.comparison), "which two dictionaries are matched"),
    whole("seed_a", rows.map((r) => r.seeds[0]), "stream order of the first"),
    whole("seed_b", rows.map((r) => r.seeds[1]), "stream order of the second"),
    number("cosine", rows.map((r) => r.cosine), "cosine of the pair's mean directions"),
  ];
}

function tokenColumns({ tokens, failed }: DriftTables): TableColumn[] {
  const failures = (["base", "instruct"] as const).flatMap((model) => failed[model].map((row) => ({ ...row, model })));
  const rows: (Partial<FinalTokens> & Setting & { model: Side; threshold: number; reason?: string })[] = [
    ...tokens,
    ...failures,
  ];
  const of = (value: (row: Partial<FinalTokens>) => number | undefined) => rows.map((row) => value(row) ?? null);
  return [
    ...settingColumns(rows),
    words("model", rows.map((r) => r.model), "base or instruct"),
    number("seed", of((r) => r.seed), "stream order; none where no dictionary could be made"),
    number("threshold", rows.map((r) => r.threshold), "cosine distance, 0..2"),
    number("regions", of((r) => r.size), "regions of all positions"),
    number("final_token_regions", of((r) => r.split?.length), "regions that hold final tokens"),
    number("largest_region", of((r) => r.split?.[0].members), "final tokens in the largest of them"),
    number("max_harmful_share", of((r) => r.maxShare), "largest harmful share, regions of enough final tokens"),
    number("max_harmful_share_shuffled", of((r) => r.maxShareShuffled), "the same with shuffled labels, mean"),
    number("purity", of((r) => r.purity), "share of final tokens with their region's majority label"),
    number("purity_shuffled", of((r) => r.purityShuffled), "the same with shuffled labels, mean"),
    number("heldout_accuracy", of((r) => r.accuracy), "balanced accuracy of the majority labels, held-out prompts"),
    words("failure", rows.map((r) => r.reason ?? ""), "why there is no dictionary, if so"),
  ];
}

function regionColumns(tokens: readonly FinalTokens[]): TableColumn[] {
  const rows = tokens.flatMap((row) => row.split.map((region) => ({ ...row, ...region })));
  return [
    ...settingColumns(rows),
    words("model", rows.map((r) => r.model), "base or instruct"),
    whole("seed", rows.map((r) => r.seed), "stream order"),
    whole("region", rows.map((r) => r.region), "number in its dictionary"),
    whole("final_tokens", rows.map((r) => r.members), "final tokens in it"),
    number("harmful_share", rows.map((r) => r.share), "share of them of harmful prompts"),
  ];
}

function refusalColumns(rows: readonly RefusalRegion[]): TableColumn[] {
  const sides = [
    ["refusal", "the refusal region", (row: RefusalRegion) => row.refusal],
    ["base", "the base model's nearest region", (row: RefusalRegion) => row.base],
    ["reorder", "the instruct model's nearest region of another stream order", (row: RefusalRegion) => row.reorder],
  ] as const;
  return [
    ...settingColumns(rows),
    whole("seed", rows.map((r) => r.seed), "stream order"),
    number("refusal_rate", rows.map((r) => r.rate), "share of refused prompts among its final tokens"),
    whole("final_tokens", rows.map((r) => r.finals), "final tokens in the refusal region"),
    number("base_cosine", rows.map((r) => r.base.cosine), "cosine with the base model's nearest region"),
    number("reorder_cosine", rows.map((r) => r.reorder.cosine), "cosine with the nearest of another stream order"),
    number("chance_cosine", rows.map((r) => r.chance), "cosine with the nearest of the rotated base regions"),
    ...sides.flatMap(([name, words, of]) => [
      whole(`${name}_region`, rows.map((r) => of(r).region), `number of ${words}`),
      whole(`${name}_members`, rows.map((r) => of(r).members), `members of ${words}, all positions`),
      number(`${name}_harmful`, rows.map((r) => of(r).harmful), `share of the members of ${words} in harmful prompts`),
      ...TEMPLATE_PARTS.map((part, i) =>
        number(`${name}_${part}`, rows.map((r) => of(r).parts[i]), `share of the members of ${words}: ${part}`)
      ),
    ]),
  ];
}
