import { smallest } from "../../compute/long_lists.ts";
import { Random } from "../../compute/random.ts";

/**
 * Draws as many things of every class, without repeats: the accuracy of telling any one class for all is then `1 /
 * classes`.
 *
 * @param labels Class of each thing; negative ones have none and are never drawn.
 * @param classes Number of classes.
 * @param candidates Numbers of the things to draw from.
 * @param most Things at most, of all classes together.
 * @returns Their numbers, ascending.
 * @throws {RangeError} if a class has no candidate.
 *
 * @example
 * ```ts
 * const rows = balancedRows([0, 0, 0, 1, -1, 1], 2, [0, 1, 2, 3, 4], 4, 0);
 * if (rows.length !== 2 || rows[1] !== 3) throw new Error(`one of each class: ${rows}`);
 * ```
 */
export function balancedRows(
  labels: ArrayLike<number>,
  classes: number,
  candidates: ArrayLike<number>,
  most: number,
  seed: number,
): Int32Array<ArrayBuffer> {
  const byClass = Array.from({ length: classes }, (): number[] => []);
  // A negative label is the index of nothing.
  for (let i = 0; i < candidates.length; i++) byClass[labels[candidates[i]]]?.push(candidates[i]);
  const fewest = Math.min(smallest(byClass.map(({ length }) => length)), Math.floor(most / classes));
  if (fewest === 0) {
    const empty = byClass.findIndex(({ length }) => length === 0);
    throw new RangeError(
      `Expected rows of each of ${classes} classes but found ${
        empty < 0 ? `room for ${most} rows` : `none of ${empty}`
      }`,
    );
  }
  const random = new Random(seed);
  return Int32Array.from(byClass.flatMap((rows) => random.shuffle(rows).slice(0, fewest))).sort();
}
