/** Findings of `drift` under their fixed names. */
import { TEMPLATE_PARTS } from "../../../src/activations/mod.ts";
import {
  distinctSettings,
  meanOfAll as meanOf,
  ofSetting,
  type SettingKey as Setting,
} from "../../../src/report/mod.ts";
import { type Comparison, COMPARISONS, type MatchRow } from "./matches.ts";
import type { DriftResult } from "./result.ts";
import { bestSetting, sideOf, summarise, type Summary } from "./summary.ts";
import type { FinalTokens, RefusalRegion, Side } from "./tokens.ts";

/** Findings of the matchings, at the setting shown and at all. */
export function matchFindings(
  matches: readonly MatchRow[],
  setting: Setting,
  summary: Record<Comparison, Summary>,
  cut: number,
) {
  const [same, other, floor, itFloor, chance] = COMPARISONS.map((comparison) => summary[comparison]);
  const settings = distinctSettings(matches);
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

/** Findings of the final tokens and refusal regions, at the setting shown. */
export function tokenFindings(
  { layer, percentile }: Setting,
  shown: readonly FinalTokens[],
  tokens: readonly FinalTokens[],
  refusals: readonly RefusalRegion[],
  { failed, labels }: Pick<DriftResult, "failed" | "labels">,
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
