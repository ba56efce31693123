import { batchAt, type LayeredBatch } from "../activations/stream.ts";
import type { Backend } from "../compute/backend.ts";
import type { Calibration } from "./calibration.ts";
import { startGrowths } from "./grow.ts";
import type { Growth } from "./growth.ts";

/** A dictionary whose exemplars are replaced while it grows. */
export type Replacing = Pick<Growth, "layer" | "percentile" | "dictionary">;

/**
 * Dictionaries for every layer and percentile whose exemplars follow the running means: after every batch an exemplar
 * gives way to a member of the batch that lies nearer to its region's mean.
 *
 * @param calibrations By layer.
 * @param backend Where they grow.
 * @param seed Of the samples of members.
 * @returns One dictionary for each layer and percentile, empty; dispose them.
 *
 * @example
 * ```ts
 * import { openBackend } from "../compute/mod.ts";
 * import { Calibration } from "./calibration.ts";
 *
 * const levels = [{ percentile: 4, threshold: 0.2 }, { percentile: 8, threshold: 0.4 }];
 * const calibration = new Calibration({ center: new Float32Array(2), levels, activations: 1000 });
 * const all = await startReplacing(new Map([[3, calibration]]), await openBackend("cpu"), 0);
 * if (all.map(({ percentile }) => percentile).join() !== "4,8") throw new Error(`${all.length}`);
 * for (const { dictionary } of all) dictionary.dispose();
 * ```
 */
export async function startReplacing(
  calibrations: ReadonlyMap<number, Calibration>,
  backend: Backend,
  seed: number,
): Promise<Replacing[]> {
  const growths = await startGrowths(calibrations, backend, { seed });
  return growths.map(({ layer, percentile, dictionary }) => ({ layer, percentile, dictionary }));
}

/**
 * The stream, with every batch added to all of some dictionaries as it passes, each at its layer.
 *
 * @param all As {@linkcode startReplacing} gives them.
 * @param stream Batches; whoever takes them on disposes them.
 * @throws {RangeError} if the stream lacks a layer.
 *
 * @example The exemplar is what lies nearest to the mean, not what came first
 * ```ts
 * import { Dictionary } from "./dictionary.ts";
 *
 * async function* stream() {
 *   yield { batches: new Map([[3, { data: Float32Array.of(5, 0, 5, 1, 5, 2), rows: 3, dim: 2 }]]) };
 * }
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.5 }, { backend: "cpu" });
 * for await (const _ of addReplacing([{ layer: 3, percentile: 8, dictionary }], stream()));
 * if (dictionary.exemplars[1] === 0) throw new Error("Expected the second row's direction");
 * ```
 */
export async function* addReplacing<B extends Pick<LayeredBatch, "batches">>(
  all: readonly Replacing[],
  stream: AsyncIterable<B>,
): AsyncGenerator<B> {
  for await (const batch of stream) {
    for (const { layer, dictionary } of all) await dictionary.add(batchAt(batch, layer), { replace: true });
    yield batch;
  }
}
