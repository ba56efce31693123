import type { Snapshot } from "../../partition/growth.ts";
import { number, row, type RowOf, whole } from "../../report/row.ts";

/**
 * What a dictionary was after a batch.
 *
 * @internal
 */
export const SNAPSHOT_FIGURES = row({
  activations: whole("activations seen"),
  tokens: whole("tokens read, <bos> included"),
  regions: whole("regions after the batch"),
  founded: whole("regions that the batch founded", { missing: "saturated before, it only counts members" }),
});

/**
 * Where a dictionary's growth ended.
 *
 * @internal
 */
export const GROWTH_FIGURES = row({
  regions: whole("regions at the end"),
  foundingShare: number("share of the last quarter's activations that founded a region, 0..1"),
  saturatedAt: number("activations until two consecutive batches founded nothing", { missing: "none did" }),
});

/** A row of {@linkcode GROWTH_FIGURES}. */
export type GrowthFigures = RowOf<typeof GROWTH_FIGURES>;

/**
 * Reads off a dictionary's growth whether it was at an end.
 *
 * @param snapshots One for each batch, one at least.
 *
 * @example
 * ```ts
 * const [first, second] = [{ activations: 10, tokens: 11, regions: 4, founded: 4 }, { activations: 20, tokens: 22, regions: 5, founded: 1 }];
 * const { regions, foundingShare, saturatedAt } = growthFigures([first, second]);
 * if (regions !== 5 || foundingShare !== 0.1 || saturatedAt !== null) throw new Error(`${foundingShare}`);
 * ```
 */
export function growthFigures(snapshots: readonly Snapshot[]): GrowthFigures {
  return {
    regions: snapshots[snapshots.length - 1].regions,
    foundingShare: foundingShare(snapshots),
    saturatedAt: saturationPoint(snapshots),
  };
}

/**
 * Share of the activations of the last quarter of the batches (one at least) that founded a region, 0..1: of those before
 * the dictionary was saturated.
 *
 * @param snapshots One for each batch, one at least.
 *
 * @example
 * ```ts
 * const share = foundingShare([{ activations: 10, tokens: 11, regions: 4, founded: 4 }]);
 * if (share !== 0.4) throw new Error(`${share}`);
 * ```
 */
export function foundingShare(snapshots: readonly Snapshot[]): number {
  // Of batches that only count members none could found a region: as a share of theirs 0 would mean nothing.
  const founding = snapshots.filter(({ founded }) => founded !== null);
  const before = founding[founding.length - 1 - Math.ceil(founding.length / 4)] ?? { activations: 0, regions: 0 };
  const end = founding[founding.length - 1];
  return (end.regions - before.regions) / (end.activations - before.activations);
}

/**
 * Activations after which two consecutive batches had founded nothing, the method's rule of saturation (window 1); `null`
 * if none ever did.
 *
 * @param snapshots One for each batch.
 *
 * @example
 * ```ts
 * const founded = [4, 0, 0].map((founded, i) => ({ activations: 10 * (i + 1), tokens: 11 * (i + 1), regions: 4, founded }));
 * if (saturationPoint(founded) !== 30) throw new Error("the second empty batch ends at 30");
 * ```
 */
export function saturationPoint(snapshots: readonly Snapshot[]): number | null {
  const second = snapshots.findIndex(({ founded }, i) => i > 0 && founded === 0 && snapshots[i - 1].founded === 0);
  return second < 0 ? null : snapshots[second].activations;
}
