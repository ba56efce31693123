/** Bars that a histogram has at most; it has more than half as many once values differ enough. */
const BARS = 40;

/** Bars of equal width: where the middle of each is, and how many values fell in it. */
export interface Bars {
  readonly middles: readonly number[];
  readonly heights: readonly number[];
}

/**
 * A histogram of values whose range nobody knows beforehand. Its bars are as wide as a small part of the first value;
 * whenever there would be too many of them, each two neighbours become one.
 */
export class ValueHistogram {
  #counts = new Map<number, number>();
  #width = 0;
  #first = Infinity;
  #last = -Infinity;

  /** How many values there are. */
  count = 0;

  add(value: number): void {
    // A power of two, so that bars that were joined end where the wider ones do.
    this.#width ||= 2 ** Math.floor(Math.log2(Math.abs(value) || 1)) / (2 * BARS);
    this.count++;
    const bar = Math.floor(value / this.#width);
    this.#put(bar, 1);
    while (this.#last - this.#first >= BARS) this.#join();
  }

  /** The bars from the lowest value's to the highest's. */
  bars(): Bars {
    const indices = this.count === 0 ? [] : Array.from({ length: this.#last - this.#first + 1 }, (_, i) => i);
    return {
      middles: indices.map((i) => (this.#first + i + 0.5) * this.#width),
      heights: indices.map((i) => this.#counts.get(this.#first + i) ?? 0),
    };
  }

  #put(bar: number, count: number): void {
    this.#counts.set(bar, (this.#counts.get(bar) ?? 0) + count);
    this.#first = Math.min(this.#first, bar);
    this.#last = Math.max(this.#last, bar);
  }

  #join(): void {
    const counts = this.#counts;
    [this.#counts, this.#first, this.#last] = [new Map(), Infinity, -Infinity];
    this.#width *= 2;
    for (const [bar, count] of counts) this.#put(Math.floor(bar / 2), count);
  }
}
