/**
 * How far two partitions of the same things agree, whatever their regions are called: Hubert and Arabie's adjusted Rand
 * index ("Comparing partitions", 1985). 1 is the same partition, 0 what chance gives for regions of these sizes.
 *
 * @param a Region of each thing. @param b The same in the other partition.
 * @returns NaN where both put everything in one region, or each thing in its own.
 * @throws {RangeError} if the two differ in length.
 *
 * @example
 * ```ts
 * if (adjustedRandIndex([0, 0, 1, 1], [5, 5, 2, 2]) !== 1) throw new Error("names do not matter");
 * ```
 */
export function adjustedRandIndex(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new RangeError(`Expected two partitions of the same things but found ${a.length} and ${b.length}`);
  }
  const both = new Map<string, number>();
  const [inA, inB] = [new Map<number, number>(), new Map<number, number>()];
  const count = <K>(map: Map<K, number>, key: K) => map.set(key, (map.get(key) ?? 0) + 1);
  for (let i = 0; i < a.length; i++) {
    count(both, `${a[i]} ${b[i]}`);
    count(inA, a[i]);
    count(inB, b[i]);
  }
  const pairs = (n: number) => n * (n - 1) / 2;
  const sum = (map: Map<unknown, number>) => [...map.values()].reduce((total, n) => total + pairs(n), 0);
  // Pairs together in both that partitions of these sizes have by chance.
  const chance = sum(inA) * sum(inB) / pairs(a.length);
  return (sum(both) - chance) / ((sum(inA) + sum(inB)) / 2 - chance);
}
