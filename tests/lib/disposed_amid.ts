/** What is disposed in the middle of work: the work ends well, or by a sentence. */
import { assert, assertEquals } from "@std/assert";

const turns = (count: number) => async () => {
  for (let i = 0; i < count; i++) await undefined;
};
const milliseconds = (ms: number) => () => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** When it is disposed: at once, some promises later, and when other work has had its turn. */
const MOMENTS = [...[0, 1, 2, 3, 5, 8, 13, 21].map(turns), ...[0, 1, 4].map(milliseconds)];

/**
 * Disposes a thing at many moments of some work on it. Each time the work must give what it gives when nothing is disposed,
 * or refuse in a sentence that says what is to be in use.
 *
 * @param make A new thing, the same each time.
 * @param work Its answer must hold plain values.
 */
export async function assertAnswersOrRefuses<T extends Disposable>(
  make: () => T | Promise<T>,
  work: (thing: T) => unknown,
): Promise<void> {
  let expected: unknown;
  {
    using thing = await make();
    expected = await work(thing);
  }
  for (const moment of MOMENTS) {
    const thing = await make();
    // `async`: what throws at once has refused too.
    const running = Promise.allSettled([(async () => await work(thing))()]);
    await moment();
    thing[Symbol.dispose]();
    const [ended] = await running;
    if (ended.status === "fulfilled") assertEquals(ended.value, expected);
    else assert(/Expected an? [a-z ]+ in use but .* a disposed one/.test(ended.reason.message), ended.reason.stack);
  }
}
