/** The figures of `probe` that go into `run.json`. */
import type { Finding } from "../../../src/report/mod.ts";
import { labelsOf, ofKind, percentilesOf, type Summary } from "./summary.ts";

/**
 * Arrays in the order of `labels`; `_low` and `_high` are the ends of intervals over documents. Plain read-outs are
 * one-hot and at the percentile shown, `_by_percentile` in the order of `percentiles`, `_by_k` in that of `k`.
 */
export function findingsOf(summaries: readonly Summary[], layer: number, percentile: number): Record<string, Finding> {
  const labels = labelsOf(summaries);
  const percentiles = percentilesOf(summaries);
  const regions = percentiles.map((p) => ofKind(summaries, { source: "EP, exemplars", percentile: p, k: 1 })[0].size);
  const ks = ofKind(summaries, { label: labels[0], source: "EP, exemplars", percentile }).map(({ k }) => k);
  const findings: Record<string, Finding> = {
    labels,
    layer,
    percentile,
    percentiles,
    k: ks,
    regions: regions[percentiles.indexOf(percentile)],
    regions_by_percentile: regions,
    chance: labels.map((label) => ofKind(summaries, { label })[0].chance),
  };
  const add = (name: string, ask: Parameters<typeof ofKind>[1]) => {
    const own = labels.flatMap((label) => ofKind(summaries, { ...ask, label }));
    // What was not read, such as an SAE of another layer, has no figures.
    if (own.length < labels.length) return;
    findings[`accuracy_${name}`] = own.map(({ accuracy }) => accuracy.mean);
    findings[`accuracy_${name}_low`] = own.map(({ accuracy }) => accuracy.low);
    findings[`accuracy_${name}_high`] = own.map(({ accuracy }) => accuracy.high);
    findings[`ratio_${name}`] = own.map(({ ratio }) => ratio.mean);
    findings[`kept_${name}`] = own.map(({ kept }) => kept.mean);
  };
  const oneHot = { percentile, k: 1 };
  add("raw", { source: "raw activations" });
  add("onehot", { ...oneHot, source: "EP, exemplars" });
  add("onehot_mean", { ...oneHot, source: "EP, means" });
  add("onehot_random_exemplars", { ...oneHot, source: "random exemplars" });
  add("sae", { source: "SAE", k: Infinity });
  add("sae_onehot", { source: "SAE", k: 1 });
  add("token_id", { source: "token id" });
  add("shuffled", { source: "raw activations", isShuffled: true });
  add("onehot_shuffled", { ...oneHot, source: "EP, exemplars", isShuffled: true });
  const grid = (name: string, values: readonly number[], askOf: (value: number) => Parameters<typeof ofKind>[1]) => {
    const rows = labels.map((label) =>
      values.flatMap((value) => ofKind(summaries, { ...askOf(value), label })).map(({ accuracy }) => accuracy.mean)
    );
    if (rows.every(({ length }) => length === values.length)) findings[name] = rows;
  };
  grid("accuracy_onehot_by_percentile", percentiles, (p) => ({ source: "EP, exemplars", percentile: p, k: 1 }));
  grid("accuracy_onehot_mean_by_percentile", percentiles, (p) => ({ source: "EP, means", percentile: p, k: 1 }));
  grid(
    "accuracy_onehot_random_by_percentile",
    percentiles,
    (p) => ({ source: "random exemplars", percentile: p, k: 1 }),
  );
  grid("accuracy_topk_by_k", ks, (k) => ({ source: "EP, exemplars", percentile, k }));
  grid("accuracy_topk_mean_by_k", ks, (k) => ({ source: "EP, means", percentile, k }));
  grid("accuracy_topk_random_by_k", ks, (k) => ({ source: "random exemplars", percentile, k }));
  grid("accuracy_sae_by_k", ks, (k) => ({ source: "SAE", k }));
  return findings;
}
