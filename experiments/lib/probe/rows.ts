/** Result rows of `probe`. */
import {
  compareAnswers,
  type DocumentAnswers,
  type FeatureRows,
  type Interval,
  type Label,
  LABELS,
  pooledAnswers,
  PROBE_FIGURES,
  type ProbeReading,
} from "../../../src/analysis/mod.ts";
import {
  intervalOf,
  number,
  oneOf,
  row,
  type RowOf,
  settingsOf,
  whole,
  withInterval,
  words,
} from "../../../src/report/mod.ts";

/** Where features come from. */
export const SOURCES = [
  "raw activations",
  "EP, exemplars",
  "EP, means",
  "random exemplars",
  "SAE",
  "token id",
] as const;
/** One of {@linkcode SOURCES}. */
export type Source = typeof SOURCES[number];

/** Features of every probed row. */
export interface Encoding {
  readonly source: Source;
  /** Percentile p of the dictionary, or of the one that random exemplars are as many as. */
  readonly percentile: number | null;
  /** Features kept of a row: 1 is a one-hot without values; `null` where all are kept. */
  readonly k: number | null;
  readonly features: FeatureRows;
}

const SEED = whole("stream order, split of the documents, draw of the rows");

/** What is told from what. */
const READOUT = row({
  label: words("what is told"),
  source: oneOf(SOURCES, "what the probe reads"),
  percentile: number("percentile p of the dictionary, or of as many exemplars", {
    heading: "p",
    missing: "no dictionary is read",
  }),
  k: number("largest features kept, 1 is a one-hot", { missing: "all are kept" }),
  labels: LABELS,
});

/** One probe. */
export const ACCURACY = row({ seed: SEED, ...READOUT, ...PROBE_FIGURES });
/** A row of {@linkcode ACCURACY}, with its answers by document and by class. */
export type Reading = RowOf<typeof ACCURACY> & ProbeReading;

/** One class of a probe that was trained on labels as they are. */
export const RECALL = row({
  seed: SEED,
  ...READOUT,
  class: words("class of the label"),
  recall: number("share of the class's test rows told right"),
});

/** One label read one way, over all seeds. */
export const KEPT = row({
  ...READOUT,
  features: number("number of features, mean over seeds"),
  l0: number("mean number of features that are not zero"),
  chance: number("accuracy of one class for all"),
  ...withInterval(
    "accuracy",
    "share of the test documents' rows told right, seeds pooled",
    "95 % of resampled documents",
  ),
  ...withInterval("ratio", "accuracy over that of raw activations", "95 % of resampled documents"),
  ...withInterval("kept", "(accuracy - chance) / (raw accuracy - chance)", "95 % of resampled documents"),
});
/** A row of {@linkcode KEPT}, with what it sums up. */
export type Summary = RowOf<typeof KEPT> & {
  readonly answers: DocumentAnswers;
  readonly readings: readonly Reading[];
};

/** Puts the seeds' readings together. A share of raw is computed with the same documents drawn for both. */
export function summarise(readings: readonly Reading[]): Summary[] {
  const settings = settingsOf(readings, ["label", "source", "percentile", "k", "labels"]);
  const raw = new Map(
    settings.filter(({ key }) => key.source === "raw activations" && key.labels === "true")
      .map(({ key, rows }) => [key.label, pooledAnswers(rows)]),
  );
  return settings.map((setting) => {
    const { key, rows } = setting;
    const answers = pooledAnswers(rows);
    const { features, l0, chance } = setting.meanRow("features", "l0");
    const interval = (figure: (own: number, raw: number) => number) =>
      compareAnswers(answers, raw.get(key.label)!, figure);
    return {
      ...key,
      ...{ features, l0, chance },
      ...intervalOf("accuracy", interval((accuracy) => accuracy)),
      ...intervalOf("ratio", interval((accuracy, raw) => accuracy / raw)),
      ...intervalOf("kept", interval((accuracy, raw) => (accuracy - chance) / (raw - chance))),
      answers,
      readings: rows,
    };
  });
}

/** How much more accurate one read-out is than another of the same label, documents drawn for both. */
export function difference(a: Summary, b: Summary): Interval {
  return compareAnswers(a.answers, b.answers, (one, other) => one - other);
}

/** The rows of {@linkcode RECALL}. */
export function recallRows(readings: readonly Reading[], labels: readonly Label[]): RowOf<typeof RECALL>[] {
  return readings.filter((reading) => reading.labels === "true").flatMap((reading) => {
    const { classes } = labels.find(({ name }) => name === reading.label)!;
    return classes.map((name, c) => ({ ...reading, class: name, recall: reading.recalls[c] }));
  });
}

/** What summaries are asked for by. */
export type Ask = Partial<Pick<Summary, "label" | "source" | "percentile" | "k" | "labels">>;

/** The summaries that fit, in the order of their labels; unless asked for, those of labels as they are. */
export function ofKind(summaries: readonly Summary[], ask: Ask): Summary[] {
  const wanted = Object.entries({ labels: "true", ...ask });
  return summaries.filter((summary) => wanted.every(([key, value]) => summary[key as keyof Ask] === value));
}

/** The largest number of features that is kept of a percentile's dictionary. */
export function mostKept(summaries: readonly Summary[], percentile: number): number {
  return Math.max(...ofKind(summaries, { source: "EP, exemplars", percentile }).map(({ k }) => k!));
}
