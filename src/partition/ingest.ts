import type { Provenance } from "../activations/batch.ts";
import type { Matrix } from "../compute/backend.ts";
import { BestMembers } from "./best_members.ts";
import { exactProducts } from "./exact.ts";
import { groupRows } from "./groups.ts";
import { assignBatch, type Assignment, joinBatch } from "./leader.ts";
import type { MembersBatch } from "./members.ts";
import type { DictionaryParts } from "./parts.ts";

/** How a batch is added. */
export interface AddOptions {
  /**
   * Whether a region's exemplar gives way to a member of the batch that lies nearer to the running mean of all members;
   * default false. Members of before may then lie farther than the threshold from the exemplar, and exemplars nearer to
   * each other.
   */
  replace?: boolean;
  /**
   * Whether rows beyond the threshold of all regions found new ones; default true. If not, they belong to no region, and
   * `Dictionary.beyond` counts them.
   */
  found?: boolean;
}

/** Adds a batch of directions to the parts of a dictionary: see `Dictionary.add`. */
export async function ingestBatch(
  parts: DictionaryParts,
  directions: Matrix,
  provenance?: Provenance,
  { replace = false, found = true }: AddOptions = {},
): Promise<Assignment> {
  const { backend, exemplars, sums, regions, activations: start, batches } = parts;
  const { threshold } = parts.calibration;
  const { founders, ...assignment } = found
    ? await assignBatch(backend, directions, exemplars, threshold)
    : { founders: [], ...await joinBatch(backend, directions, exemplars, threshold) };
  // Before grouping, so that new regions are numbered as the assignment has them.
  for (const row of founders) regions.add(start + row, batches);
  backend.accumulate(sums, directions, groupRows(assignment.regions, regions.size));

  const sample = parts.members?.batch(start);
  parts.beyond += joinRegions(parts, assignment, sample, provenance);
  // Once for the whole batch: only members still in the sample at its end come down from the device.
  await sample?.commit(backend, directions);
  if (replace) await replaceExemplars(parts, directions, assignment.regions);
  parts.activations += directions.rows;
  if (found) parts.foundedUntil = parts.activations;
  parts.batches++;
  return assignment;
}

/**
 * Counts the rows of a batch as members of their regions: in stream order, founders too, as the sample's draw needs how many
 * members a region has, this one counted.
 *
 * @returns How many rows belong to no region.
 */
function joinRegions(
  { regions, contexts }: Pick<DictionaryParts, "regions" | "contexts">,
  { regions: assigned, distances }: Assignment,
  sample?: MembersBatch,
  provenance?: Provenance,
): number {
  let beyond = 0;
  for (let row = 0; row < assigned.length; row++) {
    const region = assigned[row];
    if (region < 0) {
      beyond++;
      continue;
    }
    const distance = distances[row];
    const count = regions.join(region, distance);
    sample?.offer(row, region, count);
    if (provenance) {
      contexts.offer(region, distance, provenance.prompts[provenance.prompt[row]], provenance.position[row]);
    }
  }
  return beyond;
}

/** Replaces exemplars by members of a batch that are nearer to the means, of equal ones by none. */
async function replaceExemplars(
  { backend, exemplars, sums, regions: { size } }: DictionaryParts,
  directions: Matrix,
  regions: Int32Array<ArrayBuffer>,
): Promise<void> {
  const best = new BestMembers(size);
  const touched = [...new Set(regions)].filter((region) => region >= 0);
  const products = await exactProducts(backend, exemplars, touched, sums, touched);
  // The exemplar of now is to be beaten, against sums that hold this batch already.
  touched.forEach((region, i) => best.start(region, products[i]));
  await best.take(backend, directions, regions, sums, exemplars);
}
