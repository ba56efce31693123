/** The nearest exemplar of each row, as far as exemplars were scored. */
import type { Nearest } from "../backend.ts";
import { exactDot } from "../exact_dot.ts";

/** Rows of a matrix, `rows x dim`. */
export interface Rows {
  readonly data: Float32Array;
  readonly dim: number;
}

/** The nearest of no row is known. */
export function noneKnown(rows: number): Nearest {
  return { regions: new Int32Array(rows), similarities: new Float32Array(rows).fill(-Infinity) };
}

/** Keeps an exemplar of a row if it is nearer than the nearest that is known, or as near and lower. */
export function keepNearer(best: Nearest, row: number, region: number, similarity: number): void {
  const known = best.similarities[row];
  if (similarity > known || (similarity === known && region < best.regions[row])) {
    best.similarities[row] = similarity;
    best.regions[row] = region;
  }
}

/** Scores row `row` of a matrix exactly against an exemplar, and keeps it if it is nearer. */
export function score(
  best: Nearest,
  { data, dim }: Rows,
  row: number,
  exemplars: Float32Array,
  region: number,
): void {
  keepNearer(best, row, region, Math.fround(exactDot(data, row * dim, exemplars, region * dim, dim)));
}
