import { Random } from "../../compute/random.ts";
import { meanOf } from "../../report/figures.ts";
import { largestShare, purity, type RegionShare, splitByLabel } from "./label_split.ts";

/** How regions divide labelled activations, beside what shuffled labels give. */
export interface LabelDivision {
  /** The regions that hold any and their share of the label, the largest first. */
  readonly split: readonly RegionShare[];
  /** Largest share of the label among the regions of enough activations, 0..1; `null` if there is none. */
  readonly maxShare: number | null;
  /** Largest share with the labels shuffled among the activations, mean over shuffles. */
  readonly maxShareShuffled: number | null;
  /** Share of the activations that have their region's more frequent label, 0.5..1. */
  readonly purity: number;
  /** Purity with the labels shuffled, mean over shuffles. */
  readonly purityShuffled: number;
}

/**
 * Divides labelled activations by region. Many small regions are pure by chance: what shuffled labels give says how much of
 * it is.
 *
 * @param regions Region of each activation.
 * @param labels Whether each activation has the label.
 * @param options `minMembers`: activations from which a region's share counts; `seed` of the shuffles; `shuffles`, default 50.
 *
 * @example
 * ```ts
 * const labels = [true, true, true, false, false, false];
 * const { maxShare, purity, purityShuffled } = divideByLabel([0, 0, 0, 1, 1, 1], labels, { minMembers: 2, seed: 0 });
 * if (maxShare !== 1 || purity !== 1 || purityShuffled >= 1) throw new Error(`${purityShuffled}`);
 * ```
 */
export function divideByLabel(
  regions: ArrayLike<number>,
  labels: readonly boolean[],
  { minMembers, seed, shuffles = 50 }: {
    readonly minMembers: number;
    readonly seed: number;
    readonly shuffles?: number;
  },
): LabelDivision {
  const split = splitByLabel(regions, labels);
  const random = new Random(seed);
  const shuffled = Array.from({ length: shuffles }, () => splitByLabel(regions, random.shuffle([...labels])));
  return {
    split,
    maxShare: largestShare(split, minMembers),
    maxShareShuffled: meanOf(shuffled.map((split) => largestShare(split, minMembers))),
    purity: purity(split),
    purityShuffled: shuffled.reduce((sum, split) => sum + purity(split), 0) / shuffles,
  };
}
