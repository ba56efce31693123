/** How the regions of a stream grow with the activations seen. */
import type { Growth, Snapshot } from "../../../src/partition/mod.ts";
import type { SettingKey as Setting } from "../../../src/report/mod.ts";

/** The streams that are compared; `mix` is as many windows of all three. */
export const STREAMS = ["math", "code", "chat", "mix"] as const;

/** One of {@linkcode STREAMS}. */
export type Stream = typeof STREAMS[number];

/** One stream in one order at one layer and percentile. */
export interface StreamCurve extends Setting {
  readonly stream: Stream;
  readonly seed: number;
  readonly threshold: number;
  /** One for each batch. */
  readonly snapshots: readonly Snapshot[];
  /** Regions at the end. */
  readonly regions: number;
  /** Share of the activations of the last quarter of the batches that founded a region, 0..1. */
  readonly founding: number;
  /** Activations until two consecutive batches founded nothing (saturation, window 1); NaN if that did not come. */
  readonly saturatedAt: number;
}

/** Keeps of dictionaries how they grew. */
export function curvesOf(growths: readonly Growth[], stream: Stream, seed: number): StreamCurve[] {
  return growths.map(({ layer, percentile, dictionary, snapshots }) => ({
    layer,
    percentile,
    stream,
    seed,
    threshold: dictionary.threshold,
    snapshots,
    regions: dictionary.size,
    founding: foundingShare(snapshots),
    saturatedAt: saturationPoint(snapshots),
  }));
}

/** Share of the activations of the last quarter of the batches (one at least) that founded a region. */
export function foundingShare(snapshots: readonly Snapshot[]): number {
  const before = snapshots[snapshots.length - 1 - Math.ceil(snapshots.length / 4)] ?? { activations: 0, regions: 0 };
  const end = snapshots[snapshots.length - 1];
  return (end.regions - before.regions) / (end.activations - before.activations);
}

/** Activations after which two consecutive batches had founded nothing; NaN if none ever did. */
export function saturationPoint(snapshots: readonly Snapshot[]): number {
  const second = snapshots.findIndex(({ founded }, i) => i > 0 && founded === 0 && snapshots[i - 1].founded === 0);
  return second < 0 ? NaN : snapshots[second].activations;
}
