import { Random } from "../../compute/random.ts";

/**
 * Parts documents into those to train on and those to test on, the same share of every kind.
 *
 * @param kinds Kind of each document, such as its source.
 * @param share Share of each kind's documents that test, 0..1; at least one document of a kind is on either side.
 * @param seed Draws them.
 * @returns For each document whether it tests.
 * @throws {RangeError} if a kind has fewer than two documents.
 *
 * @example
 * ```ts
 * const tests = splitDocuments(["a", "a", "a", "a", "b", "b"], 0.25, 0);
 * if (tests.slice(0, 4).filter(Boolean).length !== 1 || tests[4] === tests[5]) throw new Error(tests.join());
 * ```
 */
export function splitDocuments(kinds: readonly string[], share: number, seed: number): boolean[] {
  if (!(share > 0 && share < 1)) throw new RangeError(`Expected a share between 0 and 1 but found ${share}`);
  const random = new Random(seed);
  const tests = new Array<boolean>(kinds.length).fill(false);
  for (const kind of new Set(kinds)) {
    const own = random.shuffle([...kinds.keys()].filter((i) => kinds[i] === kind));
    if (own.length < 2) {
      throw new RangeError(
        `Expected at least two documents of each kind but "${kind}" has one: it can only be on one side`,
      );
    }
    const count = Math.min(own.length - 1, Math.max(1, Math.round(share * own.length)));
    for (const document of own.slice(0, count)) tests[document] = true;
  }
  return tests;
}
