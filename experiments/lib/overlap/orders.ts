/** Dictionaries of one setting in several stream orders, and where their regions fire. */
import { batchAt, type StreamBatch } from "../../../src/activations/mod.ts";
import { Coreset, type Firings } from "../../../src/analysis/mod.ts";
import { type Calibration, directionsOf } from "../../../src/partition/mod.ts";
import { type Flags, grow, type GrowPlan, type Run } from "../../../src/run/mod.ts";
import type { Heldout } from "./heldout.ts";
import { type OrderFirings, regionFirings, strongestInRegions } from "./regions.ts";

/** One percentile's dictionaries. */
export interface Orders {
  /** One a stream order. */
  readonly orders: OrderFirings[];
  /** The first order's strongest tokens. */
  readonly strongest: Firings;
}

/** Random activations kept at most: a dictionary of more regions is compared with this many. */
const LARGEST_CORESET = 20_000;

/**
 * Grows dictionaries at every percentile of a calibration, an order at a time, and gives the held-out tokens to each.
 *
 * @param planOf The plan of each order, by its seed; of one layer.
 * @param k Strongest tokens to keep.
 * @returns By percentile.
 */
export async function firingsOfOrders<F extends Flags>(
  run: Run<F>,
  planOf: (seed: number) => Promise<GrowPlan>,
  seeds: readonly number[],
  calibration: Calibration,
  heldout: Heldout,
  k: number,
): Promise<Map<number, Orders>> {
  const found = new Map<number, Orders>();
  for (const seed of seeds) {
    const order = await run.kept(`order ${seed}`, async () => {
      return await firingsOfOrder(run, await planOf(seed), calibration, heldout, seed === seeds[0] ? k : 0);
    });
    for (const { own, strongest } of order) {
      const known = found.get(own.percentile);
      if (known) known.orders.push(own);
      else found.set(own.percentile, { orders: [own], strongest: strongest! });
    }
  }
  return found;
}

/** One dictionary on the held-out tokens. */
interface Fired {
  readonly own: OrderFirings;
  /** Of the first order only. */
  readonly strongest?: Firings;
}

/** Grows one order's dictionaries; `k` as above, 0 for none. */
async function firingsOfOrder<F extends Flags>(
  run: Run<F>,
  plan: GrowPlan,
  calibration: Calibration,
  heldout: Heldout,
  k: number,
): Promise<Fired[]> {
  const { manifest } = run;
  const { backend, model, seed, layers: [layer] } = plan;
  const coreset = new Coreset(backend, model.dim, LARGEST_CORESET, seed);
  const watch = async (batch: StreamBatch) => {
    const directions = await directionsOf(backend, batchAt(batch, layer), calibration.center);
    coreset.offer(directions, batch.start);
    directions.dispose();
  };
  const { growths } = await grow(run, { ...plan, calibration: new Map([[layer, calibration]]), watch });
  const stage = run.progress.stage(`order ${seed}: held-out tokens`, growths.length, "dictionaries");
  const fired: Fired[] = [];
  for (const growth of growths) {
    fired.push(
      await run.kept(`order ${seed} at p ${growth.percentile}`, async () => ({
        own: await manifest.time("assign held-out", () => regionFirings(growth, seed, coreset, heldout)),
        ...k > 0 && { strongest: await manifest.time("strongest", () => strongestInRegions(growth, k, heldout)) },
      })),
    );
    growth.dictionary.dispose();
    stage.advance();
  }
  stage.end();
  coreset.dispose();
  return fired;
}
