/**
 * Means of values in groups of equal size, formed by another quantity: with five groups the quintile means, the first of
 * the fifth whose `by` is smallest. Equal ones stay in order; sizes differ by one at most.
 *
 * @param values What is averaged.
 * @param by What the groups are formed by, as many numbers.
 * @param groups How many; with fewer values than groups some means are NaN.
 * @throws {RangeError} if the two differ in length.
 *
 * @example
 * ```ts
 * const means = groupMeans([10, 20, 30, 50], [4, 3, 2, 1], 2);
 * if (means.join() !== "40,15") throw new Error(means.join());
 * ```
 */
export function groupMeans(values: ArrayLike<number>, by: ArrayLike<number>, groups: number): number[] {
  if (values.length !== by.length) {
    throw new RangeError(`Expected as many values on both sides but found ${values.length} and ${by.length}`);
  }
  const order = Array.from(values, (_, i) => i).sort((a, b) => by[a] - by[b]);
  return Array.from({ length: groups }, (_, group) => {
    const [from, to] = [group, group + 1].map((g) => Math.round(g * order.length / groups));
    return order.slice(from, to).reduce((sum, i) => sum + values[i], 0) / (to - from);
  });
}
