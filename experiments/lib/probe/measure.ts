/** Probes of one encoding: trained on some documents, tested on others. */
import { balancedRows, featureCount, shuffledLabels, splitDocuments, trainProbe } from "../../../src/analysis/mod.ts";
import type { Label, ProbeData } from "./data.ts";
import { type Encoding, meanActive, type Source } from "./encodings.ts";

/**
 * Gradients shorter than this are zero: going on changes accuracies by a thousandth or less, and takes twice the time.
 */
const TOLERANCE = 1e-2;

/** A label with the rows that its probes learn from and are tested on. */
export interface Task {
  readonly label: Label;
  /** As many rows of every class each. */
  readonly train: Int32Array<ArrayBuffer>;
  readonly test: Int32Array<ArrayBuffer>;
  /** The label's values, those of the rows to train on exchanged, several times. */
  readonly shuffled: readonly Int32Array<ArrayBuffer>[];
}

/** How probes are trained. */
export interface TrainOptions {
  /** Strengths of the penalty to choose from. */
  readonly strengths: readonly number[];
  /** Steps of the optimiser at most. */
  readonly iterations: number;
}

/** A probe's answers on the documents it was not trained on. */
export interface Reading {
  readonly seed: number;
  readonly label: string;
  readonly source: Source;
  readonly percentile: number;
  readonly k: number;
  /** Mean number of features that are not zero. */
  readonly l0: number;
  /** Number of features. */
  readonly size: number;
  /** Whether the labels of the rows to train on were shuffled, and which time: 0 is as they are. */
  readonly isShuffled: boolean;
  readonly shuffle: number;
  readonly accuracy: number;
  /** Share told right of each class. */
  readonly recalls: readonly number[];
  /** Right answers and questions by document. */
  readonly right: Float64Array;
  readonly asked: Float64Array;
  /** Strength of the penalty that validation chose. */
  readonly l2: number;
}

/** The tasks of one seed: documents parted, rows drawn. */
export function tasksOf(
  { labels, documents, kinds }: ProbeData,
  seed: number,
  { share, train, test, shuffles }: { share: number; train: number; test: number; shuffles: number },
): Task[] {
  const tests = splitDocuments(kinds, share, seed);
  const rows = Array.from(documents, (_, row) => row);
  const [learned, told] = [false, true].map((side) => rows.filter((row) => tests[documents[row]] === side));
  return labels.map((label) => {
    const { values, classes: { length }, ofDocument } = label;
    const own = balancedRows(values, length, learned, train, seed);
    return {
      label,
      train: own,
      test: balancedRows(values, length, told, test, seed),
      shuffled: Array.from(
        { length: shuffles },
        (_, i) => shuffledLabels(values, own, seed * shuffles + i, ofDocument ? documents : undefined),
      ),
    };
  });
}

/** Trains a probe for every task; with `isControl` others on shuffled labels, under the same penalty. */
export function measureEncoding(
  encoding: Encoding,
  tasks: readonly Task[],
  { documents, kinds }: ProbeData,
  { seed, strengths, iterations, isControl }: TrainOptions & { seed: number; isControl: boolean },
): Reading[] {
  const { source, percentile, k, features } = encoding;
  return tasks.flatMap(({ label, train, test, shuffled }) => {
    const classes = label.classes.length;
    const read = (labels: Int32Array, l2: number | readonly number[], shuffle: number): Reading => {
      const probe = trainProbe(features, labels, {
        rows: train,
        documents,
        classes,
        l2,
        seed,
        iterations,
        tolerance: TOLERANCE,
      });
      const [right, asked] = [new Float64Array(kinds.length), new Float64Array(kinds.length)];
      const [rightOf, askedOf] = [new Float64Array(classes), new Float64Array(classes)];
      probe.predict(features, test).forEach((told, i) => {
        const [truth, document] = [label.values[test[i]], documents[test[i]]];
        const isRight = Number(told === truth);
        right[document] += isRight;
        asked[document]++;
        rightOf[truth] += isRight;
        askedOf[truth]++;
      });
      return {
        seed,
        label: label.name,
        source,
        percentile,
        k,
        l0: meanActive(features),
        size: featureCount(features),
        isShuffled: shuffle > 0,
        shuffle,
        accuracy: right.reduce((a, b) => a + b) / test.length,
        recalls: Array.from(rightOf, (count, c) => count / askedOf[c]),
        right,
        asked,
        l2: probe.l2,
      };
    };
    const own = read(label.values, strengths, 0);
    return isControl ? [own, ...shuffled.map((labels, i) => read(labels, own.l2, i + 1))] : [own];
  });
}
