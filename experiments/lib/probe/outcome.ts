/** What probes of regions say. */
import type { LabelledActivations } from "../../../src/analysis/mod.ts";
import type { FailedSetting } from "../../../src/partition/mod.ts";
import {
  type Cell,
  distinct,
  figure,
  formatNumber,
  formatShare,
  middleOf,
  recordTable,
  resultTable,
  Rows,
  tallyText,
} from "../../../src/report/mod.ts";
import { chartBlock, type CommonFlags, type Outcome, tableBlock, textBlock } from "../../../src/run/mod.ts";
import { accuraciesChart, keptChart, type NamedSummary, shownReadouts, sparsityChart } from "./charts.ts";
import {
  ACCURACY,
  type Ask,
  difference,
  KEPT,
  mostKept,
  ofKind,
  type Reading,
  RECALL,
  recallRows,
  summarise,
  type Summary,
} from "./rows.ts";

/** What was read, and what could not be. */
export interface ProbeResult {
  readonly layer: number;
  readonly data: Pick<LabelledActivations, "rows" | "kinds" | "labels">;
  readonly readings: readonly Reading[];
  /** Percentiles that give no dictionary. */
  readonly failed: readonly FailedSetting[];
}

const PUBLISHED =
  "Published for another model, Gemma-2-2B, on other labels and text: about 97 % of raw accuracy kept; in a " +
  "later version 98 % top-1, 82 % on test text at p 10 and 91 % at p 1.";

/** Summaries, and the percentile of the plain figures: the middle of the sweep, whatever came out. */
interface Told {
  readonly summaries: readonly Summary[];
  readonly labels: readonly string[];
  readonly percentiles: readonly number[];
  readonly layer: number;
  readonly percentile: number;
}

/** Tables, charts, findings and the answer. */
export function probeOutcome(
  flags: CommonFlags & { readonly strengths: readonly number[] },
  { layer, data, readings, failed }: ProbeResult,
): Outcome {
  const summaries = summarise(readings);
  const percentiles = distinct(new Rows(summaries).values("percentile"));
  const percentile = middleOf(percentiles);
  const told = { summaries, percentiles, layer, percentile, labels: data.labels.map(({ name }) => name) };
  const shown = shownReadouts(summaries, percentile);
  const seeds = distinct(readings.map(({ seed }) => seed)).length;
  const intervals = `Intervals are 95 % of resampled test documents, ${
    seeds === 1 ? "one seed" : `${seeds} seeds pooled`
  }.`;
  return {
    title: `What probes read from regions of ${flags.model}`,
    answer: answer(told),
    findings: findings(told),
    tables: {
      accuracies: resultTable(ACCURACY, readings),
      kept: resultTable(KEPT, summaries),
      recalls: resultTable(RECALL, recallRows(readings, data.labels)),
    },
    sections: [
      { heading: "Published", blocks: [textBlock(PUBLISHED)] },
      {
        heading: "Accuracies",
        blocks: [
          chartBlock(
            "accuracies",
            accuraciesChart(shown),
            `Accuracy on documents that no probe was trained on, layer ${layer}, p ${percentile}. Classes are ` +
              `equally frequent; the dashed line is chance. ${intervals}`,
          ),
          tableBlock(accuracyTable(shown), "Accuracy of every read-out.", { printed: true }),
          tableBlock(keptTable(shown), "The share of raw accuracy above chance that it keeps.", {
            printed: "Share of raw accuracy above chance that is kept:",
          }),
          tableBlock(
            differenceTable(told),
            `Differences of accuracy in points, with intervals, at p ${percentile}: the same documents are drawn ` +
              "for both.",
          ),
        ],
      },
      {
        heading: "Over p and over l0",
        blocks: [
          chartBlock(
            "kept",
            keptChart(summaries, percentiles),
            "Share of raw accuracy above chance that one feature keeps, by percentile. Points are seeds, " +
              (percentiles.length === 1 ? "bars " : "bands ") +
              "intervals. The SAE and the token's id do not depend on p. Random exemplars: as many activations of the " +
              "dictionaries' corpus.",
          ),
          tableBlock(percentileTable(told), "One-hot accuracy by percentile."),
          ...failed.map(({ percentile, reason }) => textBlock(`No dictionary at p ${percentile}: ${reason}.`)),
          chartBlock(
            "sparsity",
            sparsityChart(summaries, percentile),
            `The same over the number of features that are kept, at p ${percentile}. One feature is a one-hot, more ` +
              "have their values. The last point of the SAE are all features that are active.",
          ),
        ],
      },
      {
        heading: "How it was measured",
        blocks: [textBlock(`${method(data, flags.model)} ${chosen(readings, flags.strengths)}`)],
      },
    ],
  };
}

function answer({ summaries, labels, percentiles, layer, percentile }: Told): string {
  const summariesOf = (ask: Ask) => ofKind(summaries, ask);
  // Documents are too few for more digits.
  const share = (value: number) => `${formatNumber(100 * value, 2)}\u00a0%`;
  const kept = (own: readonly Summary[]) => own.map((summary) => share(summary.kept)).join(", ");
  const most = mostKept(summaries, percentile);
  const oneHot = { percentile, k: 1 };
  const ofRegions = summariesOf({ ...oneHot, source: "EP, exemplars" });
  const [sae, allOfSae, topOfSae] = [1, null, most].map((k) => summariesOf({ source: "SAE", k }));
  const shuffled = [
    ...summariesOf({ source: "raw activations", labels: "shuffled" }),
    ...summariesOf({ ...oneHot, source: "EP, exemplars", labels: "shuffled" }),
  ].map(({ accuracy, chance }) => Math.abs(accuracy - chance));
  const versusRandom = percentiles.flatMap((percentile) => {
    const random = summariesOf({ source: "random exemplars", percentile, k: 1 });
    return summariesOf({ source: "EP, exemplars", percentile, k: 1 }).map((own, i) => difference(own, random[i]));
  });
  return [
    `The nearest region alone, of ${formatNumber(Math.round(ofRegions[0].features))} at layer ${layer} and p`,
    `${percentile}, keeps ${
      ofRegions.map(({ ratio }, i) => `${share(ratio)} (${labels[i]})`).join(", ")
    } of raw accuracy;`,
    `above chance it keeps ${kept(ofRegions)}, in the same order.`,
    `As many random activations as exemplars keep ${
      kept(summariesOf({ ...oneHot, source: "random exemplars" }))
    } above chance,`,
    `the token's id alone ${kept(summariesOf({ source: "token id" }))}${
      sae.length === 0
        ? "."
        : `, the SAE's strongest feature alone ${kept(sae)}, and all its features (${
          figure(allOfSae[0].l0)
        } a token) ` +
          `${kept(allOfSae)}.`
    }`,
    ...(most === 1 ? [] : [
      `The ${most} largest regions keep ${kept(summariesOf({ source: "EP, exemplars", percentile, k: most }))};`,
      `as many random exemplars ${kept(summariesOf({ source: "random exemplars", percentile, k: most }))}${
        topOfSae.length === 0 ? "." : `; the SAE's ${most} largest features ${kept(topOfSae)}.`
      }`,
    ]),
    "One-hot regions are more accurate than one-hot random exemplars",
    `${
      tallyText(versusRandom.filter(({ low }) => low > 0).length, versusRandom.length, "setting of label and p")
    } and less`,
    `${tallyText(versusRandom.filter(({ high }) => high < 0).length, versusRandom.length, "setting")}, by an interval`,
    "that leaves out 0.",
    "With shuffled labels, raw activations and regions come within",
    `${formatNumber(100 * Math.max(...shuffled), 2)} points of chance.`,
  ].join(" ");
}

/**
 * Arrays in the order of `labels`; `_low` and `_high` are the ends of intervals over documents. Plain read-outs are one-hot
 * and at the percentile shown, `_by_percentile` in the order of `percentiles`, `_by_k` in that of `k`. What was not read,
 * such as an SAE of another layer, has no figures.
 */
function findings({ summaries, labels, percentiles, layer, percentile }: Told): Outcome["findings"] {
  const sizes = percentiles.map((p) => ofKind(summaries, { source: "EP, exemplars", percentile: p, k: 1 })[0].features);
  const ks = ofKind(summaries, { label: labels[0], source: "EP, exemplars", percentile }).map(({ k }) => k!);
  const figures = (name: string, ask: Ask): Outcome["findings"] => {
    const own = ofKind(summaries, ask);
    if (own.length === 0) return {};
    return {
      [`accuracy_${name}`]: own.map(({ accuracy }) => accuracy),
      [`accuracy_${name}_low`]: own.map(({ accuracyLow }) => accuracyLow),
      [`accuracy_${name}_high`]: own.map(({ accuracyHigh }) => accuracyHigh),
      [`ratio_${name}`]: own.map(({ ratio }) => ratio),
      [`kept_${name}`]: own.map(({ kept }) => kept),
    };
  };
  const over = (name: string, asks: readonly Ask[]): Outcome["findings"] => {
    const columns = asks.map((ask) => ofKind(summaries, ask));
    if (columns.some(({ length }) => length === 0)) return {};
    return { [name]: labels.map((_, i) => columns.map((own) => own[i].accuracy)) };
  };
  const byPercentile = (source: Summary["source"]) => percentiles.map((percentile) => ({ source, percentile, k: 1 }));
  const byK = (source: Summary["source"]) =>
    ks.map((k) => ({ source, percentile: source === "SAE" ? null : percentile, k }));
  const oneHot = { percentile, k: 1 };
  return {
    ...{ labels, layer, percentile, percentiles, k: ks },
    regions: sizes[percentiles.indexOf(percentile)],
    regions_by_percentile: sizes,
    chance: ofKind(summaries, { source: "raw activations" }).map(({ chance }) => chance),
    ...figures("raw", { source: "raw activations" }),
    ...figures("onehot", { ...oneHot, source: "EP, exemplars" }),
    ...figures("onehot_mean", { ...oneHot, source: "EP, means" }),
    ...figures("onehot_random_exemplars", { ...oneHot, source: "random exemplars" }),
    ...figures("sae", { source: "SAE", k: null }),
    ...figures("sae_onehot", { source: "SAE", k: 1 }),
    ...figures("token_id", { source: "token id" }),
    ...figures("shuffled", { source: "raw activations", labels: "shuffled" }),
    ...figures("onehot_shuffled", { ...oneHot, source: "EP, exemplars", labels: "shuffled" }),
    ...over("accuracy_onehot_by_percentile", byPercentile("EP, exemplars")),
    ...over("accuracy_onehot_mean_by_percentile", byPercentile("EP, means")),
    ...over("accuracy_onehot_random_by_percentile", byPercentile("random exemplars")),
    ...over("accuracy_topk_by_k", byK("EP, exemplars")),
    ...over("accuracy_topk_mean_by_k", byK("EP, means")),
    ...over("accuracy_topk_random_by_k", byK("random exemplars")),
    ...over("accuracy_sae_by_k", byK("SAE")),
  };
}

function method({ kinds, rows, labels }: ProbeResult["data"], model: string): string {
  const counts = Array.from(Map.groupBy(kinds, (kind) => kind), ([kind, own]) => `${own.length} ${kind}`).join(", ");
  const classes = labels.map(({ name, classes }) => `${name} (${classes.join(", ")})`).join("; ");
  return [
    `Probed are ${formatNumber(rows)} activations of ${counts} texts, read by ${model} as plain text. Dictionaries and`,
    "random exemplars are of other text: no probed document was in it. The embedded SAE's training text may hold some",
    "of the harmless instructions, as its model's does. Probes are multinomial logistic regressions; the strength of",
    "their penalty is chosen on documents of the training part; raw activations are standardised.",
    `Labels: ${classes}. The token's class is that of its own text; the position counts in quarters of the context, in`,
    "texts that fill it; instructions are told at every token. Shuffled labels are exchanged between documents where a",
    "document has one label, else between tokens; a probe of them still tells like tokens alike, so that its accuracy",
    "scatters about chance by more than the documents' interval says.",
  ].join(" ");
}

/** Whether the strengths were enough to choose from. */
function chosen(readings: readonly Reading[], strengths: readonly number[]): string {
  const own = readings.filter(({ labels }) => labels === "true");
  const count = (strength: number) => own.filter(({ l2 }) => l2 === strength).length;
  return [
    `Of the penalties ${
      strengths.map((strength) => formatNumber(strength)).join(", ")
    }, validation took the weakest for`,
    `${count(Math.min(...strengths))} and the strongest for ${count(Math.max(...strengths))} of ${own.length} probes.`,
  ].join(" ");
}

/** A figure for each label, under its name. */
const forEach = (own: readonly Summary[], value: (summary: Summary, i: number) => Cell) =>
  Object.fromEntries(own.map((summary, i) => [summary.label, value(summary, i)]));

/** The summaries of each read-out, under its name. */
const readouts = (shown: readonly NamedSummary[]) =>
  Array.from(
    Map.groupBy(shown, ({ name }) => name),
    ([readout, own]) => ({ readout, own: own.map(({ summary }) => summary) }),
  );

/** A row a read-out, a column a label. */
function accuracyTable(shown: readonly NamedSummary[]) {
  return recordTable(
    readouts(shown).map(({ readout, own }) => ({
      readout,
      features: Math.round(own[0].features),
      l0: own[0].l0,
      ...forEach(own, ({ accuracy }) => accuracy),
    })),
  );
}

function keptTable(shown: readonly NamedSummary[]) {
  return recordTable(
    readouts(shown).map(({ readout, own }) => {
      return { readout, ...forEach(own, ({ kept }) => formatShare(kept)) };
    }),
  );
}

function percentileTable({ summaries, percentiles }: Told) {
  return recordTable(
    percentiles.flatMap((percentile) =>
      (["EP, exemplars", "EP, means", "random exemplars"] as const).map((source) => {
        const own = ofKind(summaries, { source, percentile, k: 1 });
        const K = Math.round(own[0].features);
        return { p: percentile, K, exemplars: source, ...forEach(own, ({ accuracy }) => accuracy) };
      })
    ),
  );
}

function differenceTable({ summaries, percentile }: Told) {
  const pairs = distinct([1, mostKept(summaries, percentile)]).flatMap((k) => {
    const own: Ask = { source: "EP, exemplars", percentile, k };
    const name = k === 1 ? "one-hot" : `top ${k}`;
    return [
      { name: `${name}: EP exemplars − random exemplars`, own, other: { ...own, source: "random exemplars" } },
      { name: `${name}: EP exemplars − EP means`, own, other: { ...own, source: "EP, means" } },
      { name: `${name}: EP exemplars − SAE`, own, other: { source: "SAE", k } },
    ] satisfies { name: string; own: Ask; other: Ask }[];
  });
  const token = { name: "one-hot: EP exemplars − token id", own: pairs[0].own, other: { source: "token id" } as const };
  const points = (value: number) => figure(100 * value);
  return recordTable([...pairs, token].flatMap(({ name, own, other }) => {
    const others = ofKind(summaries, other);
    if (others.length === 0) return [];
    const cells = forEach(ofKind(summaries, own), (summary, i) => {
      const { mean, low, high } = difference(summary, others[i]);
      return `${points(mean)} (${points(low)} to ${points(high)})`;
    });
    return [{ "": name, ...cells }];
  }));
}
