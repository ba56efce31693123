import type { Backend } from "../../compute/backend.ts";
import { assertOptions } from "../../compute/known_options.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import type { Basis } from "../../partition/parts.ts";
import { median } from "../statistics/median.ts";
import { assignRows } from "./hungarian.ts";

/** The nearest counterpart of each region in another dictionary. */
export interface Counterparts {
  /** Region of the other dictionary; length `size`. */
  readonly regions: Int32Array<ArrayBuffer>;
  /** Cosine of the two directions; length `size`. */
  readonly cosines: Float32Array<ArrayBuffer>;
}

/** How two sets of directions correspond, one to one and each to its nearest. */
export interface DirectionMatching {
  /** One-to-one matching of largest total cosine: `pairs x 2`, row of `a` then of `b`, ordered by the first. */
  readonly pairs: Int32Array<ArrayBuffer>;
  /** Cosine of each pair. */
  readonly cosines: Float32Array<ArrayBuffer>;
  /** For each row of `a`, the nearest of `b`; several may share one. */
  readonly nearestInB: Counterparts;
  /** For each row of `b`, the nearest of `a`. */
  readonly nearestInA: Counterparts;
}

/** How the regions of two dictionaries correspond. */
export interface Matching extends DirectionMatching {
  /** Distance of each pair, `1 - cosine`, in units of `a`'s threshold. */
  readonly thresholdsA: Float32Array<ArrayBuffer>;
  /** Distance of each pair, `1 - cosine`, in units of `b`'s threshold. */
  readonly thresholdsB: Float32Array<ArrayBuffer>;
  /** Sum of the pairs' cosines. */
  readonly total: number;
  /** Mean cosine of the pairs; NaN of none. */
  readonly mean: number;
  /** Median cosine of the pairs; NaN of none. */
  readonly median: number;
}

/**
 * Matches two dictionaries by the cosine of their directions. Both stand in one space (same model width); their centers
 * may differ. Needs `a.size x b.size` numbers in memory.
 *
 * @param options `basis`: the direction that stands for a region, its exemplar or (default) the mean of its members.
 * @throws {RangeError} if they are of different widths.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const calibration = { center: new Float32Array(2), threshold: 0.1 };
 * using a = await Dictionary.create(calibration, { backend: "cpu" });
 * await a.add({ data: Float32Array.of(1, 0, 0, 1), rows: 2, dim: 2 });
 * using b = await Dictionary.create(calibration, { backend: "cpu" });
 * await b.add({ data: Float32Array.of(-1, 0, 0, 2, 3, 0), rows: 3, dim: 2 });
 * const { pairs, mean, nearestInA } = await match(a, b);
 * assertEquals([...pairs], [0, 2, 1, 1]);
 * assertEquals(mean, 1);
 * assertEquals(nearestInA.cosines[0], 0);
 * ```
 */
export async function match(a: Dictionary, b: Dictionary, options: { basis?: Basis } = {}): Promise<Matching> {
  assertOptions("match", options, { basis: "string" });
  if (a.dim !== b.dim) throw new RangeError(`Expected dictionaries of one width but found ${a.dim} and ${b.dim}`);
  const { basis = "mean" } = options;
  const matching = await matchDirections(a.backend, a.directions(basis), b.directions(basis), a.dim);
  const { cosines } = matching;
  const total = cosines.reduce((sum, cosine) => sum + cosine, 0);
  return {
    ...matching,
    thresholdsA: cosines.map((cosine) => (1 - cosine) / a.threshold),
    thresholdsB: cosines.map((cosine) => (1 - cosine) / b.threshold),
    total,
    mean: total / cosines.length,
    median: median(cosines),
  };
}

/**
 * Matches two sets of directions by their cosine; see {@linkcode match}.
 *
 * @param a Unit rows, `rows x dim`. @param b Unit rows of the same length.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 *
 * const [a, b] = [Float32Array.of(1, 0, 0.8, 0.6), Float32Array.of(1, 0, -1, 0)];
 * const { pairs, nearestInB } = await matchDirections(await openBackend("cpu"), a, b, 2);
 * if (nearestInB.regions.join() !== "0,0") throw new Error("one of b is the nearest of both");
 * if (pairs.join() !== "0,0,1,1") throw new Error("but only one can be paired with it");
 * ```
 */
export async function matchDirections(
  backend: Backend,
  a: Float32Array,
  b: Float32Array,
  dim: number,
): Promise<DirectionMatching> {
  const [rows, columns] = [a.length / dim, b.length / dim];
  using left = backend.upload(Float32Array.from(a), rows, dim);
  using right = backend.upload(Float32Array.from(b), columns, dim);
  const cosines = await backend.similarities(left, right);
  const pairs = assignRows(cosines, rows, columns);
  return {
    pairs: Int32Array.from(pairs.flat()),
    cosines: Float32Array.from(pairs, ([i, j]) => cosines[i * columns + j]),
    nearestInB: nearest(rows, columns, (i, j) => cosines[i * columns + j]),
    nearestInA: nearest(columns, rows, (j, i) => cosines[i * columns + j]),
  };
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
