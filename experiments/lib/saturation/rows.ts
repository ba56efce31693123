/** Result rows of `saturation`. */
import { GROWTH_FIGURES, growthFigures, SNAPSHOT_FIGURES } from "../../../src/analysis/mod.ts";
import type { Growth, Snapshot } from "../../../src/partition/mod.ts";
import { LAYER, oneOf, PERCENTILE, row, type RowOf, THRESHOLD, whole } from "../../../src/report/mod.ts";

/** The domains that are compared. */
export const DOMAINS = ["math", "code", "chat"] as const;

/** The streams that are read; `mix` is as many windows of all three. */
export const STREAMS = [...DOMAINS, "mix"] as const;
/** One of {@linkcode STREAMS}. */
export type Stream = typeof STREAMS[number];

const SETTING = row({
  stream: oneOf(STREAMS, "domain, or the mix of all"),
  seed: whole("stream order"),
  layer: LAYER,
  percentile: PERCENTILE,
  threshold: THRESHOLD,
});

/** One stream in one order at one layer and percentile: where its regions end. */
export const REGIONS = row({ ...SETTING, ...GROWTH_FIGURES });

/** One batch of it: how they came. */
export const CURVE = row({ ...SETTING, ...SNAPSHOT_FIGURES });

/** A row of {@linkcode REGIONS}, with those of {@linkcode CURVE}. */
export type StreamCurve = RowOf<typeof REGIONS> & {
  /** One for each batch. */
  readonly snapshots: readonly Snapshot[];
};

/** Keeps of dictionaries how they grew. */
export function curvesOf(growths: readonly Growth[], stream: Stream, seed: number): StreamCurve[] {
  return growths.map(({ layer, percentile, dictionary: { threshold }, snapshots }) => {
    return { stream, seed, layer, percentile, threshold, ...growthFigures(snapshots), snapshots };
  });
}

/** The batches of every curve. */
export function curveRows(curves: readonly StreamCurve[]): RowOf<typeof CURVE>[] {
  return curves.flatMap((curve) => curve.snapshots.map((snapshot) => ({ ...curve, ...snapshot })));
}
