import { assertKind } from "../../compute/kinds.ts";
import { Dictionary } from "../../partition/dictionary.ts";
import { number, orNull, row, type RowOf, whole } from "../../report/row.ts";
import { median } from "../statistics/median.ts";

/** Intrinsic quality of a dictionary. "Nontrivial" regions are those of at least two members. */
export interface DictionaryMetrics {
  /** Number of regions. */
  readonly regions: number;
  /** Those of at least two members. */
  readonly nontrivialRegions: number;
  /** Members of all regions. */
  readonly members: number;
  /** Share of the members in nontrivial regions; published as "coverage". */
  readonly sharedMembers: number;
  /** Mean members of a nontrivial region. */
  readonly meanMembers: number;
  /** Median members of a nontrivial region. */
  readonly medianMembers: number;
  /** Members of the largest. */
  readonly maxMembers: number;
  /** Population standard deviation. */
  readonly stdMembers: number;
  /** Gini coefficient of the member counts. */
  readonly gini: number;
  /** Exponential of the entropy of the member shares. */
  readonly effectiveRegions: number;
  /** `effectiveRegions / nontrivialRegions`. */
  readonly utilisation: number;
  /** Mean over regions of the mean distance of members to their exemplar. */
  readonly meanIntraDistance: number;
  /** Median over regions of the mean distance of members to their exemplar. */
  readonly medianIntraDistance: number;
  /** Mean over regions of the distance to the nearest other exemplar. */
  readonly meanNearestInterDistance: number;
  /** Median over regions of the distance to the nearest other exemplar. */
  readonly medianNearestInterDistance: number;
  /** `meanNearestInterDistance / threshold`. */
  readonly separationRatio: number;
  /** Mean over regions of `(inter - intra) / max(inter, intra)`. */
  readonly silhouette: number;
  /** Largest cosine of two exemplars. */
  readonly maxExemplarSimilarity: number;
  /** Mean cosine over all pairs of exemplars. */
  readonly meanExemplarSimilarity: number;
}

const NONTRIVIAL = { missing: "no region has two members" } as const;
const TWO_NONTRIVIAL = { missing: "fewer than two regions have two members" } as const;

/**
 * Those of a dictionary's metrics that tables hold.
 *
 * @internal
 */
export const DICTIONARY_FIGURES = row({
  regions: whole("number of regions"),
  activations: whole("activations taken, which members and regions are counts of"),
  foundedUntil: whole("activations after which it founded no more regions and only counted members"),
  beyond: whole("activations after that beyond the threshold, in no region", { heading: "beyond θ" }),
  sharedMembers: number("share of members in regions of at least two"),
  effectiveRegions: number("exp of the entropy of the sizes"),
  gini: number("Gini coefficient of the sizes, 0..1"),
  meanDistance: number("mean distance to the exemplar", NONTRIVIAL),
  nearestDistance: number("mean distance of an exemplar to the nearest other", TWO_NONTRIVIAL),
  silhouette: number("mean of (inter - intra) / max, -1..1", TWO_NONTRIVIAL),
});

/**
 * A dictionary's counts and metrics as a row of {@linkcode DICTIONARY_FIGURES}.
 *
 * @example
 * ```ts
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await dictionary.add({ data: Float32Array.of(2, 0, 2, 0.1), rows: 2, dim: 2 });
 * const { regions, silhouette } = dictionaryFigures(dictionary, await measure(dictionary));
 * if (regions !== 1 || silhouette !== null) throw new Error("one region has no other");
 * ```
 */
export function dictionaryFigures(
  dictionary: Pick<Dictionary, "activations" | "foundedUntil" | "beyond">,
  metrics: DictionaryMetrics,
): RowOf<typeof DICTIONARY_FIGURES> {
  const { activations, foundedUntil, beyond } = dictionary;
  const { regions: size, sharedMembers, effectiveRegions, gini } = metrics;
  return {
    ...{ regions: size, activations, foundedUntil, beyond, sharedMembers, effectiveRegions, gini },
    meanDistance: orNull(metrics.meanIntraDistance),
    nearestDistance: orNull(metrics.meanNearestInterDistance),
    silhouette: orNull(metrics.silhouette),
  };
}

/**
 * Measures a dictionary without a model, over its nontrivial regions (the published implementation's definitions).
 * What needs one of them, or two, is NaN when there are fewer.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend: "cpu" });
 * await dictionary.add({ data: Float32Array.of(1, 0, 2, 0, 3, 0, 0, 1, 0, 2, -1, 0), rows: 6, dim: 2 });
 * const { regions, nontrivialRegions, sharedMembers, meanNearestInterDistance } = await measure(dictionary);
 * assertEquals([regions, nontrivialRegions], [3, 2]);
 * assertEquals([sharedMembers, meanNearestInterDistance], [5 / 6, 1]);
 * ```
 */
export async function measure(dictionary: Dictionary): Promise<DictionaryMetrics> {
  assertKind("the dictionary of measure", dictionary, Dictionary);
  const { memberCounts, distanceSums, size } = dictionary;
  const kept = [...memberCounts.keys()].filter((region) => memberCounts[region] >= 2);
  const counts = Float64Array.from(kept, (region) => memberCounts[region]);
  const members = memberCounts.reduce((sum, count) => sum + count, 0);
  const inside = sum(counts);
  const meanMembers = inside / kept.length;
  const intra = Float64Array.from(kept, (region) => distanceSums[region] / memberCounts[region]);
  const { nearest, largest, mean } = await exemplarSimilarities(dictionary, kept);
  const inter = nearest.map((similarity) => 1 - similarity);
  const entropy = -sum(counts.map((count) => count / inside * Math.log(count / inside)));
  const effectiveRegions = kept.length === 0 ? 0 : Math.exp(entropy);
  const meanInter = sum(inter) / kept.length;
  return {
    regions: size,
    nontrivialRegions: kept.length,
    members,
    sharedMembers: inside / members,
    meanMembers,
    medianMembers: median(counts),
    maxMembers: counts.reduce((max, count) => Math.max(max, count), 0),
    stdMembers: Math.sqrt(sum(counts.map((count) => (count - meanMembers) ** 2)) / kept.length),
    gini: gini(counts),
    effectiveRegions,
    utilisation: effectiveRegions / kept.length,
    meanIntraDistance: sum(intra) / kept.length,
    medianIntraDistance: median(intra),
    meanNearestInterDistance: meanInter,
    medianNearestInterDistance: median(inter),
    separationRatio: meanInter / dictionary.threshold,
    silhouette: sum(inter.map((distance, i) => (distance - intra[i]) / Math.max(distance, intra[i]))) / kept.length,
    maxExemplarSimilarity: largest,
    meanExemplarSimilarity: mean,
  };
}

/**
 * Gini coefficient of values that are not negative: 0 when all are equal, towards 1 when one has all, 0 when all are 0.
 * `2 sum(i x_i) / (n sum(x)) - (n + 1) / n` over ascending `x`, `i` from 1.
 *
 * @param values In any order.
 *
 * @example
 * ```ts
 * const [even, uneven] = [gini(Float64Array.of(5, 5, 5, 5)), gini(Float64Array.of(0, 20, 0, 0))];
 * if (even !== 0 || uneven !== 0.75) throw new Error(`${even} ${uneven}`);
 * ```
 */
export function gini(values: Float64Array): number {
  const n = values.length;
  const total = sum(values);
  if (total === 0) return 0;
  return 2 * sum(values.toSorted().map((value, i) => (i + 1) * value)) / (n * total) - (n + 1) / n;
}

// Exemplars that are compared with all others at once.
const BLOCK = 512;

/** Of chosen exemplars: each one's largest similarity to another, and the largest and mean over all pairs. */
async function exemplarSimilarities(dictionary: Dictionary, regions: readonly number[]) {
  const count = regions.length;
  const nearest = new Float64Array(count).fill(NaN);
  if (count < 2) return { nearest, largest: NaN, mean: NaN };
  nearest.fill(-Infinity);
  const { backend, dim } = dictionary;
  using all = await dictionary.exemplarMatrix(regions);
  const chosen = await backend.download(all);
  let total = 0;
  for (let from = 0; from < count; from += BLOCK) {
    const to = Math.min(from + BLOCK, count);
    using block = backend.upload(chosen.slice(from * dim, to * dim), to - from, dim);
    const similarities = await backend.similarities(block, all);
    // Every pair once, for both of its exemplars.
    for (let i = from; i < to; i++) {
      const row = (i - from) * count;
      let most = nearest[i];
      for (let j = i + 1; j < count; j++) {
        const similarity = Math.min(1, Math.max(-1, similarities[row + j]));
        total += similarity;
        if (similarity > most) most = similarity;
        if (similarity > nearest[j]) nearest[j] = similarity;
      }
      nearest[i] = most;
    }
  }
  const largest = nearest.reduce((most, similarity) => Math.max(most, similarity), -Infinity);
  return { nearest, largest, mean: total / (count * (count - 1) / 2) };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
