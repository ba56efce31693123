/**
 * Gathers what has arrived: a batch is given out when it is full, or when nothing more came for a while, so that a file
 * is read in full batches and a person typing gets an answer to each line. Holds one batch and the item after it.
 *
 * @param items What arrives; an error of theirs is thrown on.
 * @param size Items a batch at most.
 * @param patience Milliseconds to wait for a batch to fill.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const batches = await Array.fromAsync(inBatches(ReadableStream.from(["a", "b", "c"]), 2, 1000));
 * assertEquals(batches, [["a", "b"], ["c"]]);
 * ```
 */
export async function* inBatches<T>(items: AsyncIterable<T>, size: number, patience: number): AsyncGenerator<T[]> {
  const iterator = items[Symbol.asyncIterator]();
  let next = iterator.next();
  let isOver = false;
  // Whoever leaves early does not wait for what is still awaited, nor hears that it failed: the source ends behind it.
  using _ = {
    [Symbol.dispose]() {
      next.catch(() => {});
      if (!isOver) Promise.try(() => iterator.return?.()).catch(() => {});
    },
  };
  for (let first = await next; !first.done; first = await next) {
    const batch = [first.value];
    next = iterator.next();
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), patience);
    try {
      while (batch.length < size) {
        const arrived = await Promise.race([next, late.promise]);
        // What did not arrive in time is still awaited as `next`: it starts a batch later.
        if (arrived === undefined || arrived.done) break;
        batch.push(arrived.value);
        next = iterator.next();
      }
    } finally {
      clearTimeout(timer);
    }
    yield batch;
  }
  isOver = true;
}
