/**
 * Tells the label of other things by the majority of their region: the best that a linear probe can do on one-hot
 * regions.
 *
 * @param regions Region of each thing that is known. @param labels Its label.
 * @param others Regions of the things to be told. @param truth Their labels.
 * @returns Share told right, 0..1. In a region without known things the most frequent label of all is told; of equally
 * frequent ones the smallest.
 *
 * @example
 * ```ts
 * if (majorityAccuracy([0, 0, 1], [7, 7, 8], [0, 1, 1], [7, 8, 7]) !== 2 / 3) throw new Error("two of three");
 * ```
 */
export function majorityAccuracy(
  regions: ArrayLike<number>,
  labels: ArrayLike<number>,
  others: ArrayLike<number>,
  truth: ArrayLike<number>,
): number {
  const everywhere = new Map<number, number>();
  const byRegion = new Map<number, Map<number, number>>();
  for (let i = 0; i < regions.length; i++) {
    const here = byRegion.get(regions[i]) ?? new Map<number, number>();
    byRegion.set(regions[i], here);
    for (const counts of [here, everywhere]) counts.set(labels[i], (counts.get(labels[i]) ?? 0) + 1);
  }
  const most = (counts: Map<number, number>) => [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0][0];
  const told = new Map([...byRegion].map(([region, counts]) => [region, most(counts)]));
  const otherwise = most(everywhere);
  const right = Array.from(others).filter((region, i) => (told.get(region) ?? otherwise) === truth[i]).length;
  return right / others.length;
}
