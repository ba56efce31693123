/** What the matchings of two models, and their chat prompts, say of a finetuning. */
import { quantiles } from "../../../src/analysis/mod.ts";
import {
  type Figure,
  figure,
  headed,
  orNull,
  percent,
  recordTable,
  resultTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock } from "../../../src/run/mod.ts";
import { comparableModel } from "../published.ts";
import { chatOutcome, type ChatResult } from "./chat.ts";
import { matchesChart, mediansChart } from "./charts.ts";
import { publishedDrift } from "./published.ts";
import { COMPARISONS, FINAL_REGION, FINAL_TOKENS, MATCH, type MatchRow, PAIR, REFUSAL } from "./rows.ts";

type MatchSetting = Setting<MatchRow, "layer" | "percentile">;

/** Tables, charts, findings and the answer. */
export function driftOutcome(
  flags: CommonFlags & { readonly cut: number },
  matches: readonly MatchRow[],
  chatResult: ChatResult,
): Outcome {
  const { cut } = flags;
  const sweep = new Sweep(matches);
  const { percentile } = sweep.middle.key;
  const chat = chatOutcome(chatResult);
  const pairs = matches.flatMap((match) => Array.from(match.cosines, (cosine) => ({ ...match, cosine })));
  const finalRegions = chatResult.tokens.flatMap(({ split, layer, percentile, model, seed }) =>
    split.map(({ region, members, share }) => {
      return { layer, percentile, model, seed: seed!, region, finalTokens: members, harmfulShare: share };
    })
  );
  return {
    title: `Drift from ${flags.model}`,
    answer: `${matchAnswer(sweep.middle, cut)} ${chat.answer}`,
    findings: { ...matchFindings(sweep, cut), ...chat.findings },
    tables: {
      matches: resultTable(MATCH, matches),
      pairs: resultTable(PAIR, pairs),
      final_tokens: resultTable(FINAL_TOKENS, chatResult.tokens),
      final_regions: resultTable(FINAL_REGION, finalRegions),
      refusal_regions: resultTable(REFUSAL, chatResult.refusals),
    },
    sections: [
      {
        heading: "The same texts through both models",
        blocks: [
          chartBlock(
            "matches",
            matchesChart(sweep.where({ percentile }).rows, cut),
            `Share of the matched pairs that reach a cosine, p ${percentile}: lines are means over stream ` +
              `orders, bands their range. Dashed: the cut, ${cut}.`,
          ),
          chartBlock(
            "medians",
            mediansChart(matches),
            "Median cosine of the matched pairs by p; each point is a pair of stream orders.",
          ),
          tableBlock(matchTable(comparableModel(flags), sweep), "Means over stream orders, at the cut.", {
            printed: true,
          }),
        ],
      },
      ...chat.sections,
    ],
  };
}

const ofComparison = (setting: MatchSetting, comparison: keyof typeof COMPARISONS) =>
  setting.where({ comparison: COMPARISONS[comparison] });

function matchFindings(sweep: Sweep<MatchRow>, cut: number): Outcome["findings"] {
  const { middle } = sweep;
  const mean = (of: Figure<MatchRow>, comparison: keyof typeof COMPARISONS, setting = middle) =>
    ofComparison(setting, comparison).mean(of);
  const medians = (comparison: keyof typeof COMPARISONS) =>
    sweep.settings.map((setting) => mean("medianCosine", comparison, setting));
  return {
    ...middle.key,
    cut,
    median_matched_cosine: mean("medianCosine", "same order"),
    median_matched_cosine_other_order: mean("medianCosine", "other order"),
    noise_floor_cosine: mean("medianCosine", "first with itself"),
    noise_floor_cosine_instruct: mean("medianCosine", "second with itself"),
    chance_cosine: mean("medianCosine", "chance"),
    persisted: mean("persisted", "same order"),
    dropped: mean("dropped", "same order"),
    introduced: mean("introduced", "same order"),
    dropped_other_order: mean("dropped", "other order"),
    dropped_by_order_alone: mean("dropped", "first with itself"),
    share_of_noise_floor_below_cut: mean(
      ({ cosines }) => cosines.filter((cosine) => cosine < cut).length / cosines.length,
      "first with itself",
    ),
    settings: sweep.settings.map(({ key: { layer, percentile } }) => [layer, percentile]),
    median_matched_cosine_by_setting: medians("same order"),
    median_matched_cosine_other_order_by_setting: medians("other order"),
    noise_floor_cosine_by_setting: medians("first with itself"),
  };
}

/** How the models match, and whether the cut can tell. */
function matchAnswer(setting: MatchSetting, cut: number): string {
  const cosine = (comparison: keyof typeof COMPARISONS) =>
    figure(ofComparison(setting, comparison).mean("medianCosine"));
  const dropped = (comparison: keyof typeof COMPARISONS) => {
    const matched = ofComparison(setting, comparison);
    return percent(orNull((matched.mean("dropped") ?? NaN) / (matched.mean("regionsA") ?? NaN)));
  };
  const floor = ofComparison(setting, "first with itself").rows.flatMap(({ cosines }) => [...cosines]);
  const [low, high] = quantiles(floor, [0.05, 0.95]);
  const range = `${figure(low)} to ${figure(high)} (5th to 95th percentile)`;
  return [
    `On the same texts in the same order, base and instruct regions match at a median cosine of ${
      cosine("same order")
    }`,
    `(${setting.name}; chance ${cosine("chance")}), and at ${
      cosine("other order")
    } in different orders, where the base`,
    `model matches itself at ${cosine("first with itself")}. At a cut of ${cut}, finetuning seems to drop`,
    `${dropped("same order")} of the base regions (${
      dropped("other order")
    } in different orders), but another order of`,
    `the same model drops ${dropped("first with itself")} too: the cut lies`,
    low < cut && cut < high
      ? `inside the order-noise floor, whose pairs range from ${range}, so these counts say little by themselves.`
      : `outside the order-noise floor, whose pairs range from ${range}.`,
  ].join(" ");
}

/** Matchings by setting, the published figures beside them where the model is theirs. */
function matchTable(model: string, sweep: Sweep<MatchRow>) {
  const hasPublished = sweep.each("layer").some((layer) => publishedDrift(model, layer));
  return recordTable(sweep.settings.map((setting) => {
    const { layer, percentile } = setting.key;
    const published = publishedDrift(model, layer);
    const [same, other, floor] = (["same order", "other order", "first with itself"] as const)
      .map((comparison) => ofComparison(setting, comparison));
    return {
      ...headed(MATCH, { layer, percentile }),
      "base regions": same.mean("regionsA"),
      "instruct regions": same.mean("regionsB"),
      "median, same order": same.mean("medianCosine"),
      ...hasPublished && {
        "published median": published?.median ?? null,
        "published pairs ≥ 0.7": published?.pairs ?? null,
      },
      "other order": other.mean("medianCosine"),
      "base floor": floor.mean("medianCosine"),
      "instruct floor": ofComparison(setting, "second with itself").mean("medianCosine"),
      "chance": ofComparison(setting, "chance").mean("medianCosine"),
      "persisted": same.mean("persisted"),
      "dropped": same.mean("dropped"),
      "introduced": same.mean("introduced"),
      "dropped, other order": other.mean("dropped"),
      "dropped by order alone": floor.mean("dropped"),
    };
  }));
}
