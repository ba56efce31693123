import { PickleArray, PickleDict, PickleList, PickleObject, PickleSet, PickleText } from "../files/pickle/pickle.ts";
import type { PickleValue } from "../files/pickle/pickle.ts";

/** The attributes of one object of a published dictionary, each of the type that it must have. */
export class PublishedFields {
  readonly #entries: ReadonlyMap<string | number | bigint, PickleValue>;

  /**
   * @param name What sentences call the file.
   * @param what What they call the object.
   */
  constructor(readonly name: string, readonly what: string, value: PickleValue, className: string) {
    if (!(value instanceof PickleObject) || value.className !== className || !(value.state instanceof PickleDict)) {
      throw this.error(`is no object of the class ${className}`);
    }
    this.#entries = value.state.entries;
  }

  /** A sentence about this object. */
  error(why: string): Error {
    return new Error(
      `Cannot read ${this.name}: ${this.what} ${why}. The file is damaged or no published dictionary; nothing of it was ` +
        "run. Download it again.",
    );
  }

  /** Whether it has an attribute. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  #field(key: string): PickleValue {
    const value = this.#entries.get(key);
    if (value === undefined) throw this.error(`has no ${key}`);
    return value;
  }

  /** A finite number from `least` to `most`. */
  number(key: string, least: number, most: number): number {
    const value = this.#field(key);
    if (typeof value === "number" && value >= least && value <= most) return value;
    throw this.error(`has a ${key} that is no number from ${least} to ${most}`);
  }

  /** A whole number from `least` to `most`. */
  integer(key: string, least: number, most: number): number {
    const value = this.number(key, least, most);
    if (!Number.isInteger(value)) throw this.error(`has a ${key} that is no whole number`);
    return value;
  }

  /** True or false. */
  boolean(key: string): boolean {
    const value = this.#field(key);
    if (typeof value !== "boolean") throw this.error(`has a ${key} that is neither true nor false`);
    return value;
  }

  /** An array of floating-point numbers. */
  array(key: string, axes: number): PickleArray {
    return this.#floats(this.#field(key), key, axes);
  }

  /** One unit vector, or whatever else has one axis, of a length. */
  vector(key: string, dim: number): Float32Array<ArrayBuffer> {
    return this.#vector(this.#field(key), key, dim);
  }

  /** Relative error of the numbers of an array, where they are coarser than float32; else 0. */
  rounding(key: string): number {
    return this.#floats(this.#field(key), key, 1).rounding;
  }

  /** A list. */
  list(key: string): PickleList {
    const value = this.#field(key);
    if (!(value instanceof PickleList)) throw this.error(`has a ${key} that is no list`);
    return value;
  }

  /** A list of vectors of a length; each is checked when it is read. */
  *vectors(key: string, dim: number): Generator<Float32Array<ArrayBuffer>> {
    for (const value of this.list(key)) yield this.#vector(value, key, dim);
  }

  /** The whole numbers, not negative, of a list or set. */
  *integers(key: string): Generator<number> {
    const value = this.#field(key);
    if (!(value instanceof PickleList) && !(value instanceof PickleSet)) {
      throw this.error(`has a ${key} of another type`);
    }
    for (const item of value) {
      if (typeof item !== "number" || !Number.isInteger(item) || item < 0) {
        throw this.error(`has a ${key} with something else than whole numbers from 0 on`);
      }
      yield item;
    }
  }

  /** A text inside of `key`. */
  text(value: PickleValue | undefined, key: string): string {
    if (!(value instanceof PickleText)) throw this.error(`has a ${key} with something else than a text`);
    return value.toString();
  }

  #vector(value: PickleValue, key: string, dim: number): Float32Array<ArrayBuffer> {
    const array = this.#floats(value, key, 1);
    if (array.length !== dim) throw this.error(`has a ${key} of ${array.length} numbers, not of ${dim}`);
    const vector = new Float32Array(dim);
    array.copyTo(vector, 0);
    if (!vector.every(Number.isFinite)) throw this.error(`has a ${key} that is not finite`);
    return vector;
  }

  #floats(value: PickleValue, key: string, axes: number): PickleArray {
    if (value instanceof PickleArray && value.isFloat && value.shape.length === axes) return value;
    throw this.error(`has a ${key} that is no array of ${axes === 1 ? "one axis" : `${axes} axes`} of numbers`);
  }
}
