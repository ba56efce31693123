/** The Voronoi partition of a sphere; the library is named here and nowhere else. */
import { geoVoronoi } from "npm:d3-geo-voronoi@2.1.0";

/** A cell's outline on the sphere as a GeoJSON geometry, in degrees of longitude and latitude. */
export interface CellGeometry {
  /** GeoJSON's name of the kind. */
  readonly type: "Polygon";
  /** Rings of points; the first is the outline, its first point at both ends. */
  readonly coordinates: readonly (readonly (readonly [longitude: number, latitude: number])[])[];
}

/** A point on the sphere and the part of the sphere that is nearest to it. */
export interface SphereCell {
  /** Degrees. */
  readonly longitude: number;
  /** Degrees. */
  readonly latitude: number;
  /** The part of the sphere. */
  readonly geometry: CellGeometry;
}

/**
 * Projects points of space onto the sphere around the origin and cuts it into their cells.
 *
 * @param points `rows x 3`, at least four of them, none at the origin.
 * @returns In the order of the points.
 *
 * @example The six ends of the axes
 * ```ts
 * const cells = sphereCells(Float64Array.of(2, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1));
 * const [outline] = cells[0].geometry.coordinates;
 * if (outline.length !== 5) throw new Error(`a face of the cube has four corners, the first comes twice: ${outline}`);
 * if (cells[4].latitude !== 90) throw new Error(`the fifth is the north pole: ${cells[4].latitude}`);
 * ```
 */
export function sphereCells(points: Float64Array): SphereCell[] {
  const places = Array.from({ length: points.length / 3 }, (_, i) => {
    const [x, y, z] = points.subarray(3 * i, 3 * i + 3);
    const degrees = 180 / Math.PI;
    return [Math.atan2(y, x) * degrees, Math.asin(z / Math.hypot(x, y, z)) * degrees] as const;
  });
  const { features } = geoVoronoi(places).polygons() as { features: { geometry: CellGeometry }[] };
  return places.map(([longitude, latitude], i) => ({ longitude, latitude, geometry: features[i].geometry }));
}
