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

/** Number of units. */
export const unitCount = ({ offsets }: Firings): number => offsets.length - 1;

/** Number of tokens that fire a unit. */
export const firingCount = ({ offsets }: Firings, unit: number): number => offsets[unit + 1] - offsets[unit];

/** Tokens that fire a unit, ascending; a view. */
export const firingsOf = ({ offsets, at }: Firings, unit: number): Int32Array =>
  at.subarray(offsets[unit], offsets[unit + 1]);

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
 */
export function byUnit({ units, offsets, fired }: FiredUnits): Firings {
  return { tokens: offsets.length - 1, ...named("at", transposed(offsets, fired, units)) };
}

/**
 * Patterns by token, from those by unit.
 *
 * @throws {RangeError} if a token number is not one of `0 .. tokens - 1`.
 */
export function byToken(firings: Firings): FiredUnits {
  return { units: unitCount(firings), ...named("fired", transposed(firings.offsets, firings.at, firings.tokens)) };
}

/**
 * Patterns moved to other tokens: all units move together, so sizes, and which units fire together, stay.
 *
 * @param numbers For each token its new number; a permutation of `0 .. tokens - 1`.
 * @throws {RangeError} if it is not as long as there are tokens.
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
 */
export function permutedTokens(firings: Firings, seed: number): Firings {
  return renumbered(firings, new Random(seed).shuffle(Array.from({ length: firings.tokens }, (_, token) => token)));
}

/**
 * A sterner chance: the stream is moved along by a random part of its length, round its end, so that runs of firings in
 * neighbouring tokens stay, too.
 *
 * @param seed Any whole number.
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
