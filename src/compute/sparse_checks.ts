/** Sentences about encoders, decoders and features that do not fit. */
import { assertShape, type Matrix } from "./backend.ts";
import type { ActivationRule, SparseFeatures } from "./sparse.ts";

/** Throws unless a matrix has a row for at least one feature. */
function assertFeatures({ rows }: Matrix): void {
  if (rows < 1) throw new RangeError("Expected at least one feature but found none");
}

/** Throws unless an encoder, its bias and its rule fit rows of `x`. */
export function assertEncoder(x: Matrix, encoder: Matrix, bias: Float32Array, rule: ActivationRule): void {
  assertFeatures(encoder);
  if (x.dim !== encoder.dim) {
    throw new RangeError(`Expected activations of length ${encoder.dim}, as the encoder takes, but found ${x.dim}`);
  }
  assertShape(bias as Float32Array<ArrayBuffer>, encoder.rows, 1);
  assertShape(rule.thresholds, encoder.rows, 1);
  const bad = rule.thresholds.findIndex((threshold) => !(threshold >= 0));
  if (bad >= 0) {
    throw new RangeError(`Expected thresholds of at least 0 but feature ${bad} has ${rule.thresholds[bad]}`);
  }
  if (rule.most !== undefined && !(Number.isInteger(rule.most) && rule.most >= 1)) {
    throw new RangeError(`Expected at least 1 active feature a row but found ${rule.most}`);
  }
}

/** Throws unless the features have as many vectors to combine, and a bias of their length. */
export function assertDecoder(features: SparseFeatures, vectors: Matrix, bias: Float32Array): void {
  assertFeatures(vectors);
  if (features.size !== vectors.rows) {
    throw new RangeError(`Expected ${vectors.rows} features, one a vector, but found ${features.size}`);
  }
  assertShape(bias as Float32Array<ArrayBuffer>, 1, vectors.dim);
  if (features.features.some((feature) => feature < 0 || feature >= vectors.rows)) {
    throw new RangeError(`Expected features 0 to ${vectors.rows - 1} but found others: take them as encode gives them`);
  }
}
