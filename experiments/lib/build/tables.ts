/** Tables of `build`. */
import type { DictionaryMetrics, RegionRow } from "../../../src/analysis/mod.ts";
import { type Cell, contextText, wholeColumn as whole, wordsColumn as words } from "../../../src/report/mod.ts";
import type { Results } from "../../../src/run/mod.ts";
import { publishedRegions } from "../published.ts";
import type { BuildResult } from "./result.ts";

/** Writes `dictionaries`, `regions` and `growth`. */
export async function saveBuildTables(save: Results, results: readonly BuildResult[]): Promise<void> {
  const dictionary = <T>(value: (result: BuildResult) => T) => results.map(value);
  const metric = (name: keyof DictionaryMetrics) => dictionary((result) => result.metrics[name]);
  await save.table("dictionaries", [
    whole("layer", dictionary((r) => r.growth.layer), "block that is read, at the hook of the run"),
    { name: "percentile", values: dictionary((r) => r.growth.percentile), description: "p, 0..100" },
    {
      name: "threshold",
      values: dictionary((r) => r.growth.dictionary.threshold),
      description: "cosine distance, 0..2",
    },
    whole("regions", metric("regions"), "number of regions"),
    whole("activations", metric("members"), "activations taken"),
    { name: "tokens", values: dictionary((r) => r.growth.tokens), description: "tokens read, <bos> included" },
    { name: "saturated", values: dictionary((r) => r.growth.saturated), description: "stopped founding regions" },
    { name: "coverage", values: metric("coverage"), description: "share of members in regions of at least two" },
    { name: "effective_regions", values: metric("effectiveRegions"), description: "exp of the entropy of the sizes" },
    { name: "gini", values: metric("gini"), description: "Gini coefficient of the sizes, 0..1" },
    { name: "mean_distance", values: metric("meanIntraDistance"), description: "mean distance to the exemplar" },
    { name: "nearest_distance", values: metric("meanNearestInterDistance"), description: "mean distance of exemplars" },
    { name: "silhouette", values: metric("silhouette"), description: "mean of (inter - intra) / max, -1..1" },
  ]);
  const rows = results.flatMap(({ growth, regions }) => regions.map((region) => ({ ...region, growth })));
  await save.table("regions", [
    whole("layer", rows.map((r) => r.growth.layer), "block that is read, at the hook of the run"),
    { name: "percentile", values: rows.map((r) => r.growth.percentile), description: "p, 0..100" },
    whole("region", rows.map((r) => r.region), "number in its dictionary"),
    whole("members", rows.map((r) => r.count), "activations"),
    { name: "coherence", values: rows.map((r) => r.coherence), description: "norm of the mean member direction, 0..1" },
    { name: "mean_distance", values: rows.map((r) => r.meanDistance), description: "of members to the exemplar" },
    whole("founder", rows.map((r) => r.founder), "stream index of the exemplar"),
    words(
      "logit_lens",
      rows.map((r) => r.lens.map(({ token }) => token).join(" | ")),
      "largest tokens of the mean direction",
    ),
    words(
      "nearest_context",
      rows.map((r) => r.nearest.length ? contextText(r.nearest[0].excerpt) : ""),
      "member nearest to the exemplar, its token between [[ and ]]",
    ),
  ]);
  const growth = growthRows(results);
  await save.table("growth", [
    whole("layer", growth.map((g) => g.layer), "block that is read, at the hook of the run"),
    { name: "percentile", values: growth.map((g) => g.percentile), description: "p, 0..100" },
    { name: "activations", values: growth.map((g) => g.activations), description: "seen so far" },
    whole("regions", growth.map((g) => g.regions), "founded so far"),
  ]);
}

/** A row a snapshot of a growing dictionary. */
export function growthRows(results: readonly BuildResult[]) {
  return results.flatMap(({ growth: { layer, percentile, snapshots } }) =>
    snapshots.map(({ activations, regions }) => ({ layer, percentile, activations, regions }))
  );
}

/**
 * A row a dictionary, for the terminal and the report.
 *
 * @param model Whose published numbers of regions stand beside.
 */
export function dictionaryRows(model: string, results: readonly BuildResult[]) {
  return results.map(({ growth: { layer, percentile, dictionary, saturated }, metrics }) => {
    const published = publishedRegions(model, layer, percentile);
    return {
      layer,
      p: percentile,
      threshold: Math.round(dictionary.threshold * 1e4) / 1e4,
      regions: metrics.regions,
      ...(published === undefined ? {} : { published }),
      saturated,
      coverage: Math.round(metrics.coverage * 1e3) / 1e3,
      "effective regions": Math.round(metrics.effectiveRegions),
      silhouette: Math.round(metrics.silhouette * 1e3) / 1e3,
    };
  });
}

/** Regions with what they hold, for the report. */
export function regionTable(regions: readonly RegionRow[]) {
  return {
    columns: ["region", "members", "coherence", "logit lens", "nearest contexts"],
    rows: regions.map(({ region, count, coherence, lens, nearest }): Cell[] => [
      region,
      count,
      Math.round(coherence * 1e3) / 1e3,
      lens.map(({ token }) => token.trim()).join(" · "),
      nearest.slice(0, 3).map(({ excerpt }) => excerpt),
    ]),
  };
}
