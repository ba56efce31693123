/** What `drift` leaves to look at: tables, charts, report, findings. */
import { quantiles } from "../../src/analysis/quantile.ts";
import { TEMPLATE_PARTS } from "../../src/analysis/template_parts.ts";
import { type Cell, type ChartSpec, formatNumber, saveChart, type Section, writeReport } from "../../src/report/mod.ts";
import type { Run } from "./cli.ts";
import { accuracyChart, finalTokensChart, matchesChart, mediansChart, positionsChart } from "./drift_charts.ts";
import { type Comparison, COMPARISONS, type MatchRow } from "./drift_matches.ts";
import { type DriftTables, saveDriftTables } from "./drift_tables.ts";
import type { FinalTokens, PromptLabels, RefusalRegion, Side } from "./drift_tokens.ts";
import type { Flags } from "./flags.ts";
import { printTable } from "./print.ts";
import type { Places } from "./prompt_partition.ts";
import { publishedDrift } from "./published_drift.ts";
import { meanOf, middleSetting, ofSetting, type Setting } from "./settings.ts";

/** Everything that was measured. */
export interface DriftResult extends DriftTables {
  readonly places: Places;
  readonly labels: PromptLabels;
}

type DriftFlags = { readonly cut: number; readonly model: string; readonly minMembers: number };

/** Writes everything below `run.out`, prints the tables, and says where the report is. */
export async function reportDrift<F extends Flags>(
  run: Run<F> & { readonly flags: DriftFlags },
  result: DriftResult,
): Promise<void> {
  const { out, manifest, flags } = run;
  const { matches, tokens } = result;
  manifest.outputs.push(...await saveDriftTables(out, result), "report.html", "run.json");
  const chart = (name: string, spec: ChartSpec) => {
    manifest.outputs.push(`${name}.vl.json`, `${name}.svg`, `${name}.png`);
    return saveChart(out, name, spec);
  };

  const matched = middleSetting(matches);
  const summary = summarise(ofSetting(matches, matched), flags.cut);
  const atP = matches.filter(({ percentile }) => percentile === matched.percentile);
  const told = clearestSetting(tokens);
  Object.assign(manifest.findings, matchFindings(matches, matched, summary, flags.cut));
  const sections: Section[] = [{
    heading: "The same texts through both models",
    blocks: [
      {
        chart: await chart("matches", matchesChart(atP, flags.cut)),
        caption:
          `Share of the matched pairs that reach a cosine, p ${matched.percentile}: lines are means over stream ` +
          `orders, bands their range. Dashed: the cut, ${flags.cut}.`,
      },
      {
        chart: await chart("medians", mediansChart(matches)),
        caption: "Median cosine of the matched pairs by p; each point is a pair of stream orders.",
      },
      { table: matchTable(flags.model, matches), caption: "Means over stream orders, at the cut." },
    ],
  }];

  const sentences = [matchSentence(matched, summary, flags.cut)];
  if (told) {
    const shown = ofSetting(tokens, told);
    const refusals = ofSetting(result.refusals, told);
    Object.assign(manifest.findings, tokenFindings(told, shown, tokens, refusals, result));
    sentences.push(tokenSentence(told, shown), bestBaseSentence(tokens), refusalSentence(refusals));
    sections.push({
      heading: "The same chat prompts through both models",
      blocks: [
        {
          text:
            `The setting shown, block ${told.layer} and p ${told.percentile}, is the one at which the regions of the ` +
            "instruct model separate the prompts they were grown on most clearly (purity above that of shuffled labels); " +
            "the table has all settings.",
        },
        {
          chart: await chart("final-tokens", finalTokensChart(shown)),
          caption: `The final tokens of ${result.labels.harmful.length} prompts, half of them harmful.`,
        },
        {
          chart: await chart("accuracy", accuracyChart(tokens)),
          caption:
            "Held-out prompts told harmful or harmless by the majority of their final token's region. Dashed: chance.",
        },
        ...(result.refusals.length === 0 ? [] : [{
          chart: await chart("positions", positionsChart(result.refusals, overallParts(result.places))),
          caption:
            "Where in the prompts the members of the refusal region lie, and those of the regions nearest to it, at " +
            "every setting that has a refusal region; means over stream orders.",
        }]),
        { table: tokenTable(tokens, result), caption: "Final tokens by setting, means over stream orders." },
        { table: refusalTable(result.refusals), caption: "Refusal regions, and the nearest regions to them." },
      ],
    });
  } else sentences.push("No dictionary of the chat prompts could be made: every percentile has a threshold of 0.");

  const path = await writeReport(out, {
    title: `Drift from ${flags.model}`,
    question: "What does finetuning do to a model's regions, beyond what another stream order does?",
    answer: sentences.filter(Boolean).join(" "),
    sections,
    run: manifest.record(),
  });
  printTable(rowsOf(matchTable(flags.model, matches)));
  if (told) {
    console.log();
    printTable(rowsOf(tokenTable(tokens, result)));
  }
  console.log(`\n${sentences.filter(Boolean).join("\n")}\n\nReport: ${path}`);
}

/** The setting at which the instruct model's purity is farthest above that of shuffled labels, if both models have it. */
function clearestSetting(tokens: readonly FinalTokens[]): Setting | undefined {
  const excess = (setting: Setting) =>
    meanOf(sideOf(ofSetting(tokens, setting), "instruct").map((row) => row.purity - row.purityShuffled));
  return tokens.filter((row) => row.model === "instruct" && sideOf(ofSetting(tokens, row), "base").length > 0)
    .reduce<Setting | undefined>((best, row) => best && excess(best) >= excess(row) ? best : row, undefined);
}

const sideOf = (rows: readonly FinalTokens[], model: Side) => rows.filter((row) => row.model === model);

/** Means over stream orders for each comparison. */
function summarise(rows: readonly MatchRow[], cut: number) {
  return Object.fromEntries(COMPARISONS.map((comparison) => {
    const own = rows.filter((row) => row.comparison === comparison);
    const mean = (value: (row: MatchRow) => number) => meanOf(own.map(value));
    const [low, high] = quantiles(own.flatMap(({ cosines }) => [...cosines]), [0.05, 0.95]);
    return [comparison, {
      median: mean((row) => row.median),
      regions: [mean((row) => row.sizes[0]), mean((row) => row.sizes[1])],
      persisted: mean((row) => row.persisted),
      dropped: mean((row) => row.dropped),
      introduced: mean((row) => row.introduced),
      below: mean((row) => row.cosines.filter((cosine) => cosine < cut).length / row.cosines.length),
      low,
      high,
    }];
  })) as Record<Comparison, Summary>;
}

interface Summary {
  median: number;
  regions: number[];
  persisted: number;
  dropped: number;
  introduced: number;
  /** Share of the pairs below the cut. */
  below: number;
  /** 5th and 95th percentile of the pairs' cosines. */
  low: number;
  high: number;
}

function matchSentence({ layer, percentile }: Setting, summary: Record<Comparison, Summary>, cut: number): string {
  const [same, other, floor] = COMPARISONS.map((comparison) => summary[comparison]);
  const chance = summary["base – rotated instruct"];
  const inside = floor.low < cut && cut < floor.high;
  return `On the same texts in the same order, base and instruct regions match at a median cosine of ` +
    `${formatNumber(same.median, 3)} (block ${layer}, p ${percentile}; chance ${
      formatNumber(chance.median, 2)
    }), and at ` +
    `${formatNumber(other.median, 3)} in different orders, where the base model matches itself at ` +
    `${formatNumber(floor.median, 3)}. At a cut of ${cut}, finetuning seems to drop ${
      percent(same.dropped / same.regions[0])
    } ` +
    `of the base regions (${
      percent(other.dropped / other.regions[0])
    } in different orders), but another order of the same ` +
    `model drops ${percent(floor.dropped / floor.regions[0])} too: ` +
    (inside
      ? `the cut lies inside the order-noise floor, whose pairs range from ${formatNumber(floor.low, 2)} to ` +
        `${formatNumber(floor.high, 2)} (5th to 95th percentile), so these counts say little by themselves.`
      : `the cut lies outside the order-noise floor, whose pairs range from ${formatNumber(floor.low, 2)} to ` +
        `${formatNumber(floor.high, 2)} (5th to 95th percentile).`);
}

function tokenSentence({ layer, percentile }: Setting, shown: readonly FinalTokens[]): string {
  const side = (model: Side, value: (row: FinalTokens) => number) => meanOf(sideOf(shown, model).map(value));
  const accuracy = (model: Side) => formatNumber(side(model, (row) => row.accuracy), 2);
  const regions = (model: Side) => formatNumber(Math.round(side(model, (row) => row.split.length)));
  const largest = (model: Side) => formatNumber(Math.round(side(model, (row) => row.split[0].members)));
  return `At the final token of chat prompts (block ${layer}, p ${percentile}) the instruct model's regions tell held-out ` +
    `harmful from harmless prompts with a balanced accuracy of ${accuracy("instruct")}, the base model's with ` +
    `${accuracy("base")} (0.5 is chance); ${regions("instruct")} regions hold its final tokens, ${
      largest("instruct")
    } of ` +
    `them in the largest, against ${regions("base")} and ${largest("base")} in the base model.`;
}

/** The base model at its own best, so that the setting shown, the instruct model's, is not held against it. */
function bestBaseSentence(tokens: readonly FinalTokens[]): string {
  const best = bestSetting(sideOf(tokens, "base"));
  return `At its own best setting (block ${best.layer}, p ${best.percentile}) the base model reaches ` +
    `${formatNumber(best.accuracy, 2)}, there with ${formatNumber(Math.round(best.regions))} regions for ` +
    `${formatNumber(best.finals)} final tokens.`;
}

/** The setting of the largest held-out accuracy, means over stream orders. */
function bestSetting(tokens: readonly FinalTokens[]) {
  return distinct(tokens).map(({ layer, percentile }) => {
    const rows = ofSetting(tokens, { layer, percentile });
    return {
      layer,
      percentile,
      accuracy: meanOf(rows.map((row) => row.accuracy)),
      regions: meanOf(rows.map((row) => row.split.length)),
      finals: rows[0].split.reduce((sum, { members }) => sum + members, 0),
    };
  }).reduce((best, setting) => setting.accuracy > best.accuracy ? setting : best);
}

function refusalSentence(rows: readonly RefusalRegion[]): string {
  if (rows.length === 0) return "No region at that setting is a refusal region.";
  const mean = (value: (row: RefusalRegion) => number) => meanOf(rows.map(value));
  const final = TEMPLATE_PARTS.indexOf("final");
  return `${
    percent(mean((row) => row.refusal.parts[final]))
  } of the refusal region's members are final tokens; of the base ` +
    `region nearest to it (cosine ${formatNumber(mean((row) => row.base.cosine), 2)}; ` +
    `${formatNumber(mean((row) => row.reorder.cosine), 2)} for the instruct model in another order, ` +
    `${formatNumber(mean((row) => row.chance), 2)} by chance) ${
      percent(mean((row) => row.base.parts[final]))
    } are, and ` +
    `${percent(mean((row) => row.base.parts[TEMPLATE_PARTS.indexOf("instruction")]))} lie inside the instruction.`;
}

function matchFindings(
  matches: readonly MatchRow[],
  setting: Setting,
  summary: Record<Comparison, Summary>,
  cut: number,
) {
  const [same, other, floor, itFloor, chance] = COMPARISONS.map((comparison) => summary[comparison]);
  const settings = distinct(matches);
  const all = settings.map((each) => summarise(ofSetting(matches, each), cut));
  return {
    layer: setting.layer,
    percentile: setting.percentile,
    cut,
    median_matched_cosine: same.median,
    median_matched_cosine_other_order: other.median,
    noise_floor_cosine: floor.median,
    noise_floor_cosine_instruct: itFloor.median,
    chance_cosine: chance.median,
    persisted: same.persisted,
    dropped: same.dropped,
    introduced: same.introduced,
    dropped_other_order: other.dropped,
    dropped_by_order_alone: floor.dropped,
    share_of_noise_floor_below_cut: floor.below,
    settings: settings.map(({ layer, percentile }) => [layer, percentile]),
    median_matched_cosine_by_setting: all.map((each) => each["base – instruct, same order"].median),
    median_matched_cosine_other_order_by_setting: all.map((each) => each["base – instruct, other order"].median),
    noise_floor_cosine_by_setting: all.map((each) => each["base – base, other order"].median),
  };
}

function tokenFindings(
  { layer, percentile }: Setting,
  shown: readonly FinalTokens[],
  tokens: readonly FinalTokens[],
  refusals: readonly RefusalRegion[],
  { failed, labels }: DriftResult,
) {
  const mean = (model: Side, value: (row: FinalTokens) => number) => meanOf(sideOf(shown, model).map(value));
  const both = (name: string, value: (row: FinalTokens) => number) => ({
    [`${name}_base`]: mean("base", value),
    [`${name}_instruct`]: mean("instruct", value),
  });
  const final = TEMPLATE_PARTS.indexOf("final");
  const ofRefusals = (value: (row: RefusalRegion) => number) => refusals.length ? meanOf(refusals.map(value)) : null;
  const refused = (harmful: boolean) =>
    meanOf(labels.refused.filter((_, i) => labels.harmful[i] === harmful).map(Number));
  return {
    chat_layer: layer,
    chat_percentile: percentile,
    ...both("final_token_regions", (row) => row.split.length),
    ...both("largest_final_token_region", (row) => row.split[0].members),
    ...both("max_harmful_share", (row) => row.maxShare),
    ...both("max_harmful_share_shuffled", (row) => row.maxShareShuffled),
    ...both("purity", (row) => row.purity),
    ...both("purity_shuffled", (row) => row.purityShuffled),
    ...both("heldout_accuracy", (row) => row.accuracy),
    heldout_accuracy_base_best_setting: bestSetting(sideOf(tokens, "base")).accuracy,
    heldout_accuracy_instruct_best_setting: bestSetting(sideOf(tokens, "instruct")).accuracy,
    refusal_rate_harmful: refused(true),
    refusal_rate_harmless: refused(false),
    refusal_region_cosine_base: ofRefusals((row) => row.base.cosine),
    refusal_region_cosine_reordered: ofRefusals((row) => row.reorder.cosine),
    refusal_region_cosine_chance: ofRefusals((row) => row.chance),
    refusal_region_final_share: ofRefusals((row) => row.refusal.parts[final]),
    refusal_region_base_final_share: ofRefusals((row) => row.base.parts[final]),
    refusal_region_base_instruction_share: ofRefusals((row) => row.base.parts[TEMPLATE_PARTS.indexOf("instruction")]),
    refusal_region_base_harmful_share: ofRefusals((row) => row.base.harmful),
    failed_settings: failed.base.length + failed.instruct.length,
  };
}

function distinct(rows: readonly Setting[]): Setting[] {
  return rows.filter((row, i) =>
    rows.findIndex(({ layer, percentile }) => layer === row.layer && percentile === row.percentile) === i
  );
}

interface Table {
  columns: string[];
  rows: Cell[][];
}

function matchTable(model: string, matches: readonly MatchRow[]): Table {
  const settings = distinct(matches);
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

function tokenTable(tokens: readonly FinalTokens[], { failed }: Pick<DriftResult, "failed">): Table {
  const side = (model: Side): Cell[][] => [
    ...failed[model].map(({ layer, percentile, threshold }): Cell[] => {
      const note = `failed: threshold ${formatNumber(threshold)}`;
      return [layer, percentile, model, null, null, null, null, null, null, null, note];
    }),
    ...distinct(sideOf(tokens, model)).map((setting): Cell[] => {
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

function refusalTable(rows: readonly RefusalRegion[]): Table {
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

function overallParts({ part }: Places): number[] {
  return TEMPLATE_PARTS.map((one) => part.filter((each) => each === one).length / part.length);
}

const rowsOf = ({ columns, rows }: Table) =>
  rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] as number | string | null])));
const round = (value: number) => Math.round(value * 1e3) / 1e3;
const percent = (share: number) => `${formatNumber(Math.round(share * 1000) / 10)} %`;
