/** Charts of partitions: how regions come to be, how large they are, how alike their members. */
import { ordered, percentileAxis, quantity } from "./channels.ts";
import { chart, type ComposableChart } from "./chart.ts";
import { boxes } from "./place_marks.ts";
import { line } from "./row_marks.ts";
import { byLayer } from "./panels.ts";

const BY_PERCENTILE = ordered("percentile", "percentile p");
const PANEL = { panels: byLayer(), width: 230, height: 260 };

/** State of one dictionary at one point of the stream. */
export interface GrowthPoint {
  /** Layer of the model whose output is read. */
  readonly layer: number;
  /** Percentile that its threshold was calibrated to. */
  readonly percentile: number;
  /** Activations seen. */
  readonly activations: number;
  /** Regions by then. */
  readonly regions: number;
}

/**
 * Regions against activations seen, one line a percentile, one panel a layer; the regions' axis is logarithmic.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const points = [1000, 2000].map((activations) => ({ layer: 3, percentile: 8, activations, regions: 12 }));
 * const figure = growthChart(points);
 * assertEquals("data" in figure && figure.data, { values: points });
 * ```
 */
export function growthChart(points: readonly GrowthPoint[]): ComposableChart {
  return chart(points, {
    ...PANEL,
    x: quantity("activations", "activations seen", { format: "~s", ticks: 4 }),
    y: quantity("regions", "regions", { log: true }),
    color: BY_PERCENTILE,
    marks: [line({ hasPoints: true })],
  });
}

/** One region of one dictionary. */
export interface RegionPoint {
  /** Layer of the model whose output is read. */
  readonly layer: number;
  /** Percentile that its threshold was calibrated to. */
  readonly percentile: number;
  /** Members. */
  readonly count: number;
  /** Length of the mean of its members' unit directions, 0 to 1. */
  readonly coherence: number;
}

/**
 * Members of the regions by rank, largest first, one line a percentile, one panel a layer; both axes are logarithmic.
 * Of many regions about 120 ranks are drawn, evenly on the logarithm.
 *
 * @example
 * ```ts
 * const regions = [2, 30, 7].map((count) => ({ layer: 3, percentile: 8, count, coherence: 0.8 }));
 * const spec = JSON.stringify(sizeChart(regions));
 * if (!spec.includes('"rank":1,"count":30')) throw new Error("the largest is first");
 * ```
 */
export function sizeChart(regions: readonly RegionPoint[]): ComposableChart {
  return chart(rankedBySize(regions), {
    ...PANEL,
    x: quantity("rank", "rank of the region", { log: true, ticks: 4 }),
    y: quantity("count", "members", { log: true }),
    color: BY_PERCENTILE,
    marks: [line()],
  });
}

// A line needs no more points than this; ranks are thinned evenly on their logarithm.
const RANKS = 120;

function rankedBySize(regions: readonly RegionPoint[]) {
  const groups = Map.groupBy(regions, ({ layer, percentile }) => `${layer}/${percentile}`);
  return [...groups.values()].flatMap((group) => {
    const sorted = group.toSorted((a, b) => b.count - a.count);
    const ranks = new Set(Array.from({ length: RANKS }, (_, i) => Math.round(sorted.length ** (i / (RANKS - 1)))));
    return [...ranks].map((rank) => {
      const { layer, percentile, count } = sorted[rank - 1];
      return { layer, percentile, rank, count };
    });
  });
}

/**
 * Coherence of the regions of at least two members, a box a percentile, one panel a layer.
 *
 * @example
 * ```ts
 * const regions = [{ count: 9, coherence: 0.71 }, { count: 1, coherence: 1 }];
 * const spec = JSON.stringify(coherenceChart(regions.map((region) => ({ layer: 3, percentile: 8, ...region }))));
 * if (!spec.includes('"coherence":0.71') || spec.includes('"coherence":1')) throw new Error("one member says nothing");
 * ```
 */
export function coherenceChart(regions: readonly RegionPoint[]): ComposableChart {
  const points = regions.filter(({ count }) => count > 1).map(({ layer, percentile, coherence }) => ({
    layer,
    percentile,
    coherence: Math.round(coherence * 1e4) / 1e4,
  }));
  return chart(points, {
    ...PANEL,
    x: percentileAxis(),
    y: quantity("coherence", "coherence (0..1)", { zero: false }),
    color: { ...BY_PERCENTILE, hasLegend: false },
    marks: [boxes()],
  });
}
