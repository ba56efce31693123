import { largest } from "../../compute/long_lists.ts";
import { Random } from "../../compute/random.ts";
import { number, orNull, row, type RowOf, whole } from "../../report/row.ts";
import { meanOf } from "../../report/figures.ts";
import { gini } from "../regions/metrics.ts";
import { majorityAccuracy } from "../statistics/majority.ts";
import { adjustedRandIndex } from "../statistics/rand_index.ts";
import { leadersOfCount, nearestLeaders } from "./leader_rows.ts";

/** Rows with a label each. */
export interface LabelledRows {
  /** `count x dim`. */
  readonly rows: Float32Array<ArrayBuffer>;
  /** Length `count`. */
  readonly labels: Int32Array;
}

/**
 * How good a partition is: how even, how stable, how telling.
 *
 * @internal
 */
export const PARTITION_FIGURES = row({
  regions: whole("regions, as near to those asked for as a threshold gives", { heading: "K" }),
  gini: number("Gini coefficient of the regions' members", { heading: "size Gini" }),
  largest: number("share of the activations in the largest region"),
  singles: number("share of the regions with one member"),
  agreement: number("mean adjusted Rand index with the other orders' partitions", {
    missing: "no other order, or all activations in one region, or each in its own",
  }),
  accuracy: number("share of held-out activations whose label the majority of their region tells"),
  accuracyShuffled: number("share of held-out activations whose label is told after the labels were shuffled", {
    heading: "shuffled",
  }),
});

/** A row of {@linkcode PARTITION_FIGURES}, and the order that it is of. */
export type LeaderPartition = RowOf<typeof PARTITION_FIGURES> & {
  /** Of the order, and of the shuffled labels. */
  readonly seed: number;
};

/**
 * Leader clustering of the same rows in several orders, each with the threshold that gives so many regions.
 *
 * @param clustered Rows that are clustered, in coordinates of which Euclidean distance is the metric; see
 * {@linkcode metricMaps}.
 * @param heldout Other rows, whose labels are told from their nearest region's.
 * @param dim Length of a row.
 * @param wanted Regions asked for.
 * @param seeds One order each.
 *
 * @example
 * ```ts
 * const clustered = { rows: Float32Array.of(0, 0.1, 5, 5.1), labels: Int32Array.of(0, 0, 1, 1) };
 * const heldout = { rows: Float32Array.of(0.2, 5.2), labels: Int32Array.of(0, 1) };
 * const [{ regions, agreement, accuracy }] = leaderPartitions(clustered, heldout, 1, 2, [0, 1]);
 * if (regions !== 2 || agreement !== 1 || accuracy !== 1) throw new Error(`${regions} ${agreement} ${accuracy}`);
 * ```
 */
export function leaderPartitions(
  clustered: LabelledRows,
  heldout: LabelledRows,
  dim: number,
  wanted: number,
  seeds: readonly number[],
): LeaderPartition[] {
  const count = clustered.labels.length;
  const partitions = seeds.map((seed) => {
    const order = new Random(seed).shuffle(Array.from({ length: count }, (_, i) => i));
    const leaders = leadersOfCount(clustered.rows, dim, order, wanted);
    const [inside, outside] = [clustered, heldout].map(({ rows }) =>
      nearestLeaders(rows, clustered.rows, dim, leaders)
    );
    return { seed, regions: leaders.length, inside, outside };
  });
  return partitions.map((own) => {
    const sizes = new Float64Array(own.regions);
    for (const region of own.inside) sizes[region]++;
    const others = partitions.filter((other) => other !== own);
    const accuracy = (labels: ArrayLike<number>) => majorityAccuracy(own.inside, labels, own.outside, heldout.labels);
    return {
      seed: own.seed,
      regions: own.regions,
      gini: gini(sizes),
      largest: largest(sizes) / count,
      singles: sizes.filter((size) => size === 1).length / own.regions,
      agreement: meanOf(others.map(({ inside }) => orNull(adjustedRandIndex(own.inside, inside)))),
      accuracy: accuracy(clustered.labels),
      accuracyShuffled: accuracy(new Random(own.seed).shuffle([...clustered.labels])),
    };
  });
}
