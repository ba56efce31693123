/** Linear assignment; the library is named here and nowhere else. */
import { munkres } from "npm:munkres@2.0.4";

/**
 * The assignment of rows to columns, one to one, of largest total value (Hungarian method).
 *
 * @param values `rows x columns`, row-major.
 * @returns `min(rows, columns)` pairs, ordered by row.
 *
 * @example
 * ```ts
 * // The best of each row alone would be column 0 twice.
 * const pairs = assignRows(Float32Array.of(9, 8, 8, 1), 2, 2);
 * if (pairs.join(" ") !== "0,1 1,0") throw new Error(pairs.join(" "));
 * ```
 */
export function assignRows(values: Float32Array, rows: number, columns: number): [row: number, column: number][] {
  if (rows === 0 || columns === 0) return [];
  // The library minimises.
  const costs = Array.from({ length: rows }, (_, row) => {
    const cost = new Array<number>(columns);
    for (let column = 0; column < columns; column++) cost[column] = -values[row * columns + column];
    return cost;
  });
  return munkres(costs).sort(([a], [b]) => a - b) as [number, number][];
}
