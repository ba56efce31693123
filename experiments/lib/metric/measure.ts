/** Leader clustering of the same activations under one metric, at a number of regions. */
import {
  adjustedRandIndex,
  gini,
  leadersOfCount,
  majorityAccuracy,
  nearestLeaders,
} from "../../../src/analysis/mod.ts";
import { Random } from "../../../src/compute/mod.ts";
import { meanOfAll as meanOf } from "../../../src/report/mod.ts";
import type { Metric } from "./spaces.ts";

/** Activations with the number of their domain. */
export interface Labelled {
  /** `count x dim`. */
  readonly rows: Float32Array;
  readonly labels: Int32Array;
}

/** One metric in one order. */
export interface MetricRow {
  readonly layer: number;
  readonly metric: Metric;
  /** Regions asked for. */
  readonly wanted: number;
  readonly seed: number;
  /** Regions that came nearest to it. */
  readonly regions: number;
  /** Of the regions' members. */
  readonly gini: number;
  /** Share of the activations in the largest region. */
  readonly largest: number;
  /** Share of the regions that have one member. */
  readonly singles: number;
  /** Mean adjusted Rand index with the other orders' partitions. */
  readonly agreement: number;
  /** Share of held-out activations whose domain their region's majority tells. */
  readonly accuracy: number;
  /** What `accuracy` is with the labels of the activations in the regions shuffled. */
  readonly accuracyShuffled: number;
}

/** Clusters in several orders, so many regions each. Rows are in the metric's coordinates. */
export function measureMetric(
  where: Pick<MetricRow, "layer" | "metric" | "wanted">,
  train: Labelled,
  heldout: Labelled,
  dim: number,
  seeds: readonly number[],
): MetricRow[] {
  const count = train.labels.length;
  const partitions = seeds.map((seed) => {
    const order = new Random(seed).shuffle(Array.from({ length: count }, (_, i) => i));
    const leaders = leadersOfCount(train.rows, dim, order, where.wanted);
    const [inside, outside] = [train, heldout].map(({ rows }) => nearestLeaders(rows, train.rows, dim, leaders));
    return { seed, regions: leaders.length, inside, outside };
  });
  return partitions.map((own) => {
    const sizes = new Float64Array(own.regions);
    for (const region of own.inside) sizes[region]++;
    const others = partitions.filter((other) => other !== own);
    const accuracy = (labels: ArrayLike<number>) => majorityAccuracy(own.inside, labels, own.outside, heldout.labels);
    return {
      ...where,
      seed: own.seed,
      regions: own.regions,
      gini: gini(sizes),
      largest: Math.max(...sizes) / count,
      singles: sizes.filter((size) => size === 1).length / own.regions,
      agreement: meanOf(others.map(({ inside }) => adjustedRandIndex(own.inside, inside))),
      accuracy: accuracy(train.labels),
      accuracyShuffled: accuracy(new Random(own.seed).shuffle([...train.labels])),
    };
  });
}
