/**
 * Seeded random numbers: the same seed gives the same numbers on every machine.
 *
 * The generator is xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded
 * by splitmix32. {@link hashUniform} keeps no state: a draw depends on the seed and an index only, so a stream that is
 * stopped, resumed or cut into other batches draws the same.
 */
import { inWords } from "./kinds.ts";

/** Weyl constant of splitmix: 2^32 divided by the golden ratio, made odd. */
const GOLDEN = 0x9e3779b9;

/** Bijection of 32 bits with little bias (TheIronBorn's constants, from Chris Wellons' hash-prospector). */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** Both halves of a safe integer in one hash of 32 bits. */
function hashInteger(value: number): number {
  return mix((mix(Math.floor(value / 2 ** 32) + GOLDEN) + (value >>> 0)) | 0);
}

function assertSafeInteger(value: number, what: string): void {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`Expected ${what} to be a whole number but found ${inWords(value)}`);
  }
}

/** Throws unless a value can seed what a run draws, and be written down: a whole number from 0 to 2^53 - 1. */
export function assertSeed(seed: number): void {
  if (Number.isSafeInteger(seed) && seed >= 0) return;
  throw new RangeError(`Expected a seed, a whole number from 0 to 2^53 - 1, but found ${inWords(seed)}`);
}

/** One step of xoshiro128**: 32 random bits, and `state` (four words, not all zero) moved on. */
export function xoshiro128(state: Uint32Array): number {
  // Not taken apart at once: that would walk an iterator, which takes longer than the step.
  const s0 = state[0];
  const s1 = state[1];
  const s2 = state[2];
  const s3 = state[3];
  const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
  const a = s2 ^ s0;
  const b = s3 ^ s1;
  state[0] = s0 ^ b;
  state[1] = s1 ^ a;
  state[2] = a ^ (s1 << 9);
  state[3] = rotateLeft(b, 11);
  return scrambled;
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/**
 * A seeded stream of random numbers.
 *
 * @example
 * ```ts
 * const order = new Random(7).shuffle([0, 1, 2, 3]);
 * if (order.join() !== new Random(7).shuffle([0, 1, 2, 3]).join()) throw new Error("not seeded");
 * ```
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /**
   * A generator at its beginning.
   *
   * @param seed Any whole number.
   * @throws {RangeError} if it is not one.
   */
  constructor(seed: number) {
    assertSafeInteger(seed, "the seed");
    const start = hashInteger(seed);
    // Four distinct inputs of a bijection give four distinct words, so the state is never all zero.
    for (let i = 0; i < 4; i++) this.#state[i] = mix((start + Math.imul(GOLDEN, i + 1)) | 0);
  }

  /** Uniform in [0, 1), all 53 bits of it. */
  next(): number {
    // The upper 27 bits of one step and 26 of the next.
    const high = xoshiro128(this.#state) >>> 5;
    const low = xoshiro128(this.#state) >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A whole number in `0 .. below - 1`. */
  integer(below: number): number {
    if (!Number.isSafeInteger(below) || below < 1) {
      throw new RangeError(`Expected the bound of a random integer to be a whole number from 1 but found ${below}`);
    }
    // Uneven by at most one of the 2^53 numbers that `next` gives.
    return Math.floor(this.next() * below);
  }

  /** Normally distributed, mean 0 and variance 1 (Box and Muller, 1958). */
  normal(): number {
    // `1 - next()` is never 0, so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** Puts `items` in a random order, in place (Fisher and Yates), and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last--) {
      const chosen = this.integer(last + 1);
      [items[last], items[chosen]] = [items[chosen], items[last]];
    }
    return items;
  }
}

/**
 * A number in [0, 1), uniform over indices, that depends on `seed` and `index` only: for draws that must not depend on
 * how a stream is cut into batches.
 *
 * @param seed Any whole number.
 * @param index Any whole number, such as the stream index of an activation.
 * @returns A multiple of 2^-32.
 * @throws {RangeError} if either is not a whole number.
 */
export function hashUniform(seed: number, index: number): number {
  assertSafeInteger(seed, "the seed");
  assertSafeInteger(index, "the index");
  return mix((hashInteger(index) + Math.imul(hashInteger(seed), GOLDEN)) ^ hashInteger(seed)) / 2 ** 32;
}
