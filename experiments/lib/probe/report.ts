/** What `probe` leaves to look at: tables, charts, report, findings. */
import type { FailedSetting } from "../../../src/partition/mod.ts";
import { formatNumber, formatShare, middleSetting } from "../../../src/report/mod.ts";
import { type Flags, printTable, reportTable, type Run } from "../../../src/run/mod.ts";
import { accuraciesChart, keptChart, type NamedSummary, shownReadouts, sparsityChart } from "./charts.ts";
import type { ProbeData } from "./data.ts";
import { findingsOf } from "./findings.ts";
import type { Reading } from "./measure.ts";
import { answer } from "./sentences.ts";
import { difference, labelsOf, ofKind, percentilesOf, summarise, type Summary } from "./summary.ts";
import { accuracyColumns, keptColumns, recallColumns } from "./tables.ts";

/** What was read, and what could not be. */
export interface ProbeResult {
  readonly layer: number;
  readonly data: ProbeData;
  readonly readings: readonly Reading[];
  /** Strengths of the penalty that validation chose from. */
  readonly strengths: readonly number[];
  /** Percentiles that give no dictionary. */
  readonly failed: readonly FailedSetting[];
}

const PUBLISHED =
  "Published for another model, Gemma-2-2B, on other labels and text: about 97 % of raw accuracy kept; in a " +
  "later version 98 % top-1, 82 % on test text at p 10 and 91 % at p 1.";

/** Writes everything below `run.out`, prints the figures, and says where the report is. */
export async function reportProbe<F extends Flags>(run: Run<F>, result: ProbeResult): Promise<void> {
  const { save, manifest, flags } = run;
  const { layer, data, readings, strengths, failed } = result;
  const summaries = summarise(readings);
  const percentiles = percentilesOf(summaries);
  // The percentile of the plain figures is the middle of the sweep, whatever came out.
  const { percentile } = middleSetting(percentiles.map((percentile) => ({ layer, percentile })));
  const shown = shownReadouts(summaries, percentile);
  await save.table("accuracies", accuracyColumns(readings));
  await save.table("kept", keptColumns(summaries));
  await save.table("recalls", recallColumns(readings, data.labels));
  Object.assign(manifest.findings, findingsOf(summaries, layer, percentile));

  const text = answer(summaries, layer, percentile);
  const seeds = new Set(readings.map(({ seed }) => seed)).size;
  const intervals = `Intervals are 95 % of resampled test documents, ${
    seeds === 1 ? "one seed" : `${seeds} seeds pooled`
  }.`;
  const path = await save.report({
    title: `What probes read from regions of ${flags.model}`,
    question: "How much of what a linear probe reads from raw activations survives in one-hot regions?",
    answer: text,
    sections: [
      { heading: "Published", blocks: [{ text: PUBLISHED }] },
      {
        heading: "Accuracies",
        blocks: [
          await save.chart(
            "accuracies",
            accuraciesChart(shown),
            `Accuracy on documents that no probe was trained on, block ${layer}, p ${percentile}. Classes are ` +
              `equally frequent; the dashed line is chance. ${intervals}`,
          ),
          { table: reportTable(accuracyTable(shown)), caption: "Accuracy of every read-out." },
          { table: reportTable(keptTable(shown)), caption: "The share of raw accuracy above chance that it keeps." },
          {
            table: reportTable(differenceTable(summaries, percentile)),
            caption:
              `Differences of accuracy in points, with intervals, at p ${percentile}: the same documents are drawn ` +
              "for both.",
          },
        ],
      },
      {
        heading: "Over p and over l0",
        blocks: [
          await save.chart(
            "kept",
            keptChart(summaries, percentiles),
            "Share of raw accuracy above chance that one feature keeps, by percentile. Points are seeds, bands " +
              "intervals. The SAE and the token's id do not depend on p. Random exemplars: as many activations of the " +
              "dictionaries' corpus.",
          ),
          { table: reportTable(percentileTable(summaries, percentiles)), caption: "One-hot accuracy by percentile." },
          ...failed.map(({ percentile, reason }) => ({ text: `No dictionary at p ${percentile}: ${reason}.` })),
          await save.chart(
            "sparsity",
            sparsityChart(summaries, percentile),
            `The same over the number of features that are kept, at p ${percentile}. One feature is a one-hot, more ` +
              "have their values. The last point of the SAE are all features that are active.",
          ),
        ],
      },
      {
        heading: "How it was measured",
        blocks: [{ text: `${method(data, flags.model)} ${chosen(readings, strengths)}` }],
      },
    ],
  });
  printTable(accuracyTable(shown));
  console.log("\nShare of raw accuracy above chance that is kept:\n");
  printTable(keptTable(shown));
  console.log(`\n${text}\n\nReport: ${path}`);
}

function method({ kinds, rows, labels }: ProbeData, model: string): string {
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
  const own = readings.filter(({ isShuffled }) => !isShuffled);
  const [weakest, strongest] = [Math.min(...strengths), Math.max(...strengths)];
  const count = (strength: number) => own.filter(({ l2 }) => l2 === strength).length;
  return `Of the penalties ${
    strengths.map((strength) => formatNumber(strength)).join(", ")
  }, validation took the weakest for ` +
    `${count(weakest)} and the strongest for ${count(strongest)} of ${own.length} probes.`;
}

const rounded = (value: number) => Math.round(value * 1e3) / 1e3;

/** Accuracy: a row a read-out, a column a label. */
function accuracyTable(shown: readonly NamedSummary[]): Record<string, number | string>[] {
  return readouts(shown).map(([readout, own]) => ({
    readout,
    features: Math.round(own[0].size),
    l0: rounded(own[0].l0),
    ...Object.fromEntries(own.map(({ label, accuracy }) => [label, rounded(accuracy.mean)])),
  }));
}

/** The share of raw accuracy above chance that is kept: a row a read-out, a column a label. */
function keptTable(shown: readonly NamedSummary[]): Record<string, number | string>[] {
  return readouts(shown).map(([readout, own]) => ({
    readout,
    ...Object.fromEntries(own.map(({ label, kept }) => [label, formatShare(kept.mean)])),
  }));
}

function readouts(shown: readonly NamedSummary[]): [string, Summary[]][] {
  return Array.from(
    Map.groupBy(shown, ({ name }) => name),
    ([name, own]) => [name, own.map(({ summary }) => summary)],
  );
}

function percentileTable(summaries: readonly Summary[], percentiles: readonly number[]) {
  return percentiles.flatMap((percentile) =>
    (["EP, exemplars", "EP, means", "random exemplars"] as const).map((source) => {
      const own = ofKind(summaries, { source, percentile, k: 1 });
      return {
        p: percentile,
        K: Math.round(own[0].size),
        exemplars: source,
        ...Object.fromEntries(own.map(({ label, accuracy }) => [label, rounded(accuracy.mean)])),
      };
    })
  );
}

function differenceTable(summaries: readonly Summary[], percentile: number) {
  const most = Math.max(...ofKind(summaries, { source: "EP, exemplars", percentile }).map(({ k }) => k));
  const pairs = [1, most].flatMap((k) => {
    const ep = { source: "EP, exemplars", percentile, k } as const;
    const name = k === 1 ? "one-hot" : `top ${k}`;
    return [
      [`${name}: EP exemplars − random exemplars`, ep, { ...ep, source: "random exemplars" }],
      [`${name}: EP exemplars − EP means`, ep, { ...ep, source: "EP, means" }],
      [`${name}: EP exemplars − SAE`, ep, { source: "SAE", k }],
    ] as const;
  });
  const raw = [["one-hot: EP exemplars − token id", pairs[0][1], { source: "token id" }]] as const;
  return [...new Map([...pairs, ...raw].map((pair) => [pair[0], pair])).values()].flatMap(([name, a, b]) => {
    const cells = labelsOf(summaries).flatMap((label) => {
      const [[one], [other]] = [ofKind(summaries, { ...a, label }), ofKind(summaries, { ...b, label })];
      if (!one || !other) return [];
      const { mean, low, high } = difference(one, other);
      const points = (value: number) => formatNumber(Math.round(1000 * value) / 10);
      return [[label, `${points(mean)} (${points(low)} to ${points(high)})`]];
    });
    return cells.length === 0 ? [] : [{ "": name, ...Object.fromEntries(cells) }];
  });
}
