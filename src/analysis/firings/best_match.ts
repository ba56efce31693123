/** How far units of two kinds fire on the same tokens: F1 of their sets of tokens (Dice's coefficient). */
import { byToken, type FiredUnits, firingCount, type Firings, firingsOf, unitCount } from "./firings.ts";
import { assignRows } from "../matching/hungarian.ts";

/** The best counterpart of a unit. */
export interface BestMatch {
  /** Counterpart; `null` if there is none: the unit fires too seldom, or shares no token with any that counts. */
  readonly unit: number | null;
  /** Tokens that fire both. */
  readonly shared: number;
  /** `2 shared / (firings of one + firings of the other)`, 0..1; `null` if the unit fires too seldom to count. */
  readonly f1: number | null;
}

/** Two units that fire on tokens in common. */
export interface Pair {
  /** Unit of the one side. */
  readonly a: number;
  /** Unit of the other. */
  readonly b: number;
  /** Tokens that fire both. */
  readonly shared: number;
  /** `2 shared / (firings of one + firings of the other)`, 0..1. */
  readonly f1: number;
}

/**
 * For each unit of either side the one of the other side with the largest F1, of equal ones the lowest. Only the units that
 * fire together are looked at: the time goes with firings of `a` times units of `b` fired at once.
 *
 * @param minimum Firings below which a unit does not count, on either side; at least 1.
 * @throws {RangeError} if the two are of streams of different lengths.
 *
 * @example
 * ```ts
 * import { partitionFirings } from "./firings.ts";
 *
 * const { ofA: [first, second] } = bestMatches(partitionFirings([0, 0, 0, 1], 2), partitionFirings([0, 0, 1, 1], 2), 1);
 * // Region 0 and feature 0 share two tokens: F1 = 2 * 2 / (3 + 2).
 * if (first.unit !== 0 || first.f1 !== 0.8 || second.unit !== 1) throw new Error(JSON.stringify([first, second]));
 * ```
 */
export function bestMatches(a: Firings, b: Firings, minimum: number): { ofA: BestMatch[]; ofB: BestMatch[] } {
  const [ofA, ofB] = [a, b].map((side) => noMatches(side, minimum));
  forEachPair(a, b, minimum, (u, v, shared, f1) => {
    // Only units that count form pairs.
    if (f1 > ofA[u].f1!) ofA[u] = { unit: v, shared, f1 };
    if (f1 > ofB[v].f1!) ofB[v] = { unit: u, shared, f1 };
  });
  return { ofA, ofB };
}

/**
 * Pairs of units, each unit in one at most, with an F1 above `cut` and the largest total F1 (Hungarian method on the units
 * that have such a partner), ordered by the first unit.
 *
 * @param minimum As for {@linkcode bestMatches}.
 * @param cut Largest F1 that does not make a pair, 0..1.
 * @throws {RangeError} if the two are of streams of different lengths.
 *
 * @example
 * ```ts
 * import { partitionFirings } from "./firings.ts";
 *
 * // Feature 0 is the best of both regions; region 0 gets it, with 3 of 4 tokens.
 * const pairs = oneToOneMatches(partitionFirings([0, 0, 0, 1], 2), partitionFirings([0, 0, 0, 0], 1), 1, 0.2);
 * if (pairs.length !== 1 || pairs[0].a !== 0 || pairs[0].f1 !== 6 / 7) throw new Error(JSON.stringify(pairs));
 * ```
 */
export function oneToOneMatches(a: Firings, b: Firings, minimum: number, cut: number): Pair[] {
  const pairs = new Map<string, Pair>();
  forEachPair(a, b, minimum, (u, v, shared, f1) => {
    if (f1 > cut) pairs.set(`${u} ${v}`, { a: u, b: v, shared, f1 });
  });
  const rows = [...new Set(pairs.values().map((pair) => pair.a))];
  const columns = [...new Set(pairs.values().map((pair) => pair.b))];
  const values = new Float32Array(rows.length * columns.length);
  rows.forEach((u, row) =>
    columns.forEach((v, column) => values[row * columns.length + column] = pairs.get(`${u} ${v}`)?.f1 ?? 0)
  );
  return assignRows(values, rows.length, columns.length)
    .map(([row, column]) => pairs.get(`${rows[row]} ${columns[column]}`))
    .filter((pair) => pair !== undefined);
}

/**
 * The units that fire on some of the given tokens, most shared tokens first, of equal ones the lowest first: into what a unit
 * of the other side is splintered.
 *
 * @param tokens Token numbers of the stream, such as {@linkcode firingsOf} gives.
 * @param fired Units of the other side by token, see {@linkcode byToken}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byToken, firingsOf, partitionFirings } from "./firings.ts";
 *
 * const [regions, features] = [partitionFirings([0, 0, 0, 1], 2), partitionFirings([0, 1, 1, 2], 3)];
 * const splinters = companions(firingsOf(regions, 0), byToken(features));
 * assertEquals(splinters, [{ unit: 1, shared: 2 }, { unit: 0, shared: 1 }]);
 * ```
 */
export function companions(tokens: Int32Array, { offsets, fired }: FiredUnits): { unit: number; shared: number }[] {
  const counts = new Map<number, number>();
  for (const token of tokens) {
    for (let i = offsets[token]; i < offsets[token + 1]; i++) counts.set(fired[i], (counts.get(fired[i]) ?? 0) + 1);
  }
  return [...counts].map(([unit, shared]) => ({ unit, shared })).sort((x, y) => y.shared - x.shared || x.unit - y.unit);
}

/** Visits the pairs of units that share a token, by unit of `a`, then of `b`. */
function forEachPair(
  a: Firings,
  b: Firings,
  minimum: number,
  visit: (u: number, v: number, shared: number, f1: number) => void,
): void {
  if (a.tokens !== b.tokens) {
    throw new RangeError(`Expected firings on the same tokens but found streams of ${a.tokens} and ${b.tokens}`);
  }
  if (!(minimum >= 1)) throw new RangeError(`Expected a minimum of at least 1 firing but found ${minimum}`);
  const { offsets, fired } = byToken(b);
  // All 0 before each unit of `a`: what it counts is put back as it is read, so that nothing goes with `units x units`.
  const shared = new Int32Array(unitCount(b));
  for (let u = 0; u < unitCount(a); u++) {
    const size = firingCount(a, u);
    if (size < minimum) continue;
    const partners: number[] = [];
    for (const token of firingsOf(a, u)) {
      for (let i = offsets[token]; i < offsets[token + 1]; i++) {
        if (shared[fired[i]]++ === 0) partners.push(fired[i]);
      }
    }
    // In order, so that of equal ones the lowest is met first.
    for (const v of partners.sort((x, y) => x - y)) {
      const other = firingCount(b, v);
      if (other >= minimum) visit(u, v, shared[v], 2 * shared[v] / (size + other));
      shared[v] = 0;
    }
  }
}

/** Units without a counterpart yet. */
function noMatches(side: Firings, minimum: number): BestMatch[] {
  return Array.from({ length: unitCount(side) }, (_, unit) => {
    return { unit: null, shared: 0, f1: firingCount(side, unit) < minimum ? null : 0 };
  });
}
