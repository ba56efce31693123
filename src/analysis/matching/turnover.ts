/** How many regions two matched dictionaries share at a cut-off. */
export interface Turnover {
  /** Pairs whose cosine reaches the cut-off. */
  readonly persisted: number;
  /** Regions of the first without such a partner. */
  readonly dropped: number;
  /** Regions of the second without such a partner. */
  readonly introduced: number;
}

/**
 * Counts persisted, dropped and introduced regions.
 *
 * @param cosines Of the matched pairs.
 * @param before Regions of the first dictionary.
 * @param after Regions of the second.
 * @param cut Cosine from which a pair counts as one region.
 *
 * @example
 * ```ts
 * const { persisted, dropped, introduced } = turnover([0.9, 0.7, 0.2], 4, 3, 0.7);
 * if (`${persisted} ${dropped} ${introduced}` !== "2 2 1") throw new Error("one pair is below the cut, one has no partner");
 * ```
 */
export function turnover(cosines: ArrayLike<number>, before: number, after: number, cut: number): Turnover {
  // Cosines are float32: a cut of 0.7 is meant to keep 0.7 rounded to that.
  const persisted = Array.from(cosines).filter((cosine) => cosine >= Math.fround(cut)).length;
  return { persisted, dropped: before - persisted, introduced: after - persisted };
}
