/** A partition seen as a globe. */
import { assertOptions } from "../../compute/known_options.ts";
import { COLOR } from "../theme.ts";
import type { LayerSpec, MarkDef, UnitSpec } from "./spec.ts";

/** One cell of a partition that was projected onto a sphere. */
export interface VoronoiCell {
  /** GeoJSON outline, degrees. */
  readonly geometry: object;
  /** Degrees of the region's direction. */
  readonly longitude: number;
  /** Degrees, north of the middle. */
  readonly latitude: number;
  /** Members. */
  readonly count: number;
  /** What is written on it if it is one of the largest. */
  readonly label: string;
}

/**
 * The partition seen as a globe: cells of the regions' directions in their first three principal components, coloured
 * by members, the largest ones on the visible side labelled.
 *
 * @param cells One a region; `sphereCells` of the analysis gives their outlines.
 * @param options `labels`: how many cells are labelled, default 16; `longitude` of the middle of the visible side in
 * degrees, default 0.
 *
 * @example
 * ```ts
 * const outline = (west: number) => ({
 *   type: "Polygon",
 *   coordinates: [[[west, -80], [west, 80], [west + 180, 80], [west + 180, -80], [west, -80]]],
 * });
 * const globe = voronoiChart([
 *   { geometry: outline(-90), longitude: 0, latitude: 0, count: 30, label: "cat" },
 *   { geometry: outline(90), longitude: 180, latitude: 0, count: 12, label: "mat" },
 * ]);
 * const spec = JSON.stringify(globe);
 * if (!spec.includes('"cat"') || spec.includes('"mat"')) throw new Error("mat lies behind");
 * ```
 */
export function voronoiChart(
  cells: readonly VoronoiCell[],
  options: { labels?: number; longitude?: number } = {},
): LayerSpec {
  assertOptions("voronoiChart", options, { labels: "number", longitude: "number" });
  const { labels = 16, longitude = 0 } = options;
  const features = cells.map(({ geometry, count }) => ({ type: "Feature", geometry: rounded(geometry), count }));
  const facing = cells.filter((cell) => facingCosine(cell, longitude) > 0.35);
  const largest = spacedOut(facing.toSorted((a, b) => b.count - a.count), labels);
  const letters: MarkDef = { type: "text", fontSize: 12, fontWeight: "bold", color: COLOR.ink };
  const halo: MarkDef = { ...letters, stroke: "white", strokeWidth: 3, strokeJoin: "round" };
  const encoding: UnitSpec["encoding"] = {
    longitude: { field: "longitude", type: "quantitative" },
    latitude: { field: "latitude", type: "quantitative" },
    text: { field: "label" },
  };
  return {
    width: 460,
    height: 460,
    projection: { type: "orthographic", rotate: [-longitude, 0, 0] },
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
      { data: { values: largest }, mark: halo, encoding },
      { data: { values: largest }, mark: letters, encoding },
    ],
  };
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
