/** What `overlap` found, for programs. */
import type { FailedSetting } from "../../../src/partition/mod.ts";
import type { Finding } from "../../../src/report/mod.ts";
import type { ComparisonName, Measured } from "./measure.ts";
import { figuresOf, percentileOf, sharedCore, sizesOf } from "./summary.ts";

/** Arrays are by percentile; numbers whose names begin with `shown_` are of the percentile that the report shows. */
export function findingsOf(
  measured: readonly Measured[],
  shown: Measured,
  failed: readonly FailedSetting[],
): Record<string, Finding> {
  const shares = (side: "regions" | "features", name: ComparisonName) =>
    measured.map((at) => figuresOf(at, side, name).share);
  const at = (side: "regions" | "features", name: ComparisonName) => figuresOf(shown, side, name);
  const core = sharedCore(shown);
  return {
    percentiles: measured.map(percentileOf),
    regions: measured.map((at) => sizesOf(at).size),
    regions_counted: measured.map((at) => figuresOf(at, "regions", "EP and SAE").counted),
    features_counted: measured.map((at) => figuresOf(at, "features", "EP and SAE").counted),
    share_within_threshold: measured.map((at) => sizesOf(at).within),
    share_f1_above_half_ep: shares("regions", "EP and SAE"),
    share_f1_above_half_sae: shares("features", "EP and SAE"),
    share_shuffled: shares("regions", "EP and SAE, tokens permuted"),
    share_shuffled_sae: shares("features", "EP and SAE, tokens permuted"),
    share_shifted: shares("regions", "EP and SAE, tokens shifted"),
    share_shifted_sae: shares("features", "EP and SAE, tokens shifted"),
    share_random_exemplars: shares("regions", "random exemplars and SAE"),
    share_random_exemplars_sae: shares("features", "random exemplars and SAE"),
    share_other_order: shares("regions", "EP and EP of another order"),
    share_token_ids: shares("regions", "token ids"),
    share_token_ids_sae: shares("features", "token ids"),
    share_strongest_ep: shares("regions", "EP and SAE, strongest tokens"),
    share_strongest_sae: shares("features", "EP and SAE, strongest tokens"),
    mean_f1_ep: measured.map((at) => figuresOf(at, "regions", "EP and SAE").mean),
    mean_f1_sae: measured.map((at) => figuresOf(at, "features", "EP and SAE").mean),
    median_f1_ep: measured.map((at) => figuresOf(at, "regions", "EP and SAE").median),
    median_f1_sae: measured.map((at) => figuresOf(at, "features", "EP and SAE").median),
    one_to_one_pairs: measured.map(({ pairs }) => pairs.length),
    shown_percentile: percentileOf(shown),
    shown_share_ep: at("regions", "EP and SAE").share,
    shown_share_sae: at("features", "EP and SAE").share,
    shown_share_shuffled: at("regions", "EP and SAE, tokens permuted").share,
    shown_share_random_exemplars: at("regions", "random exemplars and SAE").share,
    shown_share_other_order: at("regions", "EP and EP of another order").share,
    shown_shared_regions: core.regions,
    shown_shared_regions_that_are_token_ids: core.alsoTokens,
    percentiles_without_dictionary: failed.map(({ percentile }) => percentile),
  };
}
