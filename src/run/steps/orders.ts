import type { ExtractProgress } from "../../activations/extract.ts";
import type { StreamBatch } from "../../activations/stream.ts";
import type { Growth } from "../../partition/growth.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";
import { grow, type GrowPlan } from "./grow.ts";
import { streamOf } from "./streams.ts";

/**
 * Grows the same dictionaries in several stream orders under the same calibrations, so that nothing but the order
 * differs.
 *
 * @param run Keeps what each order gave, and tells its progress.
 * @param plan What is grown; its texts are read in each seed's order.
 * @param seeds One order each.
 * @param keep What to keep of an order's dictionaries, plain data: they are disposed afterwards, as all orders together
 * may not fit into memory. Gets their stream, for a second pass. Not called for what a stopped run kept.
 * @returns What was kept, by seed.
 *
 * @example Sizes in two orders
 * ```ts
 * import { calibrateLayers } from "../../partition/mod.ts";
 * import { growOrders, openModel, runExperiment, streamOf } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "orders", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   const { backend, layers } = opened;
 *   const texts = ["The cat sat on the mat.", "The dog sat on the cat."];
 *   const plan = { ...opened, texts, corpus: "two sentences", files: [] };
 *   const options = { percentiles: [10], activations: 12, backend };
 *   const calibrations = await calibrateLayers(streamOf({ ...plan, seed: 0 }), layers, options);
 *
 *   const sizes = await growOrders(run, { ...plan, calibrations }, [0, 1], ([{ dictionary }]) => dictionary.size);
 *   run.manifest.findings.sizes = Object.fromEntries(sizes);
 * }, {
 *   args: ["--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
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
      using grown = own.layers.length === 0 ? undefined : await grow(run, own);
      const end = run.progress.step(`${label}: regions`);
      const onProgress = ({ texts }: ExtractProgress) => run.progress.note(`${texts} texts read again`);
      const again = { ...own, reading: { ...own.reading, onProgress } };
      try {
        return await keep(grown?.growths ?? [], seed, () => streamOf(again));
      } finally {
        end();
      }
    });
    bySeed.set(seed, kept);
  }
  return bySeed;
}
