import type { ActivationBatch, Batch } from "../activations/batch.ts";
import { assertSameReading, type StreamSource } from "../activations/source.ts";
import type { Backend, Matrix } from "../compute/backend.ts";
import type { CountedBatch } from "./batch_parts.ts";
import type { CalibrationValues } from "./calibrator.ts";
import { Dictionary } from "./dictionary.ts";
import { directionsOf } from "./directions.ts";
import type { DiscoveryCounts, Growth, GrowthRules } from "./growth.ts";

/** An empty dictionary for every layer and percentile. */
export async function startGrowths(
  calibrations: ReadonlyMap<number, CalibrationValues>,
  backend: Backend,
  { sources, seed, members }: {
    sources?: ReadonlyMap<number, StreamSource>;
    seed?: number;
    members?: number;
  },
): Promise<Growth[]> {
  const growths: Growth[] = [];
  // Given back unless all can be made.
  using made = new DisposableStack();
  for (const [layer, calibration] of calibrations) {
    const source = sources?.get(layer) ?? calibration.source;
    if (calibration.source && source) assertSameReading(calibration.source, source);
    for (const { percentile, threshold } of calibration.levels) {
      const { center } = calibration;
      const calibrated = { center, threshold, percentile, source };
      const dictionary = made.use(await Dictionary.create(calibrated, { backend, seed, members }));
      const counts = { batches: 0, prompts: 0, tokens: 0, activations: 0 };
      growths.push({ layer, percentile, dictionary, saturated: false, emptyBatches: 0, snapshots: [], ...counts });
    }
  }
  if (growths.length === 0) {
    throw new Error("Expected a percentile to grow a dictionary at but found none: calibrate one");
  }
  made.move();
  return growths;
}

/**
 * Directions of every layer that still grows, before any dictionary changes: a bad row must leave all as they were.
 *
 * @param made Is given the matrices, also those that were made before a row was found to be bad.
 */
export async function directionsByLayer(
  batches: ReadonlyMap<number, Batch>,
  calibrations: ReadonlyMap<number, CalibrationValues>,
  growths: readonly Growth[],
  made: DisposableStack,
): Promise<Map<number, Matrix>> {
  const directions = new Map<number, Matrix>();
  // Together, so that waiting for a GPU's answers overlaps; all have ended before the caller hears of a bad row.
  const results = await Promise.allSettled([...calibrations].map(async ([layer, { center }]) => {
    const activations = batches.get(layer)!;
    const growing = growths.find((growth) => growth.layer === layer && !growth.saturated);
    if (!growing) return;
    directions.set(layer, made.use(await directionsOf(growing.dictionary.backend, activations, center)));
  }));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return directions;
}

/**
 * Adds a batch to every dictionary that still grows.
 *
 * @param batch What is counted.
 * @param batches Its activations by layer, as far as they are taken.
 */
export async function growAll(
  batch: CountedBatch,
  batches: ReadonlyMap<number, Batch>,
  directions: ReadonlyMap<number, Matrix>,
  growths: readonly Growth[],
  counts: DiscoveryCounts,
  { saturationWindow, merge }: GrowthRules,
): Promise<void> {
  const [first] = batch.batches.values();
  counts.batches++;
  counts.prompts += batch.prompts.length;
  counts.tokens += batch.tokens;
  counts.activations += first?.rows ?? 0;
  const silent = first?.provenance ? batch.prompts.length - new Set(first.provenance.prompt).size : 0;
  if (silent > 0) counts.silent = (counts.silent ?? 0) + silent;
  // Together, so that waiting for one dictionary's answers from a GPU overlaps with the others' work.
  const results = await Promise.allSettled(
    growths.filter((growth) => !growth.saturated).map(async (growth) => {
      // A saturated dictionary keeps the counts of where it stopped.
      Object.assign(growth, counts);
      await grow(growth, directions.get(growth.layer)!, batches.get(growth.layer)!, merge);
      growth.saturated = growth.emptyBatches > saturationWindow;
    }),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

async function grow(growth: Growth, directions: Matrix, batch: ActivationBatch, merge: boolean): Promise<void> {
  const { dictionary, snapshots } = growth;
  // A batch of prompts without an activation says nothing about saturation.
  if (batch.rows === 0) return;
  const before = dictionary.size;
  await dictionary.ingest(directions, batch.provenance);
  // Before merging, which may take away again what this batch founded.
  const founded = dictionary.size - before;
  if (merge) await dictionary.merge();
  growth.emptyBatches = founded > 0 ? 0 : growth.emptyBatches + 1;
  const { activations } = dictionary;
  snapshots.push({ activations, tokens: growth.tokens, regions: dictionary.size, founded });
}
