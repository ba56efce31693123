import { readPublished } from "../partition/published.ts";
import { coherencesOf } from "../partition/means.ts";
import type { Contents } from "./description.ts";
import { largestRegions, regionFacts } from "./regions.ts";

/** Reads a published pickle as data, and says what dictionary it holds. */
export async function describePickle(path: string, rows: number): Promise<Contents> {
  const { center, threshold, sums, regions, contexts, members, activations, batches } = readPublished(
    await Deno.readFile(path),
    path,
  );
  const dim = center.length;
  const figures = {
    counts: regions.counts,
    coherences: coherencesOf(sums, regions.counts, dim),
    distanceSums: regions.distanceSums,
    firstBatches: regions.firstBatches,
    nearest: (region: number) => contexts.nearest(region),
  };
  return {
    kind: "published dictionary (Python pickle, read as data)",
    facts: { ...regionFacts(figures), dim, threshold, activations, batches, "sampled members": members.length / dim },
    tables: { "largest regions": largestRegions(figures, rows) },
  };
}
