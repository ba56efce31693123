import { Random } from "../compute/random.ts";

/**
 * The entries in a random order that depends on the seed alone (Fisher and Yates). All of them are held in memory.
 *
 * @param entries A corpus, or any other finite stream.
 * @param seed Any whole number: the same seed gives the same order.
 */
export async function* shuffled<T>(entries: Iterable<T> | AsyncIterable<T>, seed: number): AsyncGenerator<T> {
  const random = new Random(seed);
  yield* random.shuffle(await Array.fromAsync(entries));
}
