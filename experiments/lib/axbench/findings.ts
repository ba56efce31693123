/** What a program reads of a run, and the sentences that people read. */
import { type Interval, SELECTION_RULES } from "../../../src/analysis/mod.ts";
import { type Finding, formatNumber } from "../../../src/report/mod.ts";
import type { Method } from "./candidates.ts";
import type { Shown } from "./shown.ts";
import type { Way, WaySummary } from "./summary.ts";

/** The answer, its first sentence first. */
export function answerOf(shown: Shown, concepts: number): string {
  const { headline, percentiles } = shown;
  const size = formatNumber(Math.round(headline.regions));
  const area = `${rounded(headline.interval.mean)} ${range(headline.interval)}`;
  const difference = (method: Method) => {
    const { interval: { mean, low, high }, better } = shown.differences(method)[0];
    return `${signed(mean)} [${signed(low)}, ${signed(high)}] (better on ${better} of ${concepts})`;
  };
  const curve = (name: string, wanted: Partial<Way>) => {
    const means = shown.byPercentile(wanted).map(({ interval }) => formatNumber(rounded(interval.mean)));
    return `${name} ${means.join(", ")}`;
  };
  return [
    `A region chosen by the AUROC rule among ${size} means (${shown.name}) detects a held-out concept with a mean AUROC of`,
    `${area} over ${concepts} concepts; its paired differences, with 95 % bootstrap intervals over concepts, are`,
    `${difference("random")} to as many random directions,`,
    `${difference("coreset")} to as many random activations,`,
    `${difference("difference in means")} to the difference in means and`,
    `${difference("linear probe")} to the linear probe.`,
    `At percentiles ${percentiles.join(", ")} the AUROC rule reaches`,
    [
      curve("with means", { basis: "mean", rule: "auroc" }),
      curve("with exemplars", { basis: "exemplar", rule: "auroc" }),
      curve("with random activations", { method: "coreset", rule: "auroc" }),
    ].join("; ") + ".",
  ].join(" ");
}

/** Arrays are by percentile, at the first layer and the largest budget; plain numbers are of the smallest percentile. */
export function axBenchFindings(shown: Shown, concepts: number): Record<string, Finding> {
  const mean = ({ interval }: { interval: Interval }) => interval.mean;
  const ends = ({ interval }: { interval: Interval }) => [interval.low, interval.high];
  const byRule = <T extends Finding>(value: (wanted: Partial<Way>) => T) =>
    Object.fromEntries(SELECTION_RULES.map((rule) => [rule, value({ rule })]));
  const byBasis = (value: (way: WaySummary) => Finding) =>
    byRule(({ rule }) => ({
      exemplar: shown.byPercentile({ rule, basis: "exemplar" }).map(value),
      mean: shown.byPercentile({ rule, basis: "mean" }).map(value),
    }));
  const paired = (name: string, method: Method) => {
    const pairs = shown.differences(method);
    return {
      [`difference_${name}`]: mean(pairs[0]),
      [`difference_${name}_interval`]: ends(pairs[0]),
      [`difference_${name}_by_percentile`]: pairs.map(mean),
      [`difference_${name}_interval_by_percentile`]: pairs.map(ends),
    };
  };
  const random = (name: string, method: Method) => ({
    [`mean_auroc_${name}`]: mean(shown.byPercentile({ method, rule: "auroc" })[0]),
    [`mean_auroc_${name}_by_percentile`]: byRule(({ rule }) => shown.byPercentile({ method, rule }).map(mean)),
  });
  return {
    concepts,
    layer: shown.layer,
    layers: shown.layers,
    percentile: shown.percentile,
    percentiles: shown.percentiles,
    regions: shown.byPercentile({ basis: "mean" }).map(({ regions }) => regions),
    mean_auroc_headline: mean(shown.headline),
    mean_auroc_headline_interval: ends(shown.headline),
    mean_auroc_headline_by_layer: shown.byLayer.map(mean),
    mean_auroc: byBasis(mean),
    mean_auroc_interval: byBasis(ends),
    mean_auroc_hard_negatives: {
      headline: shown.headline.hard,
      random: shown.byPercentile({ method: "random", rule: "auroc" })[0].hard,
      coreset: shown.byPercentile({ method: "coreset", rule: "auroc" })[0].hard,
      diffmean: shown.trained("difference in means").hard,
      probe: shown.trained("linear probe").hard,
    },
    mean_auroc_diffmean: mean(shown.trained("difference in means")),
    mean_auroc_probe: mean(shown.trained("linear probe")),
    ...random("random", "random"),
    ...random("coreset", "coreset"),
    ...paired("random", "random"),
    ...paired("coreset", "coreset"),
    ...paired("diffmean", "difference in means"),
    ...paired("probe", "linear probe"),
  };
}

/** Three decimals. */
export const rounded = (value: number) => Math.round(value * 1e3) / 1e3;
const signed = (value: number) => `${value < 0 ? "−" : "+"}${formatNumber(Math.abs(rounded(value)), 3)}`;
const bounds = (low: number, high: number) => `[${formatNumber(rounded(low), 3)}, ${formatNumber(rounded(high), 3)}]`;
/** An interval in brackets. */
export const range = ({ low, high }: Interval) => bounds(low, high);
/** Least and largest in brackets. */
export const span = (values: readonly number[]) => bounds(Math.min(...values), Math.max(...values));
