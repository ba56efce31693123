import { number, oneOf, row, type RowOf, whole } from "../../report/row.ts";
import type { DocumentAnswers } from "../statistics/document_answers.ts";
import { meanActive } from "./encode_rows.ts";
import { featureCount, type FeatureRows } from "./feature_rows.ts";
import { trainProbe } from "./linear_probe.ts";
import type { ProbeTask } from "./probe_tasks.ts";

/**
 * Whether a probe was trained on labels as they are or shuffled.
 *
 * @internal
 */
export const LABELS = oneOf(["true", "shuffled"], "labels that the probe was trained on");

/**
 * What a probe tells of the documents that it was not trained on.
 *
 * @internal
 */
export const PROBE_FIGURES = row({
  labels: LABELS,
  shuffle: whole("which shuffling of the labels, from 1", { missing: "labels as they are" }),
  features: whole("number of features, or of dimensions"),
  l0: number("mean number of features that are not zero"),
  accuracy: number("share of the test documents' rows told right"),
  chance: number("accuracy of one class for all"),
  questions: whole("rows that were told"),
  l2: number("strength of the penalty that validation chose"),
});

/** A row of {@linkcode PROBE_FIGURES}, and what it sums up. */
export interface ProbeReading extends RowOf<typeof PROBE_FIGURES>, DocumentAnswers {
  /** Share of each class told right, in the order of the label's classes. */
  readonly recalls: readonly number[];
}

/** How probes are trained. */
export interface ProbeTraining {
  /** Document of each row: validation takes whole ones. */
  readonly documents: Int32Array;
  /** Strengths of the penalty to choose from, see `ProbeOptions.l2`. */
  readonly strengths: readonly number[];
  /** Steps of the optimiser at most. */
  readonly iterations: number;
  /** Draws the documents that validate. */
  readonly seed: number;
}

/** Gradients shorter than this are zero: going on changes accuracies by a thousandth or less, and takes twice the time. */
const TOLERANCE = 1e-2;

/**
 * Trains a probe for a task and tests it on the other documents.
 *
 * @param features Of every row that the task's numbers mean.
 *
 * @example
 * ```ts
 * const values = Int32Array.of(0, 1, 0, 1, 0, 1);
 * const label = { name: "sign", classes: ["−", "+"], values, ofDocument: false };
 * const task = { label, train: Int32Array.of(0, 1, 2, 3), test: Int32Array.of(4, 5), shuffled: [] };
 * const features = { rows: 6, dim: 1, data: Float32Array.from(values, (value) => 2 * value - 1) };
 * const documents = Int32Array.of(0, 1, 2, 3, 4, 5);
 * const { accuracy } = readTask(features, task, { documents, strengths: [1e-2], iterations: 10, seed: 0 });
 * if (accuracy !== 1) throw new Error(`${accuracy}`);
 * ```
 */
export function readTask(features: FeatureRows, task: ProbeTask, training: ProbeTraining): ProbeReading {
  return readLabels(features, task, task.label.values, training.strengths, null, training);
}

/**
 * The control of {@linkcode readTask}: a probe for each shuffling of the task's labels, under the penalty that the true ones
 * took. Its accuracy is what the features and the draw of rows give by themselves.
 *
 * @param features Of every row that the task's numbers mean.
 * @param reading What {@linkcode readTask} gave for the true labels.
 * @returns In the order of the shufflings.
 *
 * @example
 * ```ts
 * const values = Int32Array.of(0, 1, 0, 1, 0, 1);
 * const label = { name: "sign", classes: ["−", "+"], values, ofDocument: false };
 * const shuffled = [Int32Array.of(1, 0, 1, 0, 0, 1)];
 * const task = { label, train: Int32Array.of(0, 1, 2, 3), test: Int32Array.of(4, 5), shuffled };
 * const features = { rows: 6, dim: 1, data: Float32Array.from(values, (value) => 2 * value - 1) };
 * const training = { documents: Int32Array.of(0, 1, 2, 3, 4, 5), iterations: 10, seed: 0 };
 * const [{ labels, accuracy }] = readShuffled(features, task, { l2: 1e-2 }, training);
 * if (labels !== "shuffled" || accuracy !== 0) throw new Error(`it learnt the wrong way round: ${accuracy}`);
 * ```
 */
export function readShuffled(
  features: FeatureRows,
  task: ProbeTask,
  { l2 }: Pick<ProbeReading, "l2">,
  training: Omit<ProbeTraining, "strengths">,
): ProbeReading[] {
  return task.shuffled.map((labels, i) => readLabels(features, task, labels, l2, i + 1, training));
}

function readLabels(
  features: FeatureRows,
  { label, train, test }: ProbeTask,
  labels: Int32Array,
  l2: number | readonly number[],
  shuffle: number | null,
  { documents, iterations, seed }: Omit<ProbeTraining, "strengths">,
): ProbeReading {
  const classes = label.classes.length;
  const options = { rows: train, documents, classes, l2, seed, iterations, tolerance: TOLERANCE };
  const probe = trainProbe(features, labels, options);
  const count = documents.reduce((most, document) => Math.max(most, document), 0) + 1;
  const [right, asked] = [new Float64Array(count), new Float64Array(count)];
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
    labels: shuffle === null ? "true" : "shuffled",
    shuffle,
    features: featureCount(features),
    l0: meanActive(features),
    accuracy: right.reduce((a, b) => a + b) / test.length,
    chance: 1 / classes,
    questions: test.length,
    l2: probe.l2,
    recalls: Array.from(rightOf, (right, c) => right / askedOf[c]),
    right,
    asked,
  };
}
