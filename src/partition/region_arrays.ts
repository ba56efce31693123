import { type WholeNumbers, wideEnough } from "../files/whole_numbers.ts";

/** Per-region numbers as growing arrays: the part of a dictionary that lives on the host. */
export class RegionArrays {
  #size = 0;
  #counts: WholeNumbers = new Int32Array(64);
  #founders: WholeNumbers = new Int32Array(64);
  #firstBatches: WholeNumbers = new Int32Array(64);
  #distanceSums = new Float64Array(64);
  #distanceSquareSums = new Float64Array(64);

  /** Number of regions. */
  get size(): number {
    return this.#size;
  }
  /** Members a region. */
  get counts(): WholeNumbers {
    return this.#counts.subarray(0, this.#size);
  }
  /** Stream index of the activation that founded each region. */
  get founders(): WholeNumbers {
    return this.#founders.subarray(0, this.#size);
  }
  /** Batch in which each region was founded. */
  get firstBatches(): WholeNumbers {
    return this.#firstBatches.subarray(0, this.#size);
  }
  /** Sum over the members of their distance to the exemplar. */
  get distanceSums(): Float64Array<ArrayBuffer> {
    return this.#distanceSums.subarray(0, this.#size);
  }
  /** Sum over the members of the square of that distance. */
  get distanceSquareSums(): Float64Array<ArrayBuffer> {
    return this.#distanceSquareSums.subarray(0, this.#size);
  }

  /** Adds an empty region. */
  add(founder: number, batch: number): void {
    if (this.#size === this.#counts.length) this.#grow();
    this.#founders = wideEnough(this.#founders, founder);
    this.#firstBatches = wideEnough(this.#firstBatches, batch);
    this.#founders[this.#size] = founder;
    this.#firstBatches[this.#size] = batch;
    this.#size++;
  }

  /** Adds a member at a distance and returns the region's new count. */
  join(region: number, distance: number): number {
    this.#distanceSums[region] += distance;
    this.#distanceSquareSums[region] += distance * distance;
    return this.#count(region, this.#counts[region] + 1);
  }

  /** Adds a region with everything it has. */
  restore(region: { count: number; founder: number; firstBatch: number; sum: number; squareSum: number }): void {
    this.add(region.founder, region.firstBatch);
    this.#count(this.#size - 1, region.count);
    this.#distanceSums[this.#size - 1] = region.sum;
    this.#distanceSquareSums[this.#size - 1] = region.squareSum;
  }

  /** A copy that changes on its own. */
  copy(): RegionArrays {
    const copy = new RegionArrays();
    copy.#size = this.#size;
    copy.#counts = this.#counts.slice();
    copy.#founders = this.#founders.slice();
    copy.#firstBatches = this.#firstBatches.slice();
    copy.#distanceSums = this.#distanceSums.slice();
    copy.#distanceSquareSums = this.#distanceSquareSums.slice();
    return copy;
  }

  #count(region: number, count: number): number {
    this.#counts = wideEnough(this.#counts, count);
    return this.#counts[region] = count;
  }

  #grow(): void {
    const larger = <T extends WholeNumbers>(array: T): T => {
      const copy = new (array.constructor as new (length: number) => T)(array.length * 2);
      copy.set(array);
      return copy;
    };
    this.#counts = larger(this.#counts);
    this.#founders = larger(this.#founders);
    this.#firstBatches = larger(this.#firstBatches);
    this.#distanceSums = larger(this.#distanceSums);
    this.#distanceSquareSums = larger(this.#distanceSquareSums);
  }
}
