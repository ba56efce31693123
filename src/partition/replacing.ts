import { batchAt, type StreamBatch } from "../activations/stream.ts";
import type { Backend } from "../compute/backend.ts";
import type { Calibration } from "./calibration.ts";
import { startGrowths } from "./grow.ts";
import type { Growth } from "./growth.ts";

/** A dictionary whose exemplars are replaced while it grows. */
export type Replacing = Pick<Growth, "layer" | "percentile" | "dictionary">;

/**
 * Dictionaries for every layer and percentile whose exemplars follow the running means: after every batch an exemplar gives
 * way to a member of the batch that lies nearer to its region's mean.
 */
export async function startReplacing(
  calibrations: ReadonlyMap<number, Calibration>,
  backend: Backend,
  seed: number,
): Promise<Replacing[]> {
  const growths = await startGrowths(calibrations, backend, { seed });
  return growths.map(({ layer, percentile, dictionary }) => ({ layer, percentile, dictionary }));
}

/** The stream, with every batch added to all of them as it passes. */
export async function* addReplacing(
  all: readonly Replacing[],
  stream: AsyncIterable<StreamBatch>,
): AsyncGenerator<StreamBatch> {
  for await (const batch of stream) {
    for (const { layer, dictionary } of all) await dictionary.add(batchAt(batch, layer), { replace: true });
    yield batch;
  }
}
