import { assertKind } from "../../compute/kinds.ts";

/**
 * Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank. -1..1; NaN for fewer than two
 * pairs, or where one side is constant or holds a NaN.
 *
 * @throws {RangeError} if the two differ in length.
 *
 * @example
 * ```ts
 * if (spearman([1, 2, 3], [10, 100, 1000]) !== 1) throw new Error("monotonic is 1");
 * ```
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (const side of [a, b]) assertKind("each side of spearman", side, "array");
  if (a.length !== b.length) {
    throw new RangeError(`Expected as many values on both sides but found ${a.length} and ${b.length}`);
  }
  const [x, y] = [ranks(a), ranks(b)];
  // The mean of the ranks 0 to n - 1, shared or not.
  const middle = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) ** 2;
    yy += (y[i] - middle) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/** Ranks from 0 on; equal values get their mean. All NaN if a value is. */
function ranks(values: ArrayLike<number>): Float64Array {
  const list = Array.from(values);
  if (list.some(Number.isNaN)) return new Float64Array(list.length).fill(NaN);
  const order = list.map((_, i) => i).sort((i, j) => list[i] - list[j]);
  const ranks = new Float64Array(list.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && list[order[to]] === list[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + to - 1) / 2;
    from = to;
  }
  return ranks;
}
