import type { Provenance } from "../activations/batch.ts";
import type { Matrix } from "../compute/backend.ts";
import { groupRows } from "./groups.ts";
import { assignBatch, type Assignment } from "./leader.ts";
import type { DictionaryParts } from "./parts.ts";

/** Adds a batch of directions to the parts of a dictionary: see `Dictionary.add`. */
export async function ingestBatch(
  parts: DictionaryParts,
  directions: Matrix,
  provenance?: Provenance,
): Promise<Assignment> {
  const { backend, exemplars, sums, regions, contexts, reservoir, activations: start, batches } = parts;
  const { founders, ...assignment } = await assignBatch(backend, directions, exemplars, parts.calibration.threshold);
  for (const row of founders) regions.found(start + row, batches);
  backend.accumulate(sums, directions, groupRows(assignment.regions, regions.size));

  const sample = reservoir.batch(directions, start);
  assignment.regions.forEach((region, row) => {
    const distance = assignment.distances[row];
    sample.offer(row, region, regions.join(region, distance));
    if (provenance) {
      contexts.offer(region, distance, provenance.prompts[provenance.prompt[row]], provenance.position[row]);
    }
  });
  sample.commit();
  parts.activations += directions.rows;
  parts.batches++;
  return assignment;
}
