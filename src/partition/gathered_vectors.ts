/** Vectors that are read part by part, in one array. */

/** The arrays that can be gathered in. */
type Floats = Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer>;

/**
 * Gathers vectors in an array that is made for all of them at the first part, so that they are in memory once. How many
 * are said to come is believed as far as that part bears it out.
 */
export class GatheredVectors<T extends Floats> {
  readonly #make: new (length: number) => T;
  readonly #expected: number;
  readonly #parts: number;
  #values: T;
  #end = 0;

  /**
   * @param make The array's class.
   * @param expected Numbers that all parts hold together, as the file says.
   * @param parts How many there are.
   */
  constructor(make: new (length: number) => T, expected: number, parts: number) {
    this.#make = make;
    this.#expected = expected;
    this.#parts = parts;
    this.#values = new make(0);
  }

  /** Appends a part. */
  add(part: T): void {
    const needed = this.#end + part.length;
    // The only one is not copied.
    if (this.#parts === 1) this.#values = part;
    else this.#put(part, needed);
    this.#end = needed;
  }

  #put(part: T, needed: number): void {
    if (needed > this.#values.length) {
      const likely = this.#end === 0 ? part.length * this.#parts : Math.ceil(1.5 * needed);
      const larger = new this.#make(Math.max(needed, Math.min(this.#expected, likely)));
      larger.set(this.#values.subarray(0, this.#end));
      this.#values = larger;
    }
    this.#values.set(part, this.#end);
  }

  /** All that was gathered, in an array of just that length where the file kept its word. */
  get values(): T {
    return this.#values.subarray(0, this.#end) as T;
  }
}
