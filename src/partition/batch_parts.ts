/** Parts of a stream's batches: what a budget still lets in, and what is not too long. */
import type { Batch } from "../activations/batch.ts";
import { batchAt, type LayeredBatch, type StreamBatch } from "../activations/stream.ts";
import type { Backend } from "../compute/backend.ts";
import type { CalibrationValues } from "./calibrator.ts";

/** What of a stream's batch a growth reads: its layers, and what is counted. */
export type CountedBatch = LayeredBatch & Pick<StreamBatch, "prompts" | "tokens" | "isPart">;

/** How many prompts a budget of tokens lets in, that in which it ends too. */
export function promptsWithin(prompts: CountedBatch["prompts"], tokens: number): number {
  let [count, sum] = [0, 0];
  while (count < prompts.length && sum < tokens) sum += prompts[count++].tokens.length;
  return count;
}

/** Prompts `from` to `to` of a batch, which goes with it; the batch itself where it does not tell whose its rows are. */
export async function promptsOf(batch: CountedBatch, from: number, to: number): Promise<CountedBatch> {
  const prompts = batch.prompts.slice(from, to);
  const isTold = batch.batches.values().every(({ provenance }) => provenance !== undefined);
  if (prompts.length === batch.prompts.length || !isTold) return batch;
  using made = new DisposableStack();
  made.use(batch);
  const kept = new Set(prompts);
  const batches = new Map<number, Batch>();
  for (const layer of batch.batches.keys()) {
    const whole = batchAt(batch, layer);
    const { prompt, prompts: all } = whole.provenance!;
    // By the prompts themselves: what is part of a part numbers them as the whole did.
    const rows = Int32Array.from(prompt.keys().filter((row) => kept.has(all[prompt[row]])));
    batches.set(layer, made.use(await whole.select(rows)));
  }
  const tokens = prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const stack = made.move();
  const isPart = to < batch.prompts.length || batch.isPart;
  return { batches, prompts, tokens, ...(isPart && { isPart }), [Symbol.dispose]: () => stack.dispose() };
}

/**
 * The activations of every layer that its calibration lets in, by norm.
 *
 * @param made Is given the batches that were made.
 */
export async function withinNorms(
  batch: LayeredBatch,
  calibrations: ReadonlyMap<number, CalibrationValues>,
  backend: Backend,
  made: DisposableStack,
): Promise<Map<number, Batch>> {
  const within = new Map<number, Batch>();
  for (const [layer, { normLimit }] of calibrations) {
    const whole = batchAt(batch, layer);
    within.set(layer, whole);
    if (normLimit === undefined) continue;
    const { norms } = await whole.on(backend, (x) => backend.moments(x));
    const rows = Int32Array.from(norms.keys().filter((row) => norms[row] <= normLimit));
    if (rows.length < whole.rows) within.set(layer, made.use(await whole.select(rows)));
  }
  return within;
}
