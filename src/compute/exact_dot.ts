/**
 * The dot product of two float32 rows in float64, `dim` numbers from a place in each on.
 *
 * Always in this order, whoever asks: a pair has one product, whatever batch or search it is met in. Four sums at once, as
 * one would wait for each addition before the next.
 */
export function exactDot(a: Float32Array, atA: number, b: Float32Array, atB: number, dim: number): number {
  // One by one: V8 keeps numbers that come out of an array in memory.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const whole = dim - dim % 4;
  let j = 0;
  for (; j < whole; j += 4) {
    s0 += a[atA + j] * b[atB + j];
    s1 += a[atA + j + 1] * b[atB + j + 1];
    s2 += a[atA + j + 2] * b[atB + j + 2];
    s3 += a[atA + j + 3] * b[atB + j + 3];
  }
  for (; j < dim; j++) s0 += a[atA + j] * b[atB + j];
  return s0 + s1 + (s2 + s3);
}
