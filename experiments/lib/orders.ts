import type { CorpusEntry } from "../../src/activations/corpus.ts";
import { shuffled } from "../../src/activations/shuffled.ts";
import type { Growth } from "../../src/partition/growth.ts";
import type { Run } from "./cli.ts";
import type { Flags } from "./flags.ts";
import { calibrationsFor, grow, type GrowPlan } from "./grow.ts";

/**
 * Grows the same dictionaries in several stream orders under one calibration, that of the first order, so that nothing
 * but the order differs.
 *
 * @param plan What is grown; its texts are put in each seed's order.
 * @param seeds One order each.
 * @param keep What to keep of an order's dictionaries: they are disposed afterwards, as all orders together may not fit
 * into memory.
 * @returns What was kept, by seed.
 */
export async function growOrders<F extends Flags, T>(
  run: Run<F>,
  plan: Omit<GrowPlan, "seed" | "texts"> & { readonly texts: readonly CorpusEntry[] },
  seeds: readonly number[],
  keep: (growths: readonly Growth[]) => T | Promise<T>,
): Promise<Map<number, T>> {
  const inOrder = async (seed: number): Promise<GrowPlan> => {
    return { ...plan, seed, texts: await Array.fromAsync(shuffled(plan.texts, seed)) };
  };
  const calibration = await calibrationsFor(run, await inOrder(seeds[0]));
  const kept = new Map<number, T>();
  for (const seed of seeds) {
    const { growths } = await grow(run, { ...await inOrder(seed), calibration });
    kept.set(seed, await keep(growths));
    for (const { dictionary } of growths) dictionary.dispose();
  }
  return kept;
}
