/** Tables of `probe`. */
import {
  numberColumn as number,
  type TableColumn,
  wholeColumn as whole,
  wordsColumn as words,
} from "../../../src/report/mod.ts";
import type { Label } from "./data.ts";
import type { Reading } from "./measure.ts";
import type { Summary } from "./summary.ts";

type ReadOut = Pick<Reading, "label" | "source" | "percentile" | "k" | "isShuffled">;

function readOutColumns(rows: readonly ReadOut[]): TableColumn[] {
  return [
    words("label", rows.map(({ label }) => label), "what is told"),
    words("source", rows.map(({ source }) => source), "what the probe reads"),
    number(
      "percentile",
      rows.map(({ percentile }) => percentile),
      "percentile p of the dictionary, or of as many exemplars",
    ),
    number(
      "k",
      rows.map(({ k }) => Number.isFinite(k) ? k : NaN),
      "largest features kept, 1 is a one-hot; NaN keeps all",
    ),
    words(
      "labels",
      rows.map(({ isShuffled }) => isShuffled ? "shuffled" : "true"),
      "labels that the probe was trained on",
    ),
  ];
}

/** Columns of `accuracies`, a row a reading. */
export function accuracyColumns(readings: readonly Reading[]): TableColumn[] {
  return [
    whole("seed", readings.map(({ seed }) => seed), "stream order, split of the documents, draw of the rows"),
    ...readOutColumns(readings),
    whole("shuffle", readings.map(({ shuffle }) => shuffle), "which shuffling of the labels; 0 is none"),
    whole("features", readings.map(({ size }) => size), "number of features, or of dimensions"),
    number("l0", readings.map(({ l0 }) => l0), "mean number of features that are not zero"),
    number("accuracy", readings.map(({ accuracy }) => accuracy), "share of the test documents' rows told right"),
    number("chance", readings.map(({ recalls }) => 1 / recalls.length), "accuracy of one class for all"),
    whole("questions", readings.map(({ asked }) => asked.reduce((a, b) => a + b)), "rows that were told"),
    number("l2", readings.map(({ l2 }) => l2), "strength of the penalty that validation chose"),
  ];
}

/** Columns of `recalls`, a row a reading and class. */
export function recallColumns(readings: readonly Reading[], labels: readonly Label[]): TableColumn[] {
  const rows = readings.filter(({ isShuffled }) => !isShuffled).flatMap((reading) =>
    reading.recalls.map((recall, c) => {
      return { ...reading, recall, class: labels.find(({ name }) => name === reading.label)!.classes[c] };
    })
  );
  return [
    whole("seed", rows.map(({ seed }) => seed), "stream order, split of the documents, draw of the rows"),
    ...readOutColumns(rows),
    words("class", rows.map((row) => row.class), "class of the label"),
    number("recall", rows.map(({ recall }) => recall), "share of the class's test rows told right"),
  ];
}

/** Columns of `kept`, a row a label and read-out over all seeds. */
export function keptColumns(summaries: readonly Summary[]): TableColumn[] {
  const interval = (field: "accuracy" | "ratio" | "kept", description: string) =>
    (["mean", "low", "high"] as const).map((end) =>
      number(
        end === "mean" ? field : `${field}_${end}`,
        summaries.map((summary) => summary[field][end]),
        end === "mean" ? description : `${end} end of its interval: 95 % of resampled documents`,
      )
    );
  return [
    ...readOutColumns(summaries),
    number("features", summaries.map(({ size }) => size), "number of features, mean over seeds"),
    number("l0", summaries.map(({ l0 }) => l0), "mean number of features that are not zero"),
    number("chance", summaries.map(({ chance }) => chance), "accuracy of one class for all"),
    ...interval("accuracy", "share of the test documents' rows told right, seeds pooled"),
    ...interval("ratio", "accuracy over that of raw activations"),
    ...interval("kept", "(accuracy - chance) / (raw accuracy - chance)"),
  ];
}
