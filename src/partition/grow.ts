import type { ActivationBatch, Batch } from "../activations/batch.ts";
import { assertReadAs, assertSameReading, type StreamSource } from "../activations/source.ts";
import type { Backend, Matrix } from "../compute/backend.ts";
import type { CountedBatch } from "./batch_parts.ts";
import type { CalibrationValues } from "./calibrator.ts";
import { Dictionary } from "./dictionary.ts";
import { directionsOf } from "./directions.ts";
import type { DiscoveryCounts, Growth, GrowthRules, Snapshot } from "./growth.ts";

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
      const counts = { batches: 0, prompts: 0, texts: 0, tokens: 0, activations: 0 };
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
 * Directions of every layer, before any dictionary changes: a bad row must leave all as they were, and so must activations
 * of another model, hook or layer.
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
    const growth = growths.find((growth) => growth.layer === layer);
    if (!growth) return;
    assertReadAs("dictionary", growth.dictionary.source, activations.provenance?.source);
    directions.set(layer, made.use(await directionsOf(growth.dictionary.backend, activations, center)));
  }));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return directions;
}

/**
 * Adds a batch to every dictionary: those that are saturated count their members and found nothing.
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
  if (counts.cut !== undefined) counts.rests = (counts.rests ?? 0) + 1;
  counts.prompts += batch.prompts.length;
  for (const { text, start = 0, continues = false } of batch.prompts) {
    counts.texts = Math.max(counts.texts, text + 1);
    // A text is begun by a window that goes on, and ended by one further on that does not.
    if (continues === (start === 0)) counts.unfinished = (counts.unfinished ?? 0) + (continues ? 1 : -1);
  }
  counts.tokens += batch.tokens;
  counts.activations += first?.rows ?? 0;
  const silent = first?.provenance ? batch.prompts.length - new Set(first.provenance.prompt).size : 0;
  if (silent > 0) counts.silent = (counts.silent ?? 0) + silent;
  // Together, so that waiting for one dictionary's answers from a GPU overlaps with the others' work.
  const results = await Promise.allSettled(
    growths.map(async (growth) => {
      Object.assign(growth, counts);
      const taken = { batch: batches.get(growth.layer)!, isPart: batch.isPart ?? false };
      const takes = growth.saturated ? count : grow;
      await takes(growth, directions.get(growth.layer)!, taken, merge);
      growth.saturated ||= growth.emptyBatches > saturationWindow;
    }),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

/** Activations of one layer: those of a batch, or of a part of one that a budget cuts. */
interface Taken {
  readonly batch: ActivationBatch;
  /** Whether more of the batch comes after it, with a larger budget. */
  readonly isPart: boolean;
}

async function grow(growth: Growth, directions: Matrix, { batch, isPart }: Taken, merge: boolean): Promise<void> {
  const { dictionary, snapshots } = growth;
  const before = snapshots.at(-1)?.isPart ? snapshots.pop()! : undefined;
  // A batch of prompts without an activation says nothing about saturation.
  if (batch.rows === 0 && !before) return;
  const size = dictionary.size;
  if (batch.rows > 0) await dictionary.ingest(directions, batch.provenance);
  // Before merging, which may take away again what this batch founded.
  const founded = dictionary.size - size + (before?.founded ?? 0);
  if (merge) await dictionary.merge();
  // A batch is empty when all of it has founded nothing: where budgets end does not matter.
  if (founded > 0) growth.emptyBatches = 0;
  else if (!isPart) growth.emptyBatches++;
  snapshots.push(snapshotOf(growth, founded, isPart));
}

/** Its regions are what they would be without the batch: they do not depend on how long other dictionaries grow. */
async function count(growth: Growth, directions: Matrix, { batch, isPart }: Taken): Promise<void> {
  const { dictionary, snapshots } = growth;
  if (batch.rows === 0) return;
  if (snapshots.at(-1)?.isPart) snapshots.pop();
  await dictionary.ingest(directions, batch.provenance, { found: false });
  snapshots.push(snapshotOf(growth, null, isPart));
}

function snapshotOf({ dictionary, tokens }: Growth, founded: number | null, isPart: boolean): Snapshot {
  const { activations, size } = dictionary;
  return { activations, tokens, regions: size, founded, ...(isPart && { isPart }) };
}
