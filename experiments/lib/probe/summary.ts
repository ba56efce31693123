/** Readings of all seeds put together: accuracy and what is kept of raw activations, with intervals over documents. */
import { bootstrapDocuments, type Interval } from "../../../src/analysis/mod.ts";
import { meanOfAll as meanOf } from "../../../src/report/mod.ts";
import type { Source } from "./encodings.ts";
import type { Reading } from "./measure.ts";

/** One label read one way, over seeds. */
export interface Summary {
  readonly label: string;
  readonly source: Source;
  readonly percentile: number;
  readonly k: number;
  readonly isShuffled: boolean;
  /** Number of features, and mean number that are not zero, over seeds. */
  readonly size: number;
  readonly l0: number;
  /** Accuracy of telling one class for all, which are equally frequent. */
  readonly chance: number;
  readonly accuracy: Interval;
  /** Accuracy over that of raw activations. */
  readonly ratio: Interval;
  /** `(accuracy - chance) / (raw accuracy - chance)`: 1 keeps all, 0 nothing. */
  readonly kept: Interval;
  /** Right answers and questions by document, all seeds' together. */
  readonly answers: Answers;
  /** The seeds' readings. */
  readonly readings: readonly Reading[];
}

/**
 * Puts the seeds' readings together: right answers and questions are added up by document, and documents are resampled.
 * A share of raw is computed with the same documents drawn for both.
 */
export function summarise(readings: readonly Reading[]): Summary[] {
  const groups = Map.groupBy(
    readings,
    ({ label, source, percentile, k, isShuffled }) =>
      JSON.stringify([label, source, String(percentile), String(k), isShuffled]),
  );
  const raw = new Map(
    groups.values().filter(([{ source, isShuffled }]) => source === "raw activations" && !isShuffled)
      .map((group) => [group[0].label, added(group)]),
  );
  return Array.from(groups.values(), (group) => {
    const [{ label, source, percentile, k, isShuffled, recalls }] = group;
    const own = added(group);
    const reference = raw.get(label)!;
    const chance = 1 / recalls.length;
    const interval = (figure: (own: number, raw: number) => number) => resampled(own, reference, figure);
    return {
      label,
      source,
      percentile,
      k,
      isShuffled,
      size: meanOf(group.map(({ size }) => size)),
      l0: meanOf(group.map(({ l0 }) => l0)),
      chance,
      accuracy: interval((accuracy) => accuracy),
      ratio: interval((accuracy, raw) => accuracy / raw),
      kept: interval((accuracy, raw) => (accuracy - chance) / (raw - chance)),
      answers: own,
      readings: group,
    };
  });
}

/** How much more accurate one read-out is than another of the same label, documents drawn for both. */
export function difference(a: Summary, b: Summary): Interval {
  return resampled(a.answers, b.answers, (one, other) => one - other);
}

/** Right answers and questions by document. */
export interface Answers {
  readonly right: Float64Array;
  readonly asked: Float64Array;
}

/** A figure of two accuracies on the same documents, with its interval over those that were asked about. */
function resampled(a: Answers, b: Answers, figure: (a: number, b: number) => number): Interval {
  const documents = [...a.asked.keys()].filter((document) => a.asked[document] > 0);
  const share = ({ right, asked }: Answers, drawn: Int32Array) => {
    let [hits, all] = [0, 0];
    for (const i of drawn) [hits, all] = [hits + right[documents[i]], all + asked[documents[i]]];
    return hits / all;
  };
  return bootstrapDocuments(documents.length, (drawn) => figure(share(a, drawn), share(b, drawn)));
}

function added(group: readonly Reading[]): Answers {
  const sum = (field: "right" | "asked") =>
    group[0][field].map((_, document) => group.reduce((total, reading) => total + reading[field][document], 0));
  return { right: sum("right"), asked: sum("asked") };
}

/** What a summary is asked for by. */
export type Ask = Partial<Pick<Summary, "label" | "source" | "percentile" | "k" | "isShuffled">>;

/** The summaries that fit; unless asked for, those of labels that were not shuffled. */
export function ofKind(summaries: readonly Summary[], ask: Ask): Summary[] {
  const wanted = Object.entries({ isShuffled: false, ...ask });
  return summaries.filter((summary) => wanted.every(([key, value]) => Object.is(summary[key as keyof Ask], value)));
}

/** The labels, in the order they were measured. */
export function labelsOf(summaries: readonly Summary[]): string[] {
  return [...new Set(summaries.map(({ label }) => label))];
}

/** The percentiles of the dictionaries, ascending. */
export function percentilesOf(summaries: readonly Summary[]): number[] {
  return [...new Set(summaries.map(({ percentile }) => percentile).filter((p) => !Number.isNaN(p)))].sort((a, b) =>
    a - b
  );
}
