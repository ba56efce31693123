import { largest } from "../../compute/long_lists.ts";

/** One region's share of a label. */
export interface RegionShare {
  /** Number of the region. */
  readonly region: number;
  /** Labelled activations that the region holds. */
  readonly members: number;
  /** Share of them with the label, 0..1. */
  readonly share: number;
}

/**
 * How regions divide labelled activations, the largest region first; of equal ones the lower number.
 *
 * @param regions Region of each activation.
 * @param labels Whether each activation has the label.
 *
 * @example
 * ```ts
 * const [first, second] = splitByLabel([4, 4, 4, 2], [true, true, false, false]);
 * if (first.region !== 4 || first.share !== 2 / 3 || second.members !== 1) throw new Error(JSON.stringify(first));
 * ```
 */
export function splitByLabel(regions: ArrayLike<number>, labels: readonly boolean[]): RegionShare[] {
  const counts = new Map<number, [members: number, labelled: number]>();
  labels.forEach((label, i) => {
    const [members, labelled] = counts.get(regions[i]) ?? [0, 0];
    counts.set(regions[i], [members + 1, labelled + Number(label)]);
  });
  return [...counts].map(([region, [members, labelled]]) => ({ region, members, share: labelled / members }))
    .sort((a, b) => b.members - a.members || a.region - b.region);
}

/**
 * The largest share of the label among regions of at least so many members; `null` if there is none.
 *
 * @param split How the regions divide the activations, see {@linkcode splitByLabel}.
 * @param members Labelled activations that a region must hold to count.
 *
 * @example
 * ```ts
 * const split = splitByLabel([4, 4, 4, 2], [true, false, true, true]);
 * if (largestShare(split, 2) !== 2 / 3) throw new Error("a region of one is all labelled, but too small");
 * ```
 */
export function largestShare(split: readonly RegionShare[], members: number): number | null {
  const shares = split.filter((row) => row.members >= members).map(({ share }) => share);
  return shares.length === 0 ? null : largest(shares);
}

/**
 * How well regions tell a label: other activations are given the label that is over-represented in their region.
 *
 * @param split How the regions divide the activations that they were grown on.
 * @param rate Share of the label among those.
 * @param regions Region of each activation to be told.
 * @param labels Its true label.
 * @returns Balanced accuracy, the mean over both labels of the share told right: 0.5 is chance. An activation whose region
 * has no share, or just the average one, counts half.
 *
 * @example
 * ```ts
 * const split = splitByLabel([0, 0, 1, 1], [true, true, false, false]);
 * const accuracy = balancedAccuracy(split, 0.5, [0, 1, 7], [true, true, false]);
 * if (accuracy !== 0.5) throw new Error(`half of the labelled, and half a point for the unknown region: ${accuracy}`);
 * ```
 */
export function balancedAccuracy(
  split: readonly RegionShare[],
  rate: number,
  regions: ArrayLike<number>,
  labels: readonly boolean[],
): number {
  const shares = new Map(split.map(({ region, share }) => [region, share]));
  const right = { true: 0, false: 0 };
  const total = { true: 0, false: 0 };
  labels.forEach((label, i) => {
    const share = shares.get(regions[i]) ?? rate;
    total[`${label}`]++;
    right[`${label}`] += share === rate ? 0.5 : Number((share > rate) === label);
  });
  return (right.true / total.true + right.false / total.false) / 2;
}

/**
 * Share of the activations that have their region's more frequent label, 0.5 or more; grows with the number of regions.
 *
 * @param split How the regions divide the activations, see {@linkcode splitByLabel}.
 *
 * @example
 * ```ts
 * const labels = [true, true, true, false];
 * const coarse = purity(splitByLabel([0, 0, 0, 0], labels));
 * const fine = purity(splitByLabel([0, 1, 2, 3], labels));
 * if (coarse !== 0.75 || fine !== 1) throw new Error(`${coarse} ${fine}`);
 * ```
 */
export function purity(split: readonly RegionShare[]): number {
  const total = split.reduce((sum, { members }) => sum + members, 0);
  return split.reduce((sum, { members, share }) => sum + members * Math.max(share, 1 - share), 0) / total;
}
