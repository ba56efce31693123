import type { Backend } from "../../compute/backend.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { Growth } from "../../partition/growth.ts";
import { number, orNull, row, type RowOf, whole } from "../../report/row.ts";
import { meanOf } from "../../report/figures.ts";
import { nearestDirection } from "../geometry/nearest_direction.ts";
import { type Between, regionsBetween } from "./between.ts";
import { pairsByCosine } from "./pairs_by_cosine.ts";

const ONE_REGION = { missing: "A and B are one region" } as const;

/**
 * A pair of anchors in one dictionary: at the coarsest percentile themselves, then their nearest counterparts.
 *
 * @internal
 */
export const ANCHORS = row({
  pair: whole("rank among the coarsest dictionary's closest pairs, from 0"),
  a: whole("region of anchor A"),
  b: whole("region of anchor B"),
});

/**
 * What lies between a pair of anchors, and between other pairs of the same dictionary that are as close.
 *
 * @internal
 */
export const BETWEEN_FIGURES = row({
  regions: whole("of the dictionary", { heading: "K" }),
  cosine: number("cos(A, B), mean directions", { heading: "cos(A, B)" }),
  cosineToA: number("of A with the coarsest dictionary's A"),
  cosineToB: number("of B with the coarsest dictionary's B"),
  between: number("number of regions between", ONE_REGION),
  fromAnchors: number("share of the regions between that are nearest to A or B at the coarsest p", {
    heading: "from A or B",
    missing: "no region is between",
  }),
  fromAnchorsOfAll: number("share of all other regions that are nearest to A or B at the coarsest p", {
    heading: "of all regions",
    missing: "there is no other region",
  }),
  controlCosine: number("mean of the other pairs of the same cosine", {
    heading: "control: cosine",
    missing: "there is no other pair",
  }),
  controlBetween: number("mean number of regions between the other pairs", {
    heading: "control: between",
    missing: "there is no other pair",
  }),
});

/** One pair of anchors in one dictionary. */
export type AnchorPair = RowOf<typeof ANCHORS> & RowOf<typeof BETWEEN_FIGURES> & {
  /** Of the dictionary. */
  readonly percentile: number;
  /** The regions between A and B. */
  readonly lune: readonly Between[];
};

/**
 * Follows the closest pairs of regions of the coarsest dictionary through the finer ones of the same layer by the nearest
 * counterpart of each anchor, and finds the regions between them; mean basis.
 *
 * @param growths The dictionaries of one layer.
 * @param options `pairs`: how many, the closest first; `controls`: pairs of the same dictionary, nearest in cosine, that each
 * is compared with.
 * @returns A row a dictionary and pair, the coarsest dictionary first.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
 * await dictionary.add({ data: Float32Array.of(1, 0, 1, 1, 0, 1), rows: 3, dim: 2 });
 * const [{ between, cosine }] = await followPairs(backend, [{ percentile: 8, dictionary }], { pairs: 1, controls: 1 });
 * if (between !== 0 || Math.abs(cosine - Math.SQRT1_2) > 1e-6) throw new Error("neighbours have nothing between them");
 * ```
 */
export async function followPairs(
  backend: Backend,
  growths: readonly Pick<Growth, "percentile" | "dictionary">[],
  { pairs, controls }: { readonly pairs: number; readonly controls: number },
): Promise<AnchorPair[]> {
  const [coarsest, ...finer] = growths.toSorted((a, b) => b.percentile - a.percentile);
  const { dim } = coarsest.dictionary;
  const coarse = await meansOf(backend, coarsest.dictionary);
  const anchors = pairsByCosine(coarse.cosines, coarse.size, 1, pairs);
  const followed: AnchorPair[] = [];
  for (const { percentile, dictionary } of [coarsest, ...finer]) {
    const { size, means, cosines } = dictionary === coarsest.dictionary ? coarse : await meansOf(backend, dictionary);
    // Where each region comes from: the coarsest region that it is nearest to.
    const origins = Array.from(
      { length: size },
      (_, region) => nearestDirection(rowOf(means, dim, region), coarse.means).row,
    );
    for (const [pair, anchor] of anchors.entries()) {
      const [{ row: a, cosine: cosineToA }, { row: b, cosine: cosineToB }] = [anchor.a, anchor.b]
        .map((region) => nearestDirection(rowOf(coarse.means, dim, region), means));
      const cosine = cosines[a * size + b];
      const isOne = a === b;
      const lune = isOne ? [] : regionsBetween(cosines, size, a, b);
      const shareFromAnchors = (regions: readonly number[]) =>
        orNull(
          regions.filter((region) => origins[region] === anchor.a || origins[region] === anchor.b).length /
            regions.length,
        );
      // One more than is asked for: the pair itself is the nearest to its own cosine.
      const others = isOne ? [] : pairsByCosine(cosines, size, cosine, controls + 1)
        .filter((other) => other.a !== Math.min(a, b) || other.b !== Math.max(a, b)).slice(0, controls);
      followed.push({
        ...{ percentile, pair, a, b, regions: size, cosine, cosineToA, cosineToB, lune },
        between: isOne ? null : lune.length,
        fromAnchors: shareFromAnchors(lune.map(({ region }) => region)),
        fromAnchorsOfAll: shareFromAnchors([...origins.keys()].filter((region) => region !== a && region !== b)),
        controlCosine: meanOf(others.map((other) => other.cosine)),
        controlBetween: meanOf(others.map((other) => regionsBetween(cosines, size, other.a, other.b).length)),
      });
    }
  }
  return followed;
}

/** Mean directions of a dictionary with their cosines, `size x size`. */
async function meansOf(backend: Backend, { size, means, dim }: Dictionary) {
  using matrix = backend.upload(means.slice(), size, dim);
  return { size, means, cosines: await backend.similarities(matrix, matrix) };
}

const rowOf = (rows: Float32Array, dim: number, row: number) => rows.subarray(row * dim, (row + 1) * dim);

/**
 * Checks the rule on the data: both cosines of every region between exceed that of its anchors.
 *
 * @returns The smallest excess; `null` if no region lies between any two.
 * @throws {Error} if one does not.
 *
 * @example
 * ```ts
 * const lune = [{ region: 2, cosineA: 0.75, cosineB: 0.625 }];
 * const excess = smallestExcess([{ percentile: 8, a: 0, b: 1, cosine: 0.5, lune }]);
 * if (excess !== 0.125) throw new Error(`${excess}`);
 * ```
 */
export function smallestExcess(
  pairs: readonly Pick<AnchorPair, "percentile" | "a" | "b" | "cosine" | "lune">[],
): number | null {
  let smallest: number | null = null;
  for (const { percentile, a, b, cosine, lune } of pairs) {
    for (const { region, cosineA, cosineB } of lune) {
      const excess = Math.min(cosineA, cosineB) - cosine;
      if (!(excess > 0)) {
        throw new Error(
          `Expected region ${region} (p ${percentile}) to be nearer to ${a} and ${b} than these are to each other but the ` +
            `cosines are ${cosineA}, ${cosineB} and ${cosine}`,
        );
      }
      smallest = Math.min(smallest ?? Infinity, excess);
    }
  }
  return smallest;
}

/**
 * The pair that stands for the others: of those with nothing between them at the coarsest percentile and two counterparts
 * at every other, the median by regions between at the finest (the upper one of an even number).
 *
 * @param pairs Of one layer's dictionaries.
 * @returns Its rows, coarsest first; none if there is no such pair.
 *
 * @example
 * ```ts
 * const pairs = [{ pair: 0, percentile: 4, between: 3 }, { pair: 0, percentile: 8, between: 0 }];
 * if (typicalPair(pairs).map(({ percentile }) => percentile).join() !== "8,4") throw new Error("coarsest first");
 * ```
 */
export function typicalPair<P extends Pick<AnchorPair, "pair" | "percentile" | "between">>(pairs: readonly P[]): P[] {
  const candidates = [...Map.groupBy(pairs, ({ pair }) => pair).values()]
    .map((followed) => followed.toSorted((a, b) => b.percentile - a.percentile))
    .filter((followed) => followed[0].between === 0 && followed.every(({ between }) => between !== null))
    .sort((a, b) => a.at(-1)!.between! - b.at(-1)!.between!);
  return candidates[candidates.length >> 1] ?? [];
}
