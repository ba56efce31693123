import type { RowGroups } from "../compute/backend.ts";

/**
 * Gathers the rows of an assignment by region, by counting: rows stay in order within a region.
 *
 * @param regions Region of each row, 0 to `size - 1`; rows of none (-1) are in no group.
 * @param size Number of regions.
 */
export function groupRows(regions: Int32Array, size: number): RowGroups {
  // A counting sort: first the members of each region, one place up; then, added up, where each region's rows begin.
  const starts = new Int32Array(size + 1);
  for (const region of regions) if (region >= 0) starts[region + 1]++;
  const present: number[] = [];
  const offsets: number[] = [0];
  for (let region = 0; region < size; region++) {
    if (starts[region + 1] > 0) {
      present.push(region);
      offsets.push(offsets[offsets.length - 1] + starts[region + 1]);
    }
    starts[region + 1] += starts[region];
  }
  const rows = new Int32Array(offsets[offsets.length - 1]);
  for (let row = 0; row < regions.length; row++) if (regions[row] >= 0) rows[starts[regions[row]]++] = row;
  return { regions: Int32Array.from(present), offsets: Int32Array.from(offsets), rows };
}
