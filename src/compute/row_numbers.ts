/** `count` consecutive row numbers from `first` on. */
export function rowNumbers(first: number, count: number): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: count }, (_, i) => first + i);
}
