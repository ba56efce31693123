/**
 * Arrays that are used again: the system hands memory out page by page when it is first written to, which takes as long as
 * it takes to make directions of what lies in it.
 */

/** Shorter ones come from memory that the process has. */
const SHORTEST = 2 ** 18;
/** Arrays that are kept at most, and numbers in all of them: 256 MB. */
const [MOST_ARRAYS, MOST] = [2, 2 ** 26];

/** Arrays that were given back, those of last at the end. */
export class SpareArrays {
  readonly #arrays: Float32Array<ArrayBuffer>[] = [];

  /** An array of some length, at the start of a buffer of up to twice that; zeros, or with anything in it. */
  take(length: number, what: "zeros" | "anything"): Float32Array<ArrayBuffer> {
    const at = this.#arrays.findLastIndex((array) => array.length >= length && array.length <= 2 * length);
    if (at < 0) return new Float32Array(length);
    const [array] = this.#arrays.splice(at, 1);
    const part = array.subarray(0, length);
    return what === "zeros" ? part.fill(0) : part;
  }

  /** Takes back an array that nobody reads any more, with all of its buffer. */
  give({ buffer }: Float32Array<ArrayBuffer>): void {
    const array = new Float32Array(buffer);
    if (array.length < SHORTEST) return;
    this.#arrays.push(array);
    const isFull = () => this.#arrays.reduce((sum, { length }) => sum + length, 0) > MOST;
    while (this.#arrays.length > MOST_ARRAYS || isFull()) this.#arrays.shift();
  }
}
