import { minimise, type MinimiseOptions, type Minimum } from "./conjugate_gradient.ts";
import { columnMoments, featureCount, type FeatureRows } from "./feature_rows.ts";
import { fitRows } from "./fit_rows.ts";

/** What is minimised, and how far. */
export interface LogisticOptions extends MinimiseOptions {
  /** Number of classes. */
  classes: number;
  /** Strength of the penalty `l2 / 2 ||weights||^2` beside the mean loss. */
  l2: number;
  /** Whether the penalty is on the weights of columns scaled to unit variance. */
  standardize: boolean;
}

/** A fitted linear model. */
export interface LogisticFit {
  /** `classes x dim`, for rows as they are, not standardised. */
  readonly weights: Float64Array<ArrayBuffer>;
  /** One number a class. */
  readonly bias: Float64Array<ArrayBuffer>;
  /** How the optimiser ended. */
  readonly minimum: Minimum;
}

/**
 * Fits multinomial logistic regression: minimises the mean of `-log softmax(W x + b)[label]` over rows, plus the
 * penalty on the weights; the bias goes free.
 *
 * Loss and gradient are ours; the optimiser is a library's. The logistic regressions on npm are plain gradient descent
 * of one class against the rest (ml-logistic-regression: 50,000 fixed steps) or take no sparse rows. The optimiser sees
 * centred columns, scaled so that each bends the loss about equally: a change of variables, which moves no minimum and
 * saves most of the steps.
 *
 * @param features `rows x dim`. @param labels Class of each row. @param rows Numbers of the rows to fit.
 */
export function fitLogistic(
  features: FeatureRows,
  labels: Int32Array,
  rows: Int32Array,
  options: LogisticOptions,
): LogisticFit {
  const { classes, l2, standardize } = options;
  const dim = featureCount(features);
  const { mean, variance } = columnMoments(features, rows);
  const penalty = variance.map((v) => l2 * (standardize ? v : 1));
  // The logistic loss bends by at most a quarter of the column's variance; a column that is constant, but for rounding,
  // tells nothing.
  const scale = variance.map((v, j) => v <= 1e-12 * mean[j] ** 2 ? 0 : 1 / Math.sqrt(v / 4 + penalty[j]));

  const weights = new Float64Array(classes * dim);
  const bias = new Float64Array(classes);
  // From the optimiser's variables to the model's. A bias is a column of ones, along which the loss bends by at most a
  // quarter: its scale is 2. The optimiser's columns are centred, the model's are not, which the bias makes up for.
  const set = (x: Float64Array) => {
    for (let k = 0; k < classes; k++) {
      bias[k] = 2 * x[classes * dim + k];
      for (let j = 0; j < dim; j++) {
        const weight = x[k * dim + j] * scale[j];
        weights[k * dim + j] = weight;
        bias[k] -= weight * mean[j];
      }
    }
  };
  const fitted = fitRows(features, rows, classes);
  const sums = new Float64Array(classes * dim);
  const minimum = minimise(
    (x, gradient) => {
      set(x);
      const errors = fitted.products(weights);
      let loss = softmaxErrors(errors, labels, rows, bias);
      fitted.sums(sums);
      for (let k = 0; k < classes; k++) {
        let error = 0;
        for (let i = k; i < errors.length; i += classes) error += errors[i];
        // By the chain rule through `set`.
        gradient[classes * dim + k] = 2 * error;
        for (let j = 0; j < dim; j++) {
          const index = k * dim + j;
          loss += 0.5 * penalty[j] * weights[index] ** 2;
          gradient[index] = scale[j] * (sums[index] - error * mean[j] + penalty[j] * weights[index]);
        }
      }
      return loss;
    },
    new Float64Array(classes * dim + classes),
    options,
  );
  set(minimum.x);
  return { weights, bias, minimum };
}

/**
 * Turns logits without bias into what the gradient is made of, `(probability - is this the label) / rows`, in place.
 *
 * @returns The mean loss.
 */
function softmaxErrors(logits: Float64Array, labels: Int32Array, rows: Int32Array, bias: Float64Array): number {
  const classes = bias.length;
  let loss = 0;
  for (let i = 0; i < rows.length; i++) {
    const start = i * classes;
    let largest = -Infinity;
    for (let k = 0; k < classes; k++) largest = Math.max(largest, logits[start + k] += bias[k]);
    const label = labels[rows[i]];
    loss += largest - logits[start + label];
    let total = 0;
    for (let k = 0; k < classes; k++) total += logits[start + k] = Math.exp(logits[start + k] - largest);
    loss += Math.log(total);
    for (let k = 0; k < classes; k++) {
      logits[start + k] = (logits[start + k] / total - Number(k === label)) / rows.length;
    }
  }
  return loss / rows.length;
}
