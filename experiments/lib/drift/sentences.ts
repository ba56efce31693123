/** What `drift` answers, from the run's own figures. */
import { TEMPLATE_PARTS } from "../../../src/activations/mod.ts";
import { formatNumber, formatShare, meanOfAll as meanOf, type SettingKey as Setting } from "../../../src/report/mod.ts";
import { type Comparison, COMPARISONS } from "./matches.ts";
import { bestSetting, sideOf, type Summary } from "./summary.ts";
import type { FinalTokens, RefusalRegion, Side } from "./tokens.ts";

/** How the models match, and whether the cut can tell. */
export function matchSentence(
  { layer, percentile }: Setting,
  summary: Record<Comparison, Summary>,
  cut: number,
): string {
  const [same, other, floor] = COMPARISONS.map((comparison) => summary[comparison]);
  const chance = summary["base – rotated instruct"];
  const inside = floor.low < cut && cut < floor.high;
  return `On the same texts in the same order, base and instruct regions match at a median cosine of ` +
    `${formatNumber(same.median, 3)} (block ${layer}, p ${percentile}; chance ${
      formatNumber(chance.median, 2)
    }), and at ` +
    `${formatNumber(other.median, 3)} in different orders, where the base model matches itself at ` +
    `${formatNumber(floor.median, 3)}. At a cut of ${cut}, finetuning seems to drop ${
      formatShare(same.dropped / same.regions[0])
    } ` +
    `of the base regions (${
      formatShare(other.dropped / other.regions[0])
    } in different orders), but another order of the same ` +
    `model drops ${formatShare(floor.dropped / floor.regions[0])} too: ` +
    (inside
      ? `the cut lies inside the order-noise floor, whose pairs range from ${formatNumber(floor.low, 2)} to ` +
        `${formatNumber(floor.high, 2)} (5th to 95th percentile), so these counts say little by themselves.`
      : `the cut lies outside the order-noise floor, whose pairs range from ${formatNumber(floor.low, 2)} to ` +
        `${formatNumber(floor.high, 2)} (5th to 95th percentile).`);
}

/** What final tokens fall into. */
export function tokenSentence({ layer, percentile }: Setting, shown: readonly FinalTokens[]): string {
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
export function bestBaseSentence(tokens: readonly FinalTokens[]): string {
  const best = bestSetting(sideOf(tokens, "base"));
  return `At its own best setting (block ${best.layer}, p ${best.percentile}) the base model reaches ` +
    `${formatNumber(best.accuracy, 2)}, there with ${formatNumber(Math.round(best.regions))} regions for ` +
    `${formatNumber(best.finals)} final tokens.`;
}

/** Where the members of the refusal region and of its nearest lie. */
export function refusalSentence(rows: readonly RefusalRegion[]): string {
  if (rows.length === 0) return "No region at that setting is a refusal region.";
  const mean = (value: (row: RefusalRegion) => number) => meanOf(rows.map(value));
  const final = TEMPLATE_PARTS.indexOf("final");
  return `${
    formatShare(mean((row) => row.refusal.parts[final]))
  } of the refusal region's members are final tokens; of the base ` +
    `region nearest to it (cosine ${formatNumber(mean((row) => row.base.cosine), 2)}; ` +
    `${formatNumber(mean((row) => row.reorder.cosine), 3)} for the instruct model in another order, ` +
    `${formatNumber(mean((row) => row.chance), 2)} by chance) ${
      formatShare(mean((row) => row.base.parts[final]))
    } are, and ` +
    `${formatShare(mean((row) => row.base.parts[TEMPLATE_PARTS.indexOf("instruction")]))} lie inside the instruction.`;
}
