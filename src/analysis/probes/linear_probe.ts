import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { hashUniform } from "../../compute/random.ts";
import { assertRows, featureCount, type FeatureRows, isDense, rowProducts } from "./feature_rows.ts";
import { fitLogistic, type LogisticFit, type LogisticOptions } from "./logistic.ts";

export { type DenseRows, type FeatureRows, oneHotRows } from "./feature_rows.ts";

/** How a probe is trained. */
export interface ProbeOptions {
  /** Number of classes. Default one more than the largest label. */
  classes?: number;
  /**
   * Strength of the penalty `l2 / 2 ||weights||^2`, which is added to the *mean* loss: scikit-learn's `C` is `1 / (rows
   * x l2)`. Default 1e-3. Of a list, the strength of best accuracy on the validation part is taken (of equally good
   * ones the strongest), and the probe trained with it on all rows.
   */
  l2?: number | readonly number[];
  /**
   * Whether the penalty sees columns scaled to unit variance, as raw activations need: few of their dimensions have
   * almost all the variance. Default true for dense rows, false for sparse ones, whose entries share a unit.
   */
  standardize?: boolean;
  /** The rows to train on, by number. Default all. */
  rows?: Int32Array;
  /** Document of each row, so that a validation part holds whole documents. Default each row is one. */
  documents?: ArrayLike<number>;
  /** Share of the documents that validate. Default 0.2. */
  validation?: number;
  /** Draws them. Default 0. */
  seed?: number;
  /** Steps of the optimiser at most. Default 100. */
  iterations?: number;
  /** It stops before where the gradient, in scaled weights, is shorter than this. Default 1e-3. */
  tolerance?: number;
}

const OPTIONS: OptionKinds<ProbeOptions> = {
  classes: "number",
  l2: ["number", "numbers"],
  standardize: "boolean",
  rows: "array",
  documents: "array",
  validation: "number",
  seed: "number",
  iterations: "number",
  tolerance: "number",
};

/** A trained multinomial logistic regression. */
export interface Probe extends LogisticFit {
  /** The penalty's strength. */
  readonly l2: number;
  /** Accuracy of each strength on the validation part; empty if there was but one strength. */
  readonly tried: readonly { l2: number; accuracy: number }[];
  /** Logits, `rows x classes`; of two classes the second minus the first are the log odds. */
  scores(features: FeatureRows, rows?: Int32Array): Float64Array<ArrayBuffer>;
  /** The class of largest logit, of equal ones the smallest, a number for each row. */
  predict(features: FeatureRows, rows?: Int32Array): Int32Array<ArrayBuffer>;
}

/**
 * Trains a linear probe: multinomial logistic regression with an L2 penalty on the weights, not on the bias.
 *
 * @param features Dense rows such as activations, or sparse ones such as `oneHotRows` and `Sae.encode` give.
 * @param labels Class of each row, 0 to `classes - 1`.
 * @throws {RangeError} if there is no row to train on, a label is no class, a row is not of finite numbers or has
 * features or entries that there are not, or a strength is negative. So do `scores` and `predict` throw at such rows.
 *
 * @example
 * ```ts
 * const rows = { data: Float32Array.of(-2, -1, 1, 2), rows: 4, dim: 1 };
 * const probe = trainProbe(rows, Int32Array.of(0, 0, 1, 1));
 * if (probe.predict(rows).join() !== "0,0,1,1") throw new Error(probe.predict(rows).join());
 * ```
 */
export function trainProbe(features: FeatureRows, labels: Int32Array, options: ProbeOptions = {}): Probe {
  assertOptions("trainProbe", options, OPTIONS);
  const rows = options.rows ?? allRows(features);
  const classes = options.classes ?? labels.reduce((a, b) => Math.max(a, b), 0) + 1;
  // The strongest first: of equally good ones `>` below leaves it.
  const strengths = [options.l2 ?? 1e-3].flat().sort((a, b) => b - a);
  check(features, labels, rows, classes, strengths);
  const { validation = 0.2, iterations = 100, tolerance = 1e-3 } = options;
  checkTraining({ validation, iterations, tolerance });
  const settings = {
    classes,
    standardize: options.standardize ?? isDense(features),
    iterations,
    tolerance,
  };
  if (strengths.length === 1) return fit(features, labels, rows, { ...settings, l2: strengths[0] });

  const { documents, seed = 0 } = options;
  // From the seed and the document alone: the same documents validate for every set of features and labels.
  const validates = (row: number) => hashUniform(seed, documents?.[row] ?? row) < validation;
  const [held, rest] = [rows.filter(validates), rows.filter((row) => !validates(row))];
  if (held.length === 0 || rest.length === 0) {
    throw new RangeError(
      `Expected documents on both sides of the validation split but found ${held.length} rows that validate and ` +
        `${rest.length} others: give more documents or one strength`,
    );
  }
  const tried = strengths.map((l2) => {
    const told = fit(features, labels, rest, { ...settings, l2 }).predict(features, held);
    return { l2, accuracy: held.filter((row, i) => labels[row] === told[i]).length / held.length };
  });
  const best = tried.reduce((a, b) => b.accuracy > a.accuracy ? b : a);
  return { ...fit(features, labels, rows, { ...settings, l2: best.l2 }), tried };
}

function fit(features: FeatureRows, labels: Int32Array, rows: Int32Array, options: LogisticOptions): Probe {
  const { weights, bias, minimum } = fitLogistic(features, labels, rows, options);
  const { classes, l2 } = options;
  const scores = (features: FeatureRows, rows = allRows(features)) => {
    const [size, found] = [weights.length / classes, featureCount(features)];
    if (size !== found) throw new RangeError(`Expected rows of ${size} features, as in training, but found ${found}`);
    assertRows(features, rows);
    return rowProducts(features, rows, weights, classes).map((logit, i) => logit + bias[i % classes]);
  };
  const predict = (features: FeatureRows, rows = allRows(features)) => {
    const logits = scores(features, rows);
    return Int32Array.from(rows, (_, i) => {
      const here = logits.subarray(i * classes, (i + 1) * classes);
      return here.indexOf(here.reduce((a, b) => Math.max(a, b)));
    });
  };
  return { weights, bias, l2, tried: [], minimum, scores, predict };
}

const allRows = ({ rows }: FeatureRows) => Int32Array.from({ length: rows }, (_, i) => i);

function checkTraining(
  { validation, iterations, tolerance }: Record<"validation" | "iterations" | "tolerance", number>,
) {
  if (!(validation > 0 && validation < 1)) {
    throw new RangeError(`Expected a share of documents between 0 and 1 to validate but found ${validation}`);
  }
  if (!Number.isInteger(iterations) || iterations < 1) {
    throw new RangeError(`Expected a whole number of steps from 1 on but found ${iterations}`);
  }
  if (!(tolerance >= 0)) throw new RangeError(`Expected a tolerance from 0 on but found ${tolerance}`);
}

function check(
  features: FeatureRows,
  labels: Int32Array,
  rows: Int32Array,
  classes: number,
  strengths: number[],
): void {
  if (labels.length !== features.rows) {
    throw new RangeError(`Expected ${features.rows} labels, one for each row, but found ${labels.length}`);
  }
  if (rows.length === 0) throw new RangeError("Expected rows to train a probe on but found none");
  assertRows(features, rows);
  for (const row of rows) {
    if (!(labels[row] >= 0 && labels[row] < classes)) {
      throw new RangeError(`Expected labels of 0 to ${classes - 1} but row ${row} has ${labels[row]}`);
    }
  }
  const wrong = strengths.find((l2) => !(l2 >= 0));
  if (wrong !== undefined || strengths.length === 0) {
    throw new RangeError(`Expected strengths of the penalty from 0 on but found ${wrong ?? "none"}`);
  }
}
