import type { StreamBatch } from "../../activations/stream.ts";
import type { Growth } from "../../partition/growth.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";
import { grow, type GrowPlan, streamOf } from "./grow.ts";

/**
 * Grows the same dictionaries in several stream orders under the same calibrations, so that nothing but the order differs.
 *
 * @param plan What is grown; its texts are read in each seed's order.
 * @param seeds One order each.
 * @param keep What to keep of an order's dictionaries, plain data: they are disposed afterwards, as all orders together may
 * not fit into memory. Gets their stream, for a second pass. Not called for what a stopped run kept.
 * @returns What was kept, by seed.
 */
export async function growOrders<F extends Flags, T>(
  run: Run<F>,
  plan: Omit<GrowPlan, "seed">,
  seeds: readonly number[],
  keep: (growths: readonly Growth[], seed: number, stream: () => AsyncIterable<StreamBatch>) => T | Promise<T>,
): Promise<ReadonlyMap<number, T>> {
  const bySeed = new Map<number, T>();
  for (const seed of seeds) {
    const label = `${plan.label ?? ""}order ${seed}`;
    const own = { ...plan, layers: [...plan.calibrations.keys()], seed, label: `${label}: ` };
    const kept = await run.kept(`${label} of ${plan.corpus}`, async () => {
      const { growths } = own.layers.length === 0 ? { growths: [] } : await grow(run, own);
      const value = await keep(growths, seed, () => streamOf(own));
      for (const { dictionary } of growths) dictionary.dispose();
      return value;
    });
    bySeed.set(seed, kept);
  }
  return bySeed;
}
