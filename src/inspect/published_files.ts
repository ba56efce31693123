import { readWhole } from "../files/byte_file.ts";
import { type PublishedDictionary, readPublished } from "../partition/published.ts";
import { coherencesOf } from "../partition/means.ts";
import { unpackedPickle } from "../partition/load.ts";
import type { Contents } from "./description.ts";
import { largestRegions, regionFacts } from "./regions.ts";

/** Reads a published pickle as data, and says what dictionary it holds. */
export async function describePickle(path: string, rows: number): Promise<Contents> {
  const kind = "published dictionary (Python pickle, read as data)";
  return publishedContents(kind, readPublished(await readWhole(path), path), rows);
}

/** As {@linkcode describePickle}, of a pickle that was packed by gzip, Zstandard or zlib. */
export async function describePackedPickle(path: string, rows: number): Promise<Contents> {
  const kind = "published dictionary (packed Python pickle, read as data)";
  return publishedContents(kind, readPublished(await unpackedPickle(path, {}), path), rows);
}

/** What a published dictionary holds. */
export function publishedContents(
  kind: string,
  { center, threshold, sums, regions, contexts, members, activations, batches }: PublishedDictionary,
  rows: number,
): Contents {
  const dim = center.length;
  const figures = {
    counts: regions.counts,
    coherences: coherencesOf(sums, regions.counts, dim),
    distanceSums: regions.distanceSums,
    firstBatches: regions.firstBatches,
    nearest: (region: number) => contexts.nearest(region),
  };
  return {
    kind,
    facts: { ...regionFacts(figures), dim, threshold, activations, batches, "sampled members": members.length / dim },
    tables: { "largest regions": largestRegions(figures, rows) },
  };
}
