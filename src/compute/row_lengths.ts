/**
 * Which rows can be measured, on both backends alike. A row has a direction from a center if its difference from it
 *
 * - is of finite numbers, and
 * - has a length from 1e-30 to 1e30: its squares may overflow float32, or vanish in it, so rows of extreme length are scaled
 *   by a power of two before they are squared, which rounds nothing; and
 * - is at least 2^-20 of the center's length. Numbers of 24 bits leave no more than four for what is nearer: rounding would
 *   decide the direction.
 *
 * Every other row is refused by its number. Of what needs no direction (moments, an autoencoder's features) only numbers that
 * are not finite and lengths beyond 1e30 are refused; a row shorter than 1e-30 counts as zero.
 */
import { NoDirectionError, NonFiniteRowError } from "./backend.ts";

/** A shorter row counts as zero. */
export const SHORTEST = 1e-30;
/** A longer row is refused. */
export const LONGEST = 1e30;
/** Part of the center's length that a row must be away from it. */
const APART = 2 ** -20;

/** Shortest difference from a center that has a direction. */
export function shortestFrom(center: Float32Array): number {
  return Math.max(SHORTEST, APART * lengthOf(center));
}

/**
 * The length of a row, summed in float64, in which no square of a float32 overflows or vanishes.
 *
 * @param center Subtracted in float32, as kernels do; default nothing.
 */
export function lengthOf(row: Float32Array, center?: Float32Array): number {
  let squares = 0;
  for (let d = 0; d < row.length; d++) squares += (center ? Math.fround(row[d] - center[d]) : row[d]) ** 2;
  return Math.sqrt(squares);
}

/**
 * Why a row is refused.
 *
 * @param values The row.
 * @param row Its number.
 * @param center What its direction is from; default none is asked for.
 */
export function rowError(values: Float32Array, row: number, center?: Float32Array): Error {
  if (!values.every(Number.isFinite)) return new NonFiniteRowError(row);
  return new NoDirectionError(row, lengthOf(values, center) <= LONGEST ? "on the center" : "too long");
}

/** Throws unless every row, `rows x dim`, is finite and no longer than {@linkcode LONGEST}; the first is `firstRow`. */
export function assertLengths(data: Float32Array, dim: number, firstRow: number): void {
  for (let start = 0; start < data.length; start += dim) {
    const row = data.subarray(start, start + dim);
    if (!(lengthOf(row) <= LONGEST)) throw rowError(row, firstRow + start / dim);
  }
}

/** Norms of rows that are measured in float32; others are in float64: their squares leave it. */
export function isPlainNorm(norm: number): boolean {
  return norm >= 2 ** -15 && norm <= 2 ** 62;
}
