import { type Context, CONTEXTS, Contexts } from "./contexts.ts";
import type { DictionaryParts } from "./parts.ts";
import { borderOf, exactSimilarities, isBorderline } from "./exact.ts";
import { distanceOf } from "./leader.ts";
import { RegionArrays } from "./region_arrays.ts";
import { rowNumbers } from "../compute/row_numbers.ts";
import type { Backend, Matrix } from "../compute/backend.ts";

// Exemplars that are compared with all others at once.
const BLOCK = 512;

/**
 * Unites regions whose exemplars lie within the threshold of each other, directly or through others (union-find). The
 * largest keeps its exemplar (of equals the older); counts, sums, contexts and sampled members are joined. Regions stay
 * in the order of the oldest region in each.
 *
 * @returns For each region of before, its region now.
 */
export async function mergeRegions(parts: DictionaryParts, threshold: number): Promise<Int32Array<ArrayBuffer>> {
  const { backend, exemplars, sums, regions, contexts } = parts;
  const roots = await unite(backend, exemplars, threshold);
  const merged = Map.groupBy(roots.keys(), (region) => roots[region]);
  if (merged.size === regions.size) return rowNumbers(0, regions.size);

  const now = new Int32Array(regions.size);
  const keepers: number[] = [];
  const joinedRegions = new RegionArrays();
  const joinedContexts = new Contexts();
  for (const members of merged.values()) {
    const target = keepers.length;
    for (const region of members) now[region] = target;
    // `>`: of equally large regions the older keeps its exemplar.
    const keeper = members.reduce((a, b) => regions.counts[b] > regions.counts[a] ? b : a);
    keepers.push(keeper);
    const total = (values: Int32Array | Float64Array) => members.reduce((sum, region) => sum + values[region], 0);
    joinedRegions.restore({
      count: total(regions.counts),
      // Of the exemplar that is kept, which need not be the oldest.
      founder: regions.founders[keeper],
      firstBatch: regions.firstBatches[keeper],
      sum: total(regions.distanceSums),
      squareSum: total(regions.distanceSquareSums),
    });
    const lists = (list: (region: number) => readonly Context[]) => members.flatMap((region) => [...list(region)]);
    joinedContexts.restore(target, {
      nearest: lists((region) => contexts.nearest(region)).sort((a, b) => a.distance - b.distance).slice(0, CONTEXTS),
      farthest: lists((region) => contexts.farthest(region)).sort((a, b) => b.distance - a.distance).slice(0, CONTEXTS),
    });
  }

  const joinedSums = backend.create(sums.dim, merged.size);
  // A sum of members' sums is the sum of all members: no direction is looked at again.
  backend.accumulate(joinedSums, sums, groupsOf([...merged.values()]));
  const joinedExemplars = backend.create(exemplars.dim, merged.size);
  backend.copyRows(exemplars, Int32Array.from(keepers), joinedExemplars, rowNumbers(0, keepers.length));
  const groups = [...merged.values()].map((members) =>
    members.map((region) => ({ region, count: regions.counts[region] }))
  );
  parts.members = parts.members?.united(groups);
  // Nothing below can fail: the parts change as a whole.
  for (const matrix of [exemplars, sums]) matrix.dispose();
  parts.exemplars = joinedExemplars;
  parts.sums = joinedSums;
  parts.regions = joinedRegions;
  parts.contexts = joinedContexts;
  return now;
}

/** For each exemplar, the oldest one that it is united with. */
async function unite(backend: Backend, exemplars: Matrix, threshold: number): Promise<Int32Array> {
  // Union-find: `parents[region]` is the region itself or an older one of its set, so that a set's root is its oldest.
  const parents = rowNumbers(0, exemplars.rows);
  const root = (region: number): number => {
    // Halves the path as it goes, which keeps the next look-ups short.
    while (parents[region] !== region) region = parents[region] = parents[parents[region]];
    return region;
  };
  const join = (i: number, j: number) => {
    const [a, b] = [root(i), root(j)];
    parents[Math.max(a, b)] = Math.min(a, b);
  };
  const border = borderOf(exemplars.dim);
  for (let from = 0; from < exemplars.rows; from += BLOCK) {
    const count = Math.min(BLOCK, exemplars.rows - from);
    using block = backend.create(exemplars.dim, count);
    backend.copyRows(exemplars, rowNumbers(from, count), block, rowNumbers(0, count));
    const similarities = await backend.similarities(block, exemplars);
    const [left, right]: [number[], number[]] = [[], []];
    for (let i = 0; i < count; i++) {
      // Each pair once: the similarity of two exemplars does not depend on which comes first.
      for (let j = from + i + 1; j < exemplars.rows; j++) {
        const similarity = similarities[i * exemplars.rows + j];
        if (isBorderline(similarity, threshold, border)) {
          left.push(from + i);
          right.push(j);
        } else if (distanceOf(similarity) <= threshold) join(from + i, j);
      }
    }
    const exact = left.length === 0 ? [] : await exactSimilarities(backend, exemplars, left, exemplars, right);
    exact.forEach((similarity, i) => {
      if (distanceOf(similarity) <= threshold) join(left[i], right[i]);
    });
  }
  return parents.map((_, region) => root(region));
}

function groupsOf(members: number[][]) {
  const offsets = new Int32Array(members.length + 1);
  members.forEach((list, i) => offsets[i + 1] = offsets[i] + list.length);
  return { regions: rowNumbers(0, members.length), offsets, rows: Int32Array.from(members.flat()) };
}
