/** Means, ranges and comparisons of figures, some of which may not be there. */
import { largest, smallest } from "../compute/long_lists.ts";

/** Whether there is a value: figures that could not be had are `null`, or NaN where nobody foresaw it. */
export function isThere(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && !Number.isNaN(value);
}

/**
 * The mean of the values that are there; `null` of none.
 *
 * @example
 * ```ts
 * if (meanOf([0.5, null, 0.7]) !== 0.6) throw new Error("null is left out");
 * ```
 */
export function meanOf(values: readonly (number | null | undefined)[]): number | null {
  const there = values.filter(isThere);
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
}

/**
 * The least and the largest of the values that are there; `null` of none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rangeOf([0.4, 0.12, null]), [0.12, 0.4]);
 * assertEquals(rangeOf([null]), null);
 * ```
 */
export function rangeOf(values: readonly (number | null | undefined)[]): readonly [low: number, high: number] | null {
  const there = values.filter(isThere);
  return there.length === 0 ? null : [smallest(there), largest(there)];
}

/**
 * How far values that were repeated lie apart: the least and the largest; `null` of fewer than two, which have no spread.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(spreadOf([0.4, 0.12, null]), [0.12, 0.4]);
 * assertEquals(spreadOf([0.4, null]), null);
 * ```
 */
export function spreadOf(values: readonly (number | null | undefined)[]): readonly [low: number, high: number] | null {
  return values.filter(isThere).length < 2 ? null : rangeOf(values);
}

/**
 * Whether a figure is above another; never where either is missing.
 *
 * @example
 * ```ts
 * if (!exceeds(0.6, 0.5) || exceeds(0.6, null)) throw new Error("a missing figure is no 0");
 * ```
 */
export function exceeds(figure: number | null | undefined, other: number | null | undefined): boolean {
  return isThere(figure) && isThere(other) && figure > other;
}

/**
 * How far a figure is above another; `null` where either is missing.
 *
 * @example
 * ```ts
 * if (difference(0.5, 0.25) !== 0.25 || difference(0.5, null) !== null) throw new Error("a missing figure is no 0");
 * ```
 */
export function difference(figure: number | null | undefined, other: number | null | undefined): number | null {
  return isThere(figure) && isThere(other) ? figure - other : null;
}

/**
 * Each value once: numbers ascending, others in the order in which they first come.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(distinct([10, 2, 10]), [2, 10]);
 * assertEquals(distinct(["train", "base", "train"]), ["train", "base"]);
 * ```
 */
export function distinct<T>(values: Iterable<T>): T[] {
  const each = [...new Set(values)];
  return each.every((value) => typeof value === "number") ? each.sort((a, b) => Number(a) - Number(b)) : each;
}
