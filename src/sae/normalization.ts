/** Normalising activations one by one, as SAELens does before it encodes, and undoing it behind the decoder. */

/**
 * How every activation is normalised, by SAELens's names: `layer_norm`, `(x - mean) / (deviation + 1e-5)` with the standard
 * deviation of a sample; `constant_norm_rescale`, to the norm `sqrt(dim)`.
 */
export type Normalization = "layer_norm" | "constant_norm_rescale";

/** What brings decoded rows back to the activations' own units: a row times its `scale`, plus its `shift` everywhere. */
export interface Denormalization {
  /** Length `rows`. */
  readonly scales: Float64Array<ArrayBuffer>;
  /** Length `rows`. */
  readonly shifts: Float64Array<ArrayBuffer>;
}

// SAELens's; it is in the way in only.
const EPSILON = 1e-5;

/**
 * Rows normalised one by one, in float64.
 *
 * @param values `rows x dim`.
 * @param withoutMean Whether the mean is taken from a row before, for good.
 */
export function normalised(
  values: Float32Array,
  dim: number,
  kind: Normalization,
  withoutMean: boolean,
): { readonly values: Float32Array<ArrayBuffer>; readonly undo: Denormalization } {
  const rows = values.length / dim;
  const result = new Float32Array(values.length);
  const undo = { scales: new Float64Array(rows), shifts: new Float64Array(rows) };
  for (let row = 0; row < rows; row++) {
    const start = row * dim;
    let mean = 0;
    if (kind === "layer_norm" || withoutMean) {
      for (let d = 0; d < dim; d++) mean += values[start + d] / dim;
    }
    let squares = 0;
    for (let d = 0; d < dim; d++) squares += (values[start + d] - mean) ** 2;
    const scale = kind === "layer_norm" ? Math.sqrt(squares / Math.max(1, dim - 1)) : Math.sqrt(squares / dim);
    // A row of zeros has no norm to change: it stays what it is.
    const divisor = kind === "layer_norm" ? scale + EPSILON : scale || 1;
    for (let d = 0; d < dim; d++) result[start + d] = (values[start + d] - mean) / divisor;
    undo.scales[row] = kind === "layer_norm" ? scale : divisor;
    undo.shifts[row] = withoutMean ? 0 : mean;
  }
  return { values: result, undo };
}

/** Brings decoded rows, `rows x dim`, back in place. */
export function denormalise(rows: Float32Array, dim: number, { scales, shifts }: Denormalization): void {
  for (let i = 0; i < rows.length; i++) {
    const row = Math.floor(i / dim);
    rows[i] = rows[i] * scales[row] + shifts[row];
  }
}
