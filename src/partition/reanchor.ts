import { Contexts } from "./contexts.ts";
import type { DictionaryParts } from "./parts.ts";
import { RegionArrays } from "./region_arrays.ts";
import { rowNumbers } from "./reservoir.ts";

/**
 * The parts of a dictionary whose exemplars are, region by region, the reservoir member closest to the mean direction
 * (the lowest slot on ties). Members, sums and contexts stay those of the original; their distances are still to the
 * original exemplars.
 *
 * @param means Unit mean directions, `size x dim`.
 */
export async function reanchored(parts: DictionaryParts, means: Float32Array): Promise<DictionaryParts> {
  const { backend, regions, contexts, reservoir } = parts;
  const { size } = regions;
  const dim = parts.calibration.center.length;
  const members = await backend.download(reservoir.pool);
  const chosen = Int32Array.from({ length: size }, (_, region) => {
    if (reservoir.rows(region).length === 0) {
      throw new Error(
        `Expected sampled members of every region but region ${region} has none: SAE files do not carry them, so a ` +
          "dictionary read from one cannot be re-anchored. Take the dictionary's Arrow file",
      );
    }
    let [best, row] = [-Infinity, -1];
    for (const candidate of reservoir.rows(region)) {
      let dot = 0;
      for (let j = 0; j < dim; j++) dot += members[candidate * dim + j] * means[region * dim + j];
      if (dot > best) [best, row] = [dot, candidate];
    }
    return row;
  });
  const exemplars = backend.create(dim, size);
  backend.copyRows(reservoir.pool, chosen, exemplars, rowNumbers(0, size));
  const sums = backend.create(dim, size);
  backend.copyRows(parts.sums, rowNumbers(0, size), sums, rowNumbers(0, size));

  const copiedRegions = new RegionArrays();
  const copiedContexts = new Contexts();
  const samples = Array.from({ length: size }, (_, region) => reservoir.rows(region));
  for (let region = 0; region < size; region++) {
    copiedRegions.restore({
      count: regions.counts[region],
      founder: regions.founders[region],
      firstBatch: regions.firstBatches[region],
      sum: regions.distanceSums[region],
      squareSum: regions.distanceSquareSums[region],
    });
    copiedContexts.restore(region, contexts.nearest(region), contexts.farthest(region));
  }
  return {
    ...parts,
    exemplars,
    sums,
    regions: copiedRegions,
    contexts: copiedContexts,
    reservoir: reservoir.select(samples.flat(), samples.map((rows) => rows.length)),
  };
}
