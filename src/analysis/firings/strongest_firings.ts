import type { SparseFeatures } from "../../compute/sparse.ts";
import { byUnit, type Firings } from "./firings.ts";

/**
 * The tokens of a stream on which each unit is strongest, for units that have a value on every token: the published comparison
 * of dictionaries and SAEs takes the 100 largest positive values. Holds `units x k` numbers.
 *
 * @example
 * ```ts
 * import { firingsOf } from "./firings.ts";
 *
 * const strongest = new StrongestFirings(2, 1);
 * strongest.offer(Float32Array.of(3, -1, 5, 0, 4, -2), 3);
 * const { firings, positives } = strongest.finish();
 * if (firingsOf(firings, 0).join() !== "1" || positives.join() !== "3,0") throw new Error(`${firings.at}`);
 * ```
 */
export class StrongestFirings {
  /** Values and tokens of each unit's strongest, largest value first; `counts` of them are set. */
  readonly #values: Float32Array;
  readonly #tokens: Int32Array;
  readonly #counts: Int32Array;
  readonly #positives: Int32Array;
  #seen = 0;

  /**
   * Nothing is offered yet.
   *
   * @param units Number of units.
   * @param k Tokens kept of each at most.
   */
  constructor(readonly units: number, readonly k: number) {
    if (!(Number.isInteger(k) && k >= 1)) throw new RangeError(`Expected k to be a whole number from 1 but found ${k}`);
    this.#values = new Float32Array(units * k);
    this.#tokens = new Int32Array(units * k);
    this.#counts = new Int32Array(units);
    this.#positives = new Int32Array(units);
  }

  /**
   * Takes the next tokens of the stream. Of equal values the earlier token counts as the stronger.
   *
   * @param values `rows x units`, row-major. @param rows Number of tokens.
   * @throws {RangeError} if there are not so many values.
   */
  offer(values: Float32Array, rows: number): void {
    const { units } = this;
    if (values.length !== rows * units) {
      throw new RangeError(`Expected ${rows} x ${units} values but found ${values.length}`);
    }
    for (let row = 0, i = 0; row < rows; row++, this.#seen++) {
      for (let unit = 0; unit < units; unit++, i++) this.#offer(unit, values[i]);
    }
  }

  /**
   * Takes the next tokens of the stream by their active units, for units of which few are active; the others count as 0.
   *
   * @throws {RangeError} if there are not so many units.
   */
  offerActive({ rows, size, offsets, features, values }: SparseFeatures): void {
    if (size !== this.units) throw new RangeError(`Expected ${this.units} features but found ${size}`);
    for (let row = 0; row < rows; row++, this.#seen++) {
      for (let i = offsets[row]; i < offsets[row + 1]; i++) this.#offer(features[i], values[i]);
    }
  }

  /** The strongest tokens of each unit, and on how many tokens its value was positive. */
  finish(): { firings: Firings; positives: Int32Array } {
    const { units, k } = this;
    const fired: number[][] = Array.from({ length: this.#seen }, () => []);
    for (let unit = 0; unit < units; unit++) {
      for (const token of this.#tokens.subarray(unit * k, unit * k + this.#counts[unit])) fired[token].push(unit);
    }
    const offsets = new Int32Array(this.#seen + 1);
    fired.forEach((list, token) => offsets[token + 1] = offsets[token] + list.length);
    return { firings: byUnit({ units, offsets, fired: Int32Array.from(fired.flat()) }), positives: this.#positives };
  }

  #offer(unit: number, value: number): void {
    if (!(value > 0)) return;
    const { k } = this;
    const start = unit * k;
    this.#positives[unit]++;
    if (this.#counts[unit] === k && !(value > this.#values[start + k - 1])) return;
    const count = Math.min(this.#counts[unit] + 1, k);
    let slot = start + count - 1;
    // `<`: an equal one, which is of an earlier token, stays before.
    while (slot > start && this.#values[slot - 1] < value) {
      this.#values[slot] = this.#values[slot - 1];
      this.#tokens[slot] = this.#tokens[slot - 1];
      slot--;
    }
    this.#values[slot] = value;
    this.#tokens[slot] = this.#seen;
    this.#counts[unit] = count;
  }
}
