import type { Backend, Matrix } from "../compute/backend.ts";
import { exactDot } from "../compute/exact_dot.ts";

/** Float32's unit roundoff, and what lengths of unit rows and the distance itself are off by. */
const [UNIT, OFF] = [2 ** -24, 2e-7];

/**
 * How near to the threshold a float32 similarity of rows `dim` wide may lie before it is computed again in float64: the
 * most that a sum of so many products of unit rows can be off, in whatever order they are added (Higham, "Accuracy and
 * Stability of Numerical Algorithms", 2002, section 3.1). A GEMM's rounding depends on its shape; deciding such pairs from
 * their own numbers only makes the exemplar set independent of how the stream is cut into batches.
 */
export function borderOf(dim: number): number {
  return OFF + dim * UNIT / (1 - dim * UNIT);
}

/**
 * Whether a similarity lies so near to `1 - threshold` that rounding might decide.
 *
 * @param border As {@linkcode borderOf} gives it.
 */
export function isBorderline(similarity: number, threshold: number, border: number): boolean {
  return Math.abs(1 - similarity - threshold) < border;
}

/**
 * Dot products of chosen pairs of unit rows, summed in float64 and rounded to float32; see {@linkcode exactProducts}.
 */
export async function exactSimilarities(
  backend: Backend,
  a: Matrix,
  aRows: readonly number[],
  b: Matrix,
  bRows: readonly number[],
): Promise<Float32Array<ArrayBuffer>> {
  return Float32Array.from(await exactProducts(backend, a, aRows, b, bRows));
}

/**
 * Dot products of chosen pairs of rows, summed in float64.
 *
 * @param a `rows x dim`.
 * @param aRows For each pair, the row of `a`.
 * @param b `rows x dim`.
 * @param bRows For each pair, the row of `b`.
 * @returns One product a pair.
 */
export async function exactProducts(
  backend: Backend,
  a: Matrix,
  aRows: readonly number[],
  b: Matrix,
  bRows: readonly number[],
): Promise<Float64Array<ArrayBuffer>> {
  // Pairs share rows: a region's exemplar is in one pair with each row at its border, and comes down once.
  const [left, right] = [distinct(aRows), distinct(bRows)];
  const [leftData, rightData] = await Promise.all([
    backend.download(a, left.rows),
    backend.download(b, right.rows),
  ]);
  const { dim } = a;
  return Float64Array.from(
    aRows,
    (_, i) => exactDot(leftData, left.slots[i] * dim, rightData, right.slots[i] * dim, dim),
  );
}

/** The distinct rows of a list, and for each entry of the list the place of its row among them. */
function distinct(list: readonly number[]): { rows: Int32Array<ArrayBuffer>; slots: number[] } {
  const places = new Map<number, number>();
  const slots = list.map((row) => {
    if (!places.has(row)) places.set(row, places.size);
    return places.get(row)!;
  });
  return { rows: Int32Array.from(places.keys()), slots };
}
