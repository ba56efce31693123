/** Where the regions of a dictionary fire, and those of as many random exemplars. */
import { type Coreset, type Firings, partitionFirings, StrongestFirings } from "../../../src/analysis/mod.ts";
import { directionsOf, type Growth } from "../../../src/partition/mod.ts";
import type { Heldout } from "./heldout.ts";

/** One dictionary of one stream order on the held-out tokens. */
export interface OrderFirings {
  readonly seed: number;
  readonly percentile: number;
  readonly threshold: number;
  /** Number of regions. */
  readonly size: number;
  /** A region fires on the tokens that it is nearest to: each token fires one. */
  readonly firings: Firings;
  /** Firings of as many training activations, drawn at random, in the exemplars' place: each token fires the nearest. */
  readonly random: Firings;
  /** Share of the held-out activations within the threshold of their exemplar. */
  readonly within: number;
  /** Of the members in training, 0..1. */
  readonly coherences: Float64Array<ArrayBuffer>;
  /** Unit mean direction of each region, `size x dim`. */
  readonly means: Float32Array<ArrayBuffer>;
}

/** Assigns the held-out activations to a dictionary's regions, and to random exemplars of the same number. */
export async function regionFirings(
  { dictionary, percentile }: Growth,
  seed: number,
  coreset: Coreset,
  { batches, ids }: Heldout,
): Promise<OrderFirings> {
  const { backend, size, threshold, center, coherences, means } = dictionary;
  const exemplars = coreset.take(Math.min(size, coreset.size));
  const [regions, randoms] = [new Int32Array(ids.length), new Int32Array(ids.length)];
  let [start, within] = [0, 0];
  try {
    for (const batch of batches) {
      const assigned = await dictionary.assign(batch);
      regions.set(assigned.regions, start);
      within += assigned.distances.filter((distance) => distance <= threshold).length;
      const directions = await directionsOf(backend, batch, center);
      randoms.set((await backend.nearest(directions, exemplars)).regions, start);
      directions.dispose();
      start += batch.rows;
    }
    return {
      seed,
      percentile,
      threshold,
      size,
      firings: partitionFirings(regions, size),
      random: partitionFirings(randoms, exemplars.rows),
      within: within / ids.length,
      coherences,
      means,
    };
  } finally {
    exemplars.dispose();
  }
}

/** The `k` held-out tokens with the largest projection on each region's mean direction: the published read-out. */
export async function strongestInRegions({ dictionary }: Growth, k: number, { batches }: Heldout): Promise<Firings> {
  const strongest = new StrongestFirings(dictionary.size, k);
  for (const batch of batches) {
    strongest.offer(await dictionary.readout(batch, { kind: "signed", basis: "mean" }), batch.rows);
  }
  return strongest.finish().firings;
}
