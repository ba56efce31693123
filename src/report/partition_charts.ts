/** Charts of partitions, as Vega-Lite descriptions with their data inlined. */
import type { ChartSpec } from "./chart.ts";

/** State of one dictionary at one point of the stream. */
export interface GrowthPoint {
  readonly layer: number;
  readonly percentile: number;
  readonly activations: number;
  readonly regions: number;
}

// Decades with a third between them: the grid of a logarithmic axis without its crowd of lines.
const DECADES = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6];
const logAxis = { values: DECADES, format: "~s" };
const byPercentile = { field: "percentile", type: "ordinal", title: "percentile p", scale: { scheme: "viridis" } };
const byLayer = { field: "layer", type: "ordinal", title: null, header: { labelExpr: "'block ' + datum.value" } };

/** Regions against activations seen, one line a percentile, one panel a layer. */
export function growthChart(points: readonly GrowthPoint[]): ChartSpec {
  return {
    data: { values: [...points] },
    facet: { column: byLayer },
    spec: {
      width: 230,
      height: 260,
      mark: { type: "line", point: { size: 28 }, strokeWidth: 1.8 },
      encoding: {
        x: {
          field: "activations",
          type: "quantitative",
          title: "activations seen",
          axis: { tickCount: 4, format: "~s" },
        },
        y: { field: "regions", type: "quantitative", title: "regions", scale: { type: "log" }, axis: logAxis },
        color: byPercentile,
      },
    },
  } as ChartSpec;
}

/** One region of one dictionary. */
export interface RegionPoint {
  readonly layer: number;
  readonly percentile: number;
  readonly count: number;
  readonly coherence: number;
}

/** Members of the regions by rank, largest first, one line a percentile, one panel a layer. */
export function sizeChart(regions: readonly RegionPoint[]): ChartSpec {
  return {
    data: { values: rankedBySize(regions) },
    facet: { column: byLayer },
    spec: {
      width: 230,
      height: 260,
      mark: { type: "line", strokeWidth: 1.8 },
      encoding: {
        x: {
          field: "rank",
          type: "quantitative",
          title: "rank of the region",
          scale: { type: "log" },
          axis: { tickCount: 4, format: "~s" },
        },
        y: { field: "count", type: "quantitative", title: "members", scale: { type: "log" }, axis: logAxis },
        color: byPercentile,
      },
    },
  } as ChartSpec;
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

/** Coherence of the regions of at least two members, a box a percentile, one panel a layer. */
export function coherenceChart(regions: readonly RegionPoint[]): ChartSpec {
  const values = regions.filter(({ count }) => count > 1).map(({ layer, percentile, coherence }) => ({
    layer,
    percentile,
    coherence: Math.round(coherence * 1e4) / 1e4,
  }));
  return {
    data: { values },
    facet: { column: byLayer },
    spec: {
      width: 230,
      height: 240,
      mark: { type: "boxplot", size: 20, outliers: { size: 8, opacity: 0.4 }, median: { color: "white" } },
      encoding: {
        x: { field: "percentile", type: "ordinal", title: "percentile p", axis: { labelAngle: 0 } },
        y: { field: "coherence", type: "quantitative", title: "coherence (0..1)", scale: { zero: false } },
        color: { ...byPercentile, legend: null },
      },
    },
  } as ChartSpec;
}

/** One cell of a partition that was projected onto a sphere. */
export interface VoronoiCell {
  /** GeoJSON outline, degrees. */
  readonly geometry: object;
  readonly longitude: number;
  readonly latitude: number;
  readonly count: number;
  readonly label: string;
}

/**
 * The partition seen as a globe: cells of the regions' directions in their first three principal components, coloured by
 * members, the largest ones on the visible side labelled.
 */
export function voronoiChart(
  cells: readonly VoronoiCell[],
  options: { labels?: number; longitude?: number } = {},
): ChartSpec {
  const { labels = 16, longitude = 0 } = options;
  const features = cells.map(({ geometry, count }) => ({ type: "Feature", geometry: rounded(geometry), count }));
  const projection = { type: "orthographic", rotate: [-longitude, 0, 0] };
  const facing = cells.filter((cell) => facingCosine(cell, longitude) > 0.35);
  const largest = spacedOut(facing.toSorted((a, b) => b.count - a.count), labels);
  const text = { type: "text", fontSize: 12, fontWeight: "bold" };
  const encoding = {
    longitude: { field: "longitude", type: "quantitative" },
    latitude: { field: "latitude", type: "quantitative" },
    text: { field: "label" },
  };
  return {
    width: 460,
    height: 460,
    projection,
    layer: [
      {
        data: { values: features },
        mark: { type: "geoshape", stroke: "white", strokeWidth: 0.6 },
        encoding: {
          color: {
            field: "count",
            type: "quantitative",
            title: "members",
            scale: { type: "log", scheme: "blues" },
            legend: { format: "~s" },
          },
        },
      },
      { data: { values: largest }, mark: { ...text, stroke: "white", strokeWidth: 3, strokeJoin: "round" }, encoding },
      { data: { values: largest }, mark: { ...text, color: "#222222" }, encoding },
    ],
  } as ChartSpec;
}

/** Cosine of the angle between a cell's point and the middle of the visible side. */
function facingCosine({ longitude, latitude }: VoronoiCell, middle: number): number {
  const radians = Math.PI / 180;
  return Math.cos(latitude * radians) * Math.cos((longitude - middle) * radians);
}

/** The first cells of a list that lie at least some degrees of each other, so that labels do not overlap. */
function spacedOut(cells: readonly VoronoiCell[], count: number) {
  const chosen: VoronoiCell[] = [];
  for (const cell of cells) {
    const isClear = chosen.every((other) =>
      Math.abs(cell.latitude - other.latitude) > 7 || Math.abs(cell.longitude - other.longitude) > 28
    );
    if (isClear) chosen.push(cell);
    if (chosen.length === count) break;
  }
  return chosen.map(({ longitude, latitude, label }) => ({ longitude, latitude, label }));
}

/** Coordinates to a hundredth of a degree: a tenth of the file. */
function rounded(geometry: object): object {
  return JSON.parse(
    JSON.stringify(geometry, (_, value) => typeof value === "number" ? Math.round(value * 100) / 100 : value),
  );
}
