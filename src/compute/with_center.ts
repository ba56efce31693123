/**
 * `bias - encoder center`: moves the centring of `(x - center) encoder^T + bias` into the bias, so that no operation
 * needs it. Added up in float64.
 */
export function withCenter(
  encoder: Float32Array,
  bias: Float32Array,
  center: Float32Array,
): Float32Array<ArrayBuffer> {
  const dim = center.length;
  return Float32Array.from(bias, (value, feature) => {
    let dot = 0;
    for (let d = 0; d < dim; d++) dot += encoder[feature * dim + d] * center[d];
    return value - dot;
  });
}
