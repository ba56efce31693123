/**
 * Which units (regions of a dictionary, features of an SAE, token ids) fire on which tokens of one stream. Patterns are
 * sparse: memory goes with the firings, never with `units x tokens`.
 */
import { Random } from "../../compute/random.ts";

/** For each unit the tokens that fire it. */
export interface Firings {
  /** Tokens of the stream, those that fire nothing included. */
  readonly tokens: number;
  /** Start of each unit's tokens in `at`, and the end of the last; one longer than there are units. */
  readonly offsets: Int32Array;
  /** Token numbers `0 .. tokens - 1`, ascending within a unit. */
  readonly at: Int32Array;
}

/** For each token the units that it fires: {@linkcode Firings} the other way round. */
export interface FiredUnits {
  /** Units, those that never fire included. */
  readonly units: number;
  /** Start of each token's units in `fired`, and the end of the last; one longer than there are tokens. */
  readonly offsets: Int32Array;
  /** Unit numbers `0 .. units - 1`, ascending within a token. */
  readonly fired: Int32Array;
}

/**
 * Number of units, those that never fire included.
 *
 * @example
 * ```ts
 * const firings = partitionFirings([0, 2], 4);
 * if (unitCount(firings) !== 4) throw new Error(`${unitCount(firings)}`);
 * ```
 */
export const unitCount = ({ offsets }: Firings): number => offsets.length - 1;

/**
 * Number of tokens that fire a unit.
 *
 * @param unit One of `0 .. unitCount - 1`.
 *
 * @example
 * ```ts
 * const firings = partitionFirings([1, 0, 1], 3);
 * const counts = [0, 1, 2].map((unit) => firingCount(firings, unit));
 * if (counts.join() !== "1,2,0") throw new Error(counts.join());
 * ```
 */
export const firingCount = ({ offsets }: Firings, unit: number): number => offsets[unit + 1] - offsets[unit];

/**
 * Tokens that fire a unit, ascending; a view.
 *
 * @param unit One of `0 .. unitCount - 1`.
 *
 * @example
 * ```ts
 * const tokens = firingsOf(partitionFirings([1, 0, 1], 2), 1);
 * if (tokens.join() !== "0,2") throw new Error(tokens.join());
 * ```
 */
export const firingsOf = ({ offsets, at: tokens }: Firings, unit: number): Int32Array =>
  tokens.subarray(offsets[unit], offsets[unit + 1]);

/**
 * Patterns of units of which each token fires one.
 *
 * @param unitOfToken Unit of each token, `0 .. units - 1`.
 * @throws {RangeError} if one is not such a number.
 *
 * @example
 * ```ts
 * const firings = partitionFirings([1, 0, 1], 3);
 * if (firingsOf(firings, 1).join() !== "0,2" || firingCount(firings, 2) !== 0) throw new Error(`${firings.at}`);
 * ```
 */
export function partitionFirings(unitOfToken: ArrayLike<number>, units: number): Firings {
  const offsets = Int32Array.from({ length: unitOfToken.length + 1 }, (_, token) => token);
  return byUnit({ units, offsets, fired: Int32Array.from(unitOfToken) });
}

/**
 * Patterns by unit, from those by token.
 *
 * @throws {RangeError} if a unit number is not one of `0 .. units - 1`.
 *
 * @example
 * ```ts
 * // The first token fires units 0 and 2, the second unit 2.
 * const firings = byUnit({ units: 3, offsets: Int32Array.of(0, 2, 3), fired: Int32Array.of(0, 2, 2) });
 * if (firingsOf(firings, 2).join() !== "0,1" || firingCount(firings, 1) !== 0) throw new Error(`${firings.at}`);
 * ```
 */
export function byUnit({ units, offsets, fired }: FiredUnits): Firings {
  return { tokens: offsets.length - 1, ...named("at", transposed(offsets, fired, units)) };
}

/**
 * Patterns by token, from those by unit.
 *
 * @throws {RangeError} if a token number is not one of `0 .. tokens - 1`.
 *
 * @example
 * ```ts
 * // Unit 0 fires on tokens 0 and 2, unit 1 on token 2.
 * const { offsets, fired } = byToken({ tokens: 3, offsets: Int32Array.of(0, 2, 3), at: Int32Array.of(0, 2, 2) });
 * if (offsets.join() !== "0,1,1,3" || fired.join() !== "0,0,1") throw new Error(`${offsets} ${fired}`);
 * ```
 */
export function byToken(firings: Firings): FiredUnits {
  return { units: unitCount(firings), ...named("fired", transposed(firings.offsets, firings.at, firings.tokens)) };
}

/**
 * Patterns moved to other tokens: all units move together, so sizes, and which units fire together, stay.
 *
 * @param numbers For each token its new number; a permutation of `0 .. tokens - 1`.
 * @throws {RangeError} if it is not as long as there are tokens.
 *
 * @example
 * ```ts
 * const backwards = renumbered(partitionFirings([0, 0, 1], 2), [2, 1, 0]);
 * if (firingsOf(backwards, 0).join() !== "1,2") throw new Error(`${backwards.at}`);
 * ```
 */
export function renumbered(firings: Firings, numbers: ArrayLike<number>): Firings {
  if (numbers.length !== firings.tokens) {
    throw new RangeError(`Expected ${firings.tokens} token numbers but found ${numbers.length}`);
  }
  const moved = firings.at.map((token) => numbers[token]);
  for (let unit = 0; unit < unitCount(firings); unit++) {
    moved.subarray(firings.offsets[unit], firings.offsets[unit + 1]).sort();
  }
  return { ...firings, at: moved };
}

/**
 * Chance: every unit keeps its size and its companions, but fires on random tokens.
 *
 * @param seed Any whole number.
 *
 * @example
 * ```ts
 * const firings = partitionFirings([0, 0, 0, 1, 1, 1, 1, 1], 2);
 * const random = permutedTokens(firings, 0);
 * if (firingCount(random, 0) !== 3) throw new Error("a unit keeps its size");
 * if (firingsOf(random, 0).join() === "0,1,2") throw new Error("but not its tokens");
 * ```
 */
export function permutedTokens(firings: Firings, seed: number): Firings {
  return renumbered(firings, new Random(seed).shuffle(Array.from({ length: firings.tokens }, (_, token) => token)));
}

/**
 * A sterner chance: the stream is moved along by a random part of its length, round its end, so that runs of firings in
 * neighbouring tokens stay, too.
 *
 * @param seed Any whole number.
 *
 * @example
 * ```ts
 * const run = partitionFirings(Array.from({ length: 20 }, (_, token) => token < 3 ? 0 : 1), 2);
 * const tokens = firingsOf(shiftedTokens(run, 1), 0);
 * if (tokens[0] < 2 || tokens[2] - tokens[0] !== 2) throw new Error(`three neighbours, elsewhere: ${tokens}`);
 * ```
 */
export function shiftedTokens(firings: Firings, seed: number): Firings {
  const { tokens } = firings;
  // At least a tenth of the stream away, either way: near the start a text would meet itself.
  const margin = Math.floor(tokens / 10);
  const by = margin + new Random(seed).integer(Math.max(1, tokens - 2 * margin));
  return renumbered(firings, Array.from({ length: tokens }, (_, token) => (token + by) % tokens));
}

/** Counting sort of `(row, value)` by value; rows ascend within a value. */
function transposed(offsets: Int32Array, values: Int32Array, range: number): [Int32Array, Int32Array] {
  const starts = new Int32Array(range + 1);
  for (const value of values) {
    if (!(value >= 0 && value < range)) {
      throw new RangeError(`Expected numbers from 0 to ${range - 1} but found ${value}`);
    }
    starts[value + 1]++;
  }
  for (let value = 0; value < range; value++) starts[value + 1] += starts[value];
  const next = starts.slice();
  const rows = new Int32Array(values.length);
  for (let row = 0; row + 1 < offsets.length; row++) {
    for (let i = offsets[row]; i < offsets[row + 1]; i++) rows[next[values[i]]++] = row;
  }
  return [starts, rows];
}

function named<K extends string>(key: K, [offsets, values]: [Int32Array, Int32Array]) {
  return { offsets, [key]: values } as { offsets: Int32Array } & Record<K, Int32Array>;
}
