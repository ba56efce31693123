import { number, orNull, row, type RowOf, whole } from "../../report/row.ts";

/**
 * The way of tokens through dictionaries of several layers: for each layer, the region of each token, all of one length.
 */
export type Paths = readonly ArrayLike<number>[];

/**
 * Share of tokens that two sets of paths put into the same region, by layer; NaN of no tokens.
 *
 * @param a Paths of the tokens. @param b Paths of the same tokens, in the same order, under another condition.
 *
 * @example
 * ```ts
 * const [first, second] = agreement([[0, 1], [2, 3]], [[0, 1], [2, 4]]);
 * if (first !== 1 || second !== 0.5) throw new Error(`${first} ${second}`);
 * ```
 */
export function agreement(a: Paths, b: Paths): number[] {
  return a.map((regions, layer) => {
    const ids = Array.from(regions);
    return ids.filter((region, token) => region === b[layer][token]).length / ids.length;
  });
}

/** How far the tokens of one region stay together on the way to the next layer. */
export interface Togetherness {
  /** Of the pairs of tokens in one region, the share that are in one region of the next layer too; NaN of no pairs. */
  readonly stay: number;
  /** The share of all pairs that are in one region of the next layer: what remains if tokens are dealt out anew. */
  readonly chance: number;
}

/**
 * Whether tokens that share a region go on together, for every step from a layer to the next.
 *
 * @returns One for each step: one fewer than there are layers.
 *
 * @example
 * ```ts
 * const [{ stay, chance }] = togetherness([[0, 0, 0, 1], [5, 5, 6, 6]]);
 * if (stay !== 1 / 3 || chance !== 2 / 6) throw new Error(`${stay} ${chance}`);
 * ```
 */
export function togetherness(paths: Paths): Togetherness[] {
  return paths.slice(1).map((next, step) => {
    const [from, to] = [Array.from(paths[step]), Array.from(next)];
    const together = pairs(from);
    const still = pairs(from.map((region, token) => `${region} ${to[token]}`));
    return { stay: still / together, chance: coincidence(next) };
  });
}

/**
 * Share of all pairs of tokens that are in one region; NaN of fewer than two tokens.
 *
 * @param regions Region of each token.
 *
 * @example
 * ```ts
 * const share = coincidence([7, 7, 7, 2]);
 * if (share !== 3 / 6) throw new Error(`${share}`);
 * ```
 */
export function coincidence(regions: ArrayLike<number>): number {
  return pairs(Array.from(regions)) / (regions.length * (regions.length - 1) / 2);
}

/**
 * Number of paths that differ somewhere.
 *
 * @example
 * ```ts
 * // Of three tokens the first two go together all the way; the third only starts with them.
 * const count = distinctPaths([[0, 0, 0], [2, 2, 3]]);
 * if (count !== 2) throw new Error(`${count}`);
 * ```
 */
export function distinctPaths(paths: Paths): number {
  return new Set(Array.from(paths[0] ?? [], (_, token) => paths.map((regions) => regions[token]).join())).size;
}

const NO_PAIR = { missing: "no two tokens" } as const;
const NO_REGION = { missing: "no two tokens share a region" } as const;

/**
 * What the tokens' regions of one layer say.
 *
 * @internal
 */
export const PATH_LAYER = row({
  tokens: whole("that were followed"),
  agreementShuffled: number("share of tokens in the same region when their prompt's tokens are shuffled", {
    heading: "same region when shuffled",
    missing: "no tokens",
  }),
  agreementChance: number("share of all pairs of tokens that are in one region", {
    heading: "same region, any two",
    ...NO_PAIR,
  }),
});

/**
 * What the step from one layer to the next says.
 *
 * @internal
 */
export const PATH_STEP = row({
  stay: number("pairs of one region that stay in one", {
    heading: "stay together from the layer before",
    ...NO_REGION,
  }),
  stayShuffled: number("pairs of one region that stay in one, of shuffled tokens", {
    heading: "stay, shuffled",
    ...NO_REGION,
  }),
  stayChance: number("share of all pairs that are in one region of the next layer", {
    heading: "stay, chance",
    ...NO_PAIR,
  }),
});

/** Paths in order beside the same tokens' in shuffled prompts. */
export interface ComparedPaths {
  /** By layer. */
  readonly layers: readonly RowOf<typeof PATH_LAYER>[];
  /** By step from a layer to the next. */
  readonly steps: readonly RowOf<typeof PATH_STEP>[];
  /** Paths that differ somewhere. */
  readonly distinct: number;
  /** Paths of shuffled tokens that differ somewhere. */
  readonly distinctShuffled: number;
}

/**
 * How much of the tokens' paths is decided by the token alone, and whether tokens that share a region go on together.
 *
 * @param paths Paths of tokens in their context. @param shuffled Paths of the same tokens, in the same order, in another.
 *
 * @example
 * ```ts
 * const { layers, steps } = comparePaths([[0, 0, 1], [2, 2, 3]], [[0, 0, 1], [2, 3, 3]]);
 * if (layers[1].agreementShuffled !== 2 / 3 || steps[0].stay !== 1) throw new Error("the third token's region stays");
 * ```
 */
export function comparePaths(paths: Paths, shuffled: Paths): ComparedPaths {
  const same = agreement(paths, shuffled);
  const together = togetherness(paths);
  const apart = togetherness(shuffled);
  return {
    layers: paths.map((regions, i) => ({
      tokens: regions.length,
      agreementShuffled: orNull(same[i]),
      agreementChance: orNull(coincidence(regions)),
    })),
    steps: together.map(({ stay, chance }, i) => {
      return { stay: orNull(stay), stayShuffled: orNull(apart[i].stay), stayChance: orNull(chance) };
    }),
    distinct: distinctPaths(paths),
    distinctShuffled: distinctPaths(shuffled),
  };
}

/** Pairs of equal values. */
function pairs(values: readonly (number | string)[]): number {
  let total = 0;
  for (const { length } of Map.groupBy(values, (value) => value).values()) total += length * (length - 1) / 2;
  return total;
}
