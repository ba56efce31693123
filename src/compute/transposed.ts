/** `columns x rows` from `rows x columns`. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(data.length);
  // In squares that fit the cache: a whole column at a time would touch a new cache line for every number.
  const step = 64;
  for (let top = 0; top < rows; top += step) {
    for (let left = 0; left < columns; left += step) {
      const [bottom, right] = [Math.min(top + step, rows), Math.min(left + step, columns)];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) result[column * rows + row] = data[row * columns + column];
      }
    }
  }
  return result;
}
