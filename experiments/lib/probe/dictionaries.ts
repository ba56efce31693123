/** Dictionaries of one stream order, and as many random exemplars, as features of the probed activations. */
import { batchAt, type StreamBatch } from "../../../src/activations/mod.ts";
import { Coreset, oneHotRows, strongestOfDense } from "../../../src/analysis/mod.ts";
import type { Backend, SparseFeatures } from "../../../src/compute/mod.ts";
import { type Calibration, directionsOf, readFeatures } from "../../../src/partition/mod.ts";
import { type Flags, grow, type GrowPlan, type Run } from "../../../src/run/mod.ts";
import type { ProbeData } from "./data.ts";
import { encodeRows, type Encoding, sparseEncodings } from "./encodings.ts";

/** Random activations kept: a dictionary of more regions is compared with this many. */
const LARGEST_CORESET = 20_000;

/**
 * Grows the plan's dictionaries at one layer and reads the data with each: on exemplars, on means, and with as many
 * random activations of the same stream as exemplars.
 *
 * @param plan With its calibration; its first layer is the data's.
 * @param ksOf Features to keep of a row, for a percentile.
 */
export async function* dictionaryEncodings<F extends Flags>(
  run: Run<F>,
  plan: GrowPlan & { readonly calibration: ReadonlyMap<number, Calibration> },
  data: ProbeData,
  ksOf: (percentile: number) => readonly number[],
): AsyncGenerator<readonly Encoding[]> {
  const { backend, layers: [layer] } = plan;
  const { center } = plan.calibration.get(layer)!;
  const coreset = new Coreset(backend, data.dim, LARGEST_CORESET, plan.seed);
  const watch = async (batch: StreamBatch) => {
    const directions = await directionsOf(backend, batchAt(batch, layer), center);
    coreset.offer(directions, batch.start);
    directions.dispose();
  };
  const { growths } = await grow(run, { ...plan, watch });
  for (const { percentile, dictionary } of growths) {
    const random = coreset.take(Math.min(dictionary.size, coreset.size));
    const bases = [
      ["EP, exemplars", dictionary.exemplars],
      ["EP, means", dictionary.means],
      ["random exemplars", await backend.download(random)],
    ] as const;
    const ks = ksOf(percentile);
    const k = Math.max(...ks);
    for (const [source, basis] of bases) {
      const features = await run.manifest.time("encode", () => encode(backend, center, basis, data, k));
      yield sparseEncodings({ source, percentile }, features, ks);
    }
    random.dispose();
    dictionary.dispose();
  }
  coreset.dispose();
}

/** The `k` largest projections of every row; of one alone, which is read as a one-hot, the value does not matter. */
function encode(
  backend: Backend,
  center: Float32Array<ArrayBuffer>,
  basis: Float32Array<ArrayBuffer>,
  data: ProbeData,
  k: number,
): Promise<SparseFeatures> {
  const size = basis.length / data.dim;
  return encodeRows(data, size, async (batch) => {
    if (k > 1) {
      const values = await readFeatures(backend, center, basis, batch, { kind: "topk", k });
      return strongestOfDense(values, batch.rows, size, k);
    }
    const [directions, exemplars] = [
      await directionsOf(backend, batch, center),
      backend.upload(basis.slice(), size, data.dim),
    ];
    try {
      return oneHotRows((await backend.nearest(directions, exemplars)).regions, size);
    } finally {
      directions.dispose();
      exemplars.dispose();
    }
  });
}
