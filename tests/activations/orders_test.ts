/** Orders of streams that do not fit into memory: a buffer that shuffles, and a sample of all. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { Random } from "../../src/compute/mod.ts";
import { sampledTexts, shuffleBuffer } from "../../src/activations/mod.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

async function* streamed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

Deno.test("a shuffle buffer gives every item once, in an order of its seed", async () => {
  const order = (count: number, size: number, seed = 0) =>
    Array.fromAsync(shuffleBuffer(streamed(numbers(count)), size, seed));
  for (const [count, size] of [[0, 5], [1, 5], [5, 5], [6, 5], [500, 50], [50, 500]]) {
    const found = await order(count, size);
    assertEquals(found.toSorted((a, b) => a - b), numbers(count));
    assert(found.every((number, place) => number < place + size), "nothing comes before it has been read");
    assertEquals(await order(count, size), found);
  }
  assertEquals(await order(20, 1), numbers(20));
  assert((await order(500, 50)).join() !== (await order(500, 50, 1)).join());
  // What is near is mixed: of the first ten, few are of the stream's first ten.
  assertLess((await order(500, 100)).slice(0, 10).filter((number) => number < 10).length, 6);
  for (const size of [0, 1.5, NaN, Infinity]) await assertRejects(() => order(3, size), RangeError, "from 1");
});

Deno.test("a shuffle buffer holds no more than its size, and closes its stream", async () => {
  let [read, closed] = [0, false];
  async function* counted() {
    try {
      for (const item of numbers(100)) {
        read++;
        yield await item;
      }
    } finally {
      closed = true;
    }
  }
  let given = 0;
  for await (const _ of shuffleBuffer(counted(), 10, 0)) {
    given++;
    assert(read <= given + 10, `${read} read, ${given} given`);
    if (given === 20) break;
  }
  assertEquals([given, closed], [20, true]);
});

Deno.test("a sample is as many of the texts with the smallest numbers as its bounds allow", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(1000 + seed);
    const entries = numbers(300).map((i) => ({ text: "x".repeat(random.integer(12) ** 2), i }));
    const [texts, characters] = [1 + random.integer(40), random.integer(3000)];
    const drawn = new Random(seed);
    const order = entries.map((entry) => ({ entry, number: drawn.next() })).sort((a, b) => a.number - b.number);
    let length = 0;
    const fitting = order.findIndex(({ entry }) => (length += entry.text.length) > characters);
    const count = Math.max(1, Math.min(texts, fitting < 0 ? entries.length : fitting));
    const expected = order.slice(0, count).map(({ entry }) => entry);
    const sample = await Array.fromAsync(sampledTexts(entries, { texts, characters, seed }));
    assertEquals(
      sample.map(({ i }) => i),
      expected.map(({ i }) => i),
      `${seed}: ${texts} texts, ${characters} characters`,
    );
  }
});

Deno.test("a sample is of the whole corpus, within its bounds", async () => {
  const entries = numbers(3000).map((i) => ({ text: "x".repeat(1 + i % 7), i }));
  const sample = (texts: number, characters: number, seed = 0) =>
    Array.fromAsync(sampledTexts(streamed(entries), { texts, characters, seed }));
  const some = await sample(300, 1e6);
  assertEquals([some.length, new Set(some).size], [300, 300]);
  // Thirds of the corpus each give about a third.
  for (const third of [0, 1, 2]) {
    const share = some.filter(({ i }) => Math.floor(i / 1000) === third).length / 300;
    assertLess(Math.abs(share - 1 / 3), 0.1);
  }
  assert(some.some(({ i }, place) => place > 0 && i < some[place - 1].i), "in random order");
  assertEquals(await sample(300, 1e6), some);
  assert((await sample(300, 1e6, 1)).join() !== some.join() || some[0] !== (await sample(300, 1e6, 1))[0]);
  const short = await sample(3000, 400);
  const length = short.reduce((sum, { text }) => sum + text.length, 0);
  assert(length <= 400 && length > 380, `${length}`);
  assertEquals((await sample(5000, 1e6)).toSorted((a, b) => a.i - b.i), entries);
  assertEquals((await sample(10, 0)).length, 1);
  assertEquals(await Array.fromAsync(sampledTexts([], { texts: 3, characters: 3, seed: 0 })), []);
});
