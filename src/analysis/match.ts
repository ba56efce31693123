import type { Basis, Dictionary } from "../partition/dictionary.ts";
import { assignRows } from "./hungarian.ts";

/** The nearest counterpart of each region in another dictionary. */
export interface Counterparts {
  /** Region of the other dictionary; length `size`. */
  readonly regions: Int32Array<ArrayBuffer>;
  /** Cosine of the two directions; length `size`. */
  readonly cosines: Float32Array<ArrayBuffer>;
}

/** How the regions of two dictionaries correspond. */
export interface Matching {
  /** One-to-one matching of largest total cosine: `pairs x 2`, region of `a` then of `b`, ordered by the first. */
  readonly pairs: Int32Array<ArrayBuffer>;
  /** Cosine of each pair. */
  readonly cosines: Float32Array<ArrayBuffer>;
  /** Distance of each pair, `1 - cosine`, in units of `a`'s threshold. */
  readonly thresholdsA: Float32Array<ArrayBuffer>;
  /** The same in units of `b`'s threshold. */
  readonly thresholdsB: Float32Array<ArrayBuffer>;
  readonly total: number;
  readonly mean: number;
  readonly median: number;
  /** For each region of `a`, the nearest of `b`; several may share one. */
  readonly nearestInB: Counterparts;
  /** For each region of `b`, the nearest of `a`. */
  readonly nearestInA: Counterparts;
}

/**
 * Matches two dictionaries by the cosine of their directions. Both stand in one space (same model width); their centers
 * may differ. Needs `a.size x b.size` numbers in memory.
 *
 * @throws {RangeError} if they are of different widths.
 */
export async function match(a: Dictionary, b: Dictionary, options: { basis?: Basis } = {}): Promise<Matching> {
  if (a.dim !== b.dim) throw new RangeError(`Expected dictionaries of one width but found ${a.dim} and ${b.dim}`);
  const { basis = "mean" } = options;
  const cosines = await crossCosines(a, b, basis);
  const pairs = assignRows(cosines, a.size, b.size);
  const matched = Float32Array.from(pairs, ([i, j]) => cosines[i * b.size + j]);
  const total = matched.reduce((sum, cosine) => sum + cosine, 0);
  return {
    pairs: Int32Array.from(pairs.flat()),
    cosines: matched,
    thresholdsA: matched.map((cosine) => (1 - cosine) / a.threshold),
    thresholdsB: matched.map((cosine) => (1 - cosine) / b.threshold),
    total,
    mean: total / matched.length,
    median: median(matched),
    nearestInB: nearest(a.size, b.size, (i, j) => cosines[i * b.size + j]),
    nearestInA: nearest(b.size, a.size, (j, i) => cosines[i * b.size + j]),
  };
}

async function crossCosines(a: Dictionary, b: Dictionary, basis: Basis): Promise<Float32Array<ArrayBuffer>> {
  const { backend } = a;
  const left = backend.upload(a.directions(basis).slice(), a.size, a.dim);
  const right = backend.upload(b.directions(basis).slice(), b.size, b.dim);
  try {
    return await backend.similarities(left, right);
  } finally {
    left.dispose();
    right.dispose();
  }
}

function nearest(from: number, to: number, cosine: (i: number, j: number) => number): Counterparts {
  const regions = new Int32Array(from).fill(-1);
  const cosines = new Float32Array(from).fill(-Infinity);
  for (let i = 0; i < from; i++) {
    for (let j = 0; j < to; j++) {
      if (cosine(i, j) > cosines[i]) [regions[i], cosines[i]] = [j, cosine(i, j)];
    }
  }
  return { regions, cosines };
}

/** The middle value, or the mean of the two middle ones; NaN of none. */
export function median(values: Float32Array | Float64Array | Int32Array): number {
  const sorted = values.toSorted();
  const half = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
