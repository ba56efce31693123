/** A copy of some rows of `data`, `rows x dim`, in the order of their numbers. */
export function rowsOf(data: Float32Array, dim: number, rows: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const some = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i++) some.set(data.subarray(rows[i] * dim, (rows[i] + 1) * dim), i * dim);
  return some;
}
