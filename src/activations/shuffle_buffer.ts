import { assertKind, inWords } from "../compute/kinds.ts";
import { Random } from "../compute/random.ts";

/**
 * A stream in an order that is random nearby: each item comes at random out of the `size` that wait, and the next one of the
 * stream takes its place. For streams that do not fit into memory; items that lie much further apart than `size` keep their
 * order, so that a long stream that is sorted by source is still read source by source.
 *
 * @param items Any stream; an error of its is thrown on.
 * @param size Items that are held, from 1: 1 gives the stream's own order, as many as there are a uniform one.
 * @param seed Any whole number: the same seed gives the same order.
 * @throws {RangeError} at the first step, if `size` is no whole number from 1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const numbers = Array.from({ length: 100 }, (_, i) => i);
 * const order = await Array.fromAsync(shuffleBuffer(ReadableStream.from(numbers), 10, 7));
 * assertEquals(order.toSorted((a, b) => a - b), numbers);
 * // Nothing comes before it has been read.
 * if (order.some((number, place) => number > place + 9)) throw new Error(`${order}`);
 * ```
 */
export async function* shuffleBuffer<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
  seed: number,
): AsyncGenerator<T> {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(
      `Expected the size of a shuffle buffer to be a whole number from 1 but found ${inWords(size)}`,
    );
  }
  assertKind("what is shuffled", items, "iterable");
  const random = new Random(seed);
  const waiting: T[] = [];
  for await (const item of items) {
    if (waiting.length < size) {
      waiting.push(item);
      continue;
    }
    const chosen = random.integer(size);
    yield waiting[chosen];
    waiting[chosen] = item;
  }
  yield* random.shuffle(waiting);
}
