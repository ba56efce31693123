/** What a published dictionary says twice, compared: the format has no checksum of its own. */
import type { PublishedFields } from "./published_fields.ts";

/** Member directions that the published implementation keeps a region. */
export const RESERVOIR = 30;

/** One region of a published dictionary. */
export interface PublishedRegion {
  readonly count: number;
  readonly exemplar: Float32Array<ArrayBuffer>;
  readonly mean: Float32Array<ArrayBuffer>;
  readonly coherence: number;
  readonly distanceSum: number;
  readonly distanceSquareSum: number;
  /** Sampled member directions, at most {@linkcode RESERVOIR}, row after row. */
  readonly members: Float32Array<ArrayBuffer>;
}

/** What regions are checked under; merged regions kept the distances to exemplars that are gone. */
export interface PublishedRule {
  readonly threshold: number;
  readonly isMerged: boolean;
  /** Whether the file has samples of members. */
  readonly isSampled: boolean;
  /** Relative error of the directions' numbers where they were saved more coarsely than float32 (float16), else 0. */
  readonly rounding: number;
}

/** Rounding of the length of a float32 direction. */
const UNIT = 1e-5;
/** Rounding of one distance, and of one member's share of a sum. */
const EXACT = 1e-4;
/** The mean direction is stored anew after every batch: over a long stream its rounding adds up. */
const ACCUMULATED = 1e-3;
/** Multiplications that comparing exemplars with each other may take. */
const COMPARISONS = 2 ** 28;

/**
 * Throws unless a region is consistent: directions are of unit length; each sampled member lies within the threshold;
 * the sum of the distances is `count (1 - coherence <mean, exemplar>)`, which follows from `sum of members = count *
 * coherence * mean`; the sum of their squares lies between what equal and what extreme distances give; and where the
 * sample holds every member, mean, coherence and both sums are those of the sample, whose first is the exemplar.
 */
export function checkRegion(fields: PublishedFields, region: PublishedRegion, rule: PublishedRule): void {
  const { count, exemplar, mean, coherence, distanceSum, distanceSquareSum, members } = region;
  const dim = exemplar.length;
  // A length is off by as much as its numbers, the product of two directions by twice as much.
  const near = (a: number, b: number, tolerance: number) => Math.abs(a - b) <= tolerance;
  const [unit, exact, accumulated] = [
    UNIT + rule.rounding,
    EXACT + 2 * rule.rounding,
    ACCUMULATED + 2 * rule.rounding,
  ];
  const expect = (holds: boolean, why: string) => {
    if (!holds) throw fields.error(why);
  };
  const isUnit = (vector: Float32Array) => near(Math.sqrt(dot(vector, vector)), 1, unit);
  expect(isUnit(exemplar), "has an exemplar that is no unit direction");
  expect(isUnit(mean), "has a mean direction that is no unit direction");
  const sampled = members.length / dim;
  expect(
    sampled === (rule.isSampled ? Math.min(count, RESERVOIR) : 0),
    `has ${count} members but a sample of ${sampled}`,
  );

  const sum = new Float64Array(dim);
  let [sampledSum, sampledSquareSum] = [0, 0];
  for (let row = 0; row < sampled; row++) {
    const member = members.subarray(row * dim, (row + 1) * dim);
    expect(isUnit(member), "has a sampled member that is no unit direction");
    const distance = 1 - dot(member, exemplar);
    expect(rule.isMerged || distance <= rule.threshold + exact, "has a sampled member beyond the threshold");
    sampledSum += distance;
    sampledSquareSum += distance ** 2;
    for (let j = 0; j < dim; j++) sum[j] += member[j];
  }
  if (sampled === count) {
    const isMean = mean.every((value, j) => near(value * coherence * count, sum[j], exact * count));
    expect(isMean, "has another mean direction or coherence than its members");
  }
  if (rule.isMerged) return;
  // The sum over members of 1 - <d, e> is count - <sum of d, e>, and the sum of d is count * coherence * mean.
  const expected = count * (1 - coherence * dot(mean, exemplar));
  expect(near(distanceSum, expected, accumulated * count), "has a sum of distances that its mean direction denies");
  const slack = exact * count;
  // At least by Cauchy and Schwarz (all distances equal), at most as no distance exceeds the threshold.
  const isSquare = distanceSquareSum >= distanceSum ** 2 / count - slack &&
    distanceSquareSum <= distanceSum * rule.threshold + slack;
  expect(isSquare, "has a sum of squared distances that its sum of distances denies");
  if (sampled === count) {
    expect(near(distanceSum, sampledSum, slack), "has another sum of distances than its members");
    expect(near(distanceSquareSum, sampledSquareSum, slack), "has another sum of squared distances than its members");
    const isFirst = exemplar.every((value, j) => near(value, members[j], exact));
    expect(isFirst, "has another exemplar than its first member");
  }
}

/** What the members of all regions are checked under. */
export interface MembershipRule {
  /** Members of all regions. */
  readonly members: number;
  /** Whether regions list their members' stream indices; else founders are unknown, -1. */
  readonly isListed: boolean;
  /** Whether regions were united, and so are not in the order of their founding. */
  readonly isMerged: boolean;
  /** Whether there is a region of one member, and so no small region was dropped in the end. */
  readonly isComplete: boolean;
}

/** Which activations of the stream the regions hold: none twice, and all unless small regions were dropped. */
export class Membership {
  /** Bits of the activations that have a region. */
  readonly #seen: Uint8Array;
  readonly #batches = new Set<number>();
  readonly #most: number;
  #last = -1;
  #lastFounder = -1;
  #lastBatch = 0;

  constructor(readonly rule: MembershipRule) {
    // Where small regions were dropped, the stream was longer than the members that are left: up to twice as long is
    // taken.
    this.#most = rule.isComplete ? rule.members : 2 * rule.members;
    this.#seen = new Uint8Array(rule.isListed ? Math.ceil(this.#most / 8) : 0);
  }

  /** Activations of the stream. */
  get activations(): number {
    return this.rule.isListed ? this.#last + 1 : this.rule.members;
  }

  /** Takes the next region's members and gives its founder and first batch. */
  add(fields: PublishedFields, count: number): { founder: number; firstBatch: number } {
    // Members are listed as they came: the first founded the region.
    let [founder, last] = [-1, -1];
    for (const index of this.rule.isListed ? fields.integers("constituent_sample_indices") : []) {
      const bit = 1 << (index % 8);
      const byte = Math.floor(index / 8);
      if (index >= this.#most || this.#seen[byte] & bit) {
        throw fields.error(`has activation ${index} as a member, which is another's or not of the stream`);
      }
      if (index <= last && !this.rule.isMerged) throw fields.error("has members that are out of order");
      this.#seen[byte] |= bit;
      last = index;
      if (founder < 0) founder = index;
      this.#last = Math.max(this.#last, index);
    }
    let [firstBatch, batches] = [Infinity, 0];
    for (const batch of fields.integers("source_iterations")) {
      if (batch >= this.#most) throw fields.error(`has members of batch ${batch}, more than there can be`);
      this.#batches.add(batch);
      firstBatch = Math.min(firstBatch, batch);
      batches++;
    }
    if (batches < 1 || batches > count) throw fields.error(`has ${count} members of ${batches} batches`);
    if (!this.rule.isMerged) {
      if (firstBatch < this.#lastBatch || (this.rule.isListed && founder <= this.#lastFounder)) {
        throw fields.error("was founded before the region that it follows");
      }
      this.#lastBatch = firstBatch;
      this.#lastFounder = founder;
    }
    return { founder, firstBatch };
  }

  /** Batches of the stream; throws if some founded and filled nothing. */
  batches(dictionary: PublishedFields): number {
    const batches = this.#batches.size;
    for (let batch = 0; batch < batches; batch++) {
      if (!this.#batches.has(batch)) throw dictionary.error(`has members of later batches but none of batch ${batch}`);
    }
    return batches;
  }
}

/**
 * Throws unless exemplars lie more than the threshold apart: each from those before it, as far back as
 * {@link COMPARISONS} allows.
 *
 * @param exemplars `regions x dim`.
 */
export function checkResolution(
  dictionary: PublishedFields,
  exemplars: Float32Array<ArrayBuffer>,
  dim: number,
  { threshold, rounding }: Pick<PublishedRule, "threshold" | "rounding">,
): void {
  const size = exemplars.length / dim;
  // A comparison takes `dim` multiplications, and each of the `size` regions has `window` of them.
  const window = Math.floor(COMPARISONS / exemplars.length);
  const row = (region: number) => exemplars.subarray(region * dim, (region + 1) * dim);
  for (let region = 1; region < size; region++) {
    for (let other = Math.max(0, region - window); other < region; other++) {
      if (1 - dot(row(region), row(other)) < threshold - EXACT - 2 * rounding) {
        throw dictionary.error(`has regions ${other} and ${region} nearer to each other than its threshold`);
      }
    }
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}
