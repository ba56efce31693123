/** How many regions lie between pairs of anchors, as the dictionary is sharpened. */
import { type Between, nearestDirection, pairsByCosine, regionsBetween } from "../../../src/analysis/mod.ts";
import type { Backend } from "../../../src/compute/mod.ts";
import type { Growth } from "../../../src/partition/mod.ts";
import { meanOfAll as meanOf } from "../../../src/report/mod.ts";

/** One anchor pair in one dictionary. */
export interface AnchorPair {
  readonly seed: number;
  readonly layer: number;
  readonly percentile: number;
  /** Regions of the dictionary. */
  readonly size: number;
  /** Rank of the pair among the closest ones of the coarsest dictionary, from 0. */
  readonly pair: number;
  /** The anchors: at the coarsest percentile themselves, then their nearest counterparts. */
  readonly a: number;
  readonly b: number;
  readonly cosine: number;
  /** Cosines of the counterparts with the anchors of the coarsest dictionary. */
  readonly cosineToA: number;
  readonly cosineToB: number;
  /** The regions between them; NaN counts where both anchors have one counterpart. */
  readonly between: readonly Between[];
  readonly count: number;
  /** Share of the regions between whose nearest region in the coarsest dictionary is A or B; NaN of none. */
  readonly fromAnchors: number;
  /** Share of all regions but the two whose nearest region in the coarsest dictionary is A or B. */
  readonly fromAnchorsOfAll: number;
  /** Mean over other pairs of the same dictionary, those nearest in cosine: their cosine, and regions between. */
  readonly controlCosine: number;
  readonly controlCount: number;
}

/** Directions of one dictionary with their cosines. */
interface Directions {
  readonly percentile: number;
  readonly size: number;
  readonly means: Float32Array<ArrayBuffer>;
  readonly cosines: Float32Array;
}

/**
 * Follows the closest pairs of regions of the coarsest dictionary through the finer ones of the same layer by the nearest
 * counterpart of each anchor, and finds the regions between them; mean basis.
 *
 * @param growths The dictionaries of one layer.
 * @param pairs Anchor pairs.
 * @param controls Pairs of the same cosine that each is compared with.
 */
export async function followPairs(
  backend: Backend,
  growths: readonly Growth[],
  { seed, pairs, controls }: { seed: number; pairs: number; controls: number },
): Promise<AnchorPair[]> {
  const [coarsest, ...finer] = growths.toSorted((a, b) => b.percentile - a.percentile);
  const coarse = await directionsOf(backend, coarsest);
  const { dim } = coarsest.dictionary;
  const anchors = pairsByCosine(coarse.cosines, coarse.size, 1, pairs);
  const rows: AnchorPair[] = [];
  for (const growth of [coarsest, ...finer]) {
    const fine = growth === coarsest ? coarse : await directionsOf(backend, growth);
    const { percentile, size, means, cosines } = fine;
    const origins = Array.from(
      { length: size },
      (_, region) => nearestDirection(rowOf(means, dim, region), coarse.means).row,
    );
    for (const [pair, anchor] of anchors.entries()) {
      const counterparts = [anchor.a, anchor.b].map((region) =>
        nearestDirection(rowOf(coarse.means, dim, region), means)
      );
      const [{ row: a, cosine: cosineToA }, { row: b, cosine: cosineToB }] = counterparts;
      const cosine = cosines[a * size + b];
      const isOne = a === b;
      const between = isOne ? [] : regionsBetween(cosines, size, a, b);
      const shareOf = (regions: readonly number[]) =>
        regions.filter((region) => origins[region] === anchor.a || origins[region] === anchor.b).length /
        regions.length;
      const others = isOne ? [] : pairsByCosine(cosines, size, cosine, controls + 1)
        .filter((other) => other.a !== Math.min(a, b) || other.b !== Math.max(a, b)).slice(0, controls);
      rows.push({
        ...{ seed, layer: growth.layer, percentile, size, pair, a, b, cosine, cosineToA, cosineToB, between },
        count: isOne ? NaN : between.length,
        fromAnchors: shareOf(between.map(({ region }) => region)),
        fromAnchorsOfAll: shareOf([...origins.keys()].filter((region) => region !== a && region !== b)),
        controlCosine: meanOf(others.map((other) => other.cosine)),
        controlCount: meanOf(others.map((other) => regionsBetween(cosines, size, other.a, other.b).length)),
      });
    }
  }
  return rows;
}

async function directionsOf(backend: Backend, { percentile, dictionary }: Growth): Promise<Directions> {
  const { size, means, dim } = dictionary;
  const matrix = backend.upload(means.slice(), size, dim);
  try {
    return { percentile, size, means, cosines: await backend.similarities(matrix, matrix) };
  } finally {
    matrix.dispose();
  }
}

const rowOf = (rows: Float32Array, dim: number, row: number) => rows.subarray(row * dim, (row + 1) * dim);

/**
 * Checks the rule on the data: both cosines of every region between exceed that of its anchors.
 *
 * @returns The smallest excess; NaN if no region lies between any two.
 * @throws {Error} if one does not.
 */
export function smallestExcess(rows: readonly AnchorPair[]): number {
  let smallest = NaN;
  for (const { layer, percentile, a, b, cosine, between } of rows) {
    for (const { region, cosineA, cosineB } of between) {
      const excess = Math.min(cosineA, cosineB) - cosine;
      if (!(excess > 0)) {
        throw new Error(
          `Expected region ${region} (block ${layer}, p ${percentile}) to be nearer to ${a} and ${b} than these are to each ` +
            `other but the cosines are ${cosineA}, ${cosineB} and ${cosine}`,
        );
      }
      smallest = Number.isNaN(smallest) ? excess : Math.min(smallest, excess);
    }
  }
  return smallest;
}

/** One pair in all dictionaries of a layer, coarsest first, with the logit lens of what is shown. */
export interface Panel extends AnchorPair {
  /** Tokens of A, B and the shown regions between, by region. */
  readonly lens: ReadonlyMap<number, readonly string[]>;
}

/**
 * The pair that stands for the others: of those with nothing between them at the coarsest percentile and two counterparts
 * at every other, the median by regions between at the finest (the upper one of an even number).
 *
 * @param rows Of one seed and layer.
 * @returns Its rows, coarsest first; none if there is no such pair.
 */
export function typicalPair(rows: readonly AnchorPair[]): AnchorPair[] {
  const byPair = [...Map.groupBy(rows, ({ pair }) => pair).values()]
    .map((followed) => followed.toSorted((a, b) => b.percentile - a.percentile))
    .filter((followed) => followed[0].count === 0 && followed.every(({ count }) => !Number.isNaN(count)))
    .sort((a, b) => a.at(-1)!.count - b.at(-1)!.count);
  return byPair[byPair.length >> 1] ?? [];
}
