/** Whether two builds of one stream are the same partition, and if not, whether rounding explains it. */

/** What a build comes to. */
export interface Partition {
  /** Number in the stream of the activation that founded each region. */
  readonly founders: ArrayLike<number>;
  /** Region of each activation. */
  readonly regions: ArrayLike<number>;
}

/** Activations, and what they were partitioned under. */
export interface Stream {
  /** `rows x dim`. */
  readonly data: Float32Array;
  /** Length `dim`. */
  readonly center: Float32Array;
  readonly threshold: number;
}

/** How two partitions differ. */
export interface Difference {
  /** Activations that found a region in one of them only. */
  readonly founders: number;
  /** Activations whose region has another founder. */
  readonly members: number;
  /**
   * Those of them that are no ties within float32: neither are both founders equally near, nor lies the nearer one at the
   * threshold of an activation that founds a region itself in one of the two. What follows from another founder counts here.
   */
  readonly beyondTies: number;
}

/** Cosine similarities nearer to each other than this may be ordered either way by products in float32. */
const ROUNDING = 1e-6;

/** Compares two partitions of one stream, whatever the order of their regions. */
export function differenceOf(one: Partition, other: Partition, stream: Stream): Difference {
  const [left, right] = [new Set(Array.from(one.founders)), new Set(Array.from(other.founders))];
  let [members, beyondTies] = [0, 0];
  for (let row = 0; row < one.regions.length; row++) {
    const [a, b] = [one.founders[one.regions[row]], other.founders[other.regions[row]]];
    if (a === b) continue;
    members++;
    if (!isTie(stream, row, a, b)) beyondTies++;
  }
  return { founders: left.symmetricDifference(right).size, members, beyondTies };
}

function isTie(stream: Stream, row: number, a: number, b: number): boolean {
  if (row === a || row === b) {
    // It founds a region in one of them: in the other it just lies within the threshold.
    const distance = 1 - similarity(stream, row, row === a ? b : a);
    return Math.abs(distance - stream.threshold) <= ROUNDING;
  }
  return Math.abs(similarity(stream, row, a) - similarity(stream, row, b)) <= ROUNDING;
}

/** Cosine similarity of two activations as seen from the center, in float64. */
function similarity({ data, center }: Stream, a: number, b: number): number {
  const dim = center.length;
  let [product, left, right] = [0, 0, 0];
  for (let j = 0; j < dim; j++) {
    const [x, y] = [data[a * dim + j] - center[j], data[b * dim + j] - center[j]];
    product += x * y;
    left += x * x;
    right += y * y;
  }
  return product / Math.sqrt(left * right);
}
