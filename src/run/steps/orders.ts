import type { CorpusEntry } from "../../activations/corpus.ts";
import type { TokenIds } from "../../activations/extract.ts";
import { shuffled } from "../../activations/shuffled.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import type { Growth } from "../../partition/growth.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";
import { calibrationsFor, grow, type GrowPlan, streamOf } from "./grow.ts";
import { type FailedSetting, usableSettings } from "../../partition/usable.ts";

/** What was kept of each stream order, and what could not be grown in any. */
export interface Orders<T> {
  readonly bySeed: ReadonlyMap<number, T>;
  readonly failed: readonly FailedSetting[];
}

/**
 * Grows the same dictionaries in several stream orders under one calibration, that of the first order, so that nothing
 * but the order differs. Settings that give no dictionary are left out.
 *
 * @param plan What is grown; its texts are put in each seed's order.
 * @param seeds One order each.
 * @param keep What to keep of an order's dictionaries, plain data: they are disposed afterwards, as all orders together may
 * not fit into memory. Gets their stream, for a second pass. Not called for what a stopped run kept.
 */
export async function growOrders<F extends Flags, T>(
  run: Run<F>,
  plan: Omit<GrowPlan, "seed" | "texts"> & { readonly texts: readonly (CorpusEntry | TokenIds)[] },
  seeds: readonly number[],
  keep: (growths: readonly Growth[], seed: number, stream: () => AsyncIterable<StreamBatch>) => T | Promise<T>,
): Promise<Orders<T>> {
  const inOrder = async (seed: number): Promise<GrowPlan> => {
    return { ...plan, seed, texts: await Array.fromAsync(shuffled(plan.texts, seed)) };
  };
  const measured = await calibrationsFor(run, await inOrder(seeds[0]));
  const { calibrations, failed } = await usableSettings(measured, plan.backend);
  const layers = [...calibrations.keys()];
  const bySeed = new Map<number, T>();
  for (const seed of seeds) {
    const own = { ...await inOrder(seed), layers, calibration: calibrations };
    const kept = await run.kept(`${plan.label ?? ""}order ${seed} of ${plan.corpus}`, async () => {
      const { growths } = layers.length === 0 ? { growths: [] } : await grow(run, own);
      const value = await keep(growths, seed, () => streamOf(own));
      for (const { dictionary } of growths) dictionary.dispose();
      return value;
    });
    bySeed.set(seed, kept);
  }
  return { bySeed, failed };
}
