import { assertKind } from "../compute/kinds.ts";
import { Random } from "../compute/random.ts";

/**
 * The entries in a random order that depends on the seed alone (Fisher and Yates). All of them are held in memory.
 *
 * @param entries A corpus, or any other finite stream.
 * @param seed Any whole number: the same seed gives the same order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const texts = ["one", "two", "three", "four"];
 * const [first, second] = [await Array.fromAsync(shuffled(texts, 7)), await Array.fromAsync(shuffled(texts, 7))];
 * assertEquals(first, second);
 * assertEquals(first.toSorted(), texts.toSorted());
 * ```
 */
export async function* shuffled<T>(entries: Iterable<T> | AsyncIterable<T>, seed: number): AsyncGenerator<T> {
  assertKind("what is shuffled", entries, "iterable");
  const random = new Random(seed);
  yield* random.shuffle(await Array.fromAsync(entries));
}
