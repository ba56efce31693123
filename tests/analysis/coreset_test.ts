import { assert, assertEquals, assertThrows } from "@std/assert";
import type { StreamBatch } from "../../src/activations/mod.ts";
import { Coreset, Coresets, offerFirst } from "../../src/analysis/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { hashUniform } from "../../src/compute/random.ts";
import { backendTest } from "../lib/backends.ts";

/** Stream indices as rows of one number, so that a sample says what it holds. */
const rows = (from: number, count: number) => Float32Array.from({ length: count }, (_, i) => from + i);

backendTest("a coreset is the rows of the smallest keys, whatever the batches, one in the other", async (backend) => {
  const smallest = [...Array(100).keys()].sort((a, b) => hashUniform(5, a) - hashUniform(5, b));
  for (const size of [100, 13, 1]) {
    using coreset = new Coreset(backend, 1, 10, 5);
    for (let from = 0; from < 100; from += size) {
      const count = Math.min(size, 100 - from);
      coreset.offer(backend.upload(rows(from, count), count, 1), from);
    }
    assertEquals(coreset.size, 10);
    for (const count of [10, 4, 1]) {
      using sample = coreset.take(count);
      assertEquals([...await backend.download(sample)], smallest.slice(0, count));
    }
  }
});

Deno.test("a coreset is uniform, and takes no more than it holds", async () => {
  const backend = await openBackend("cpu");
  const counts = new Int32Array(20);
  for (let seed = 0; seed < 2000; seed++) {
    const coreset = new Coreset(backend, 1, 5, seed);
    coreset.offer(backend.upload(rows(0, 20), 20, 1), 0);
    for (const index of await backend.download(coreset.take(5))) counts[index]++;
  }
  // 2000 draws of probability 1/4: 500 each, standard deviation 19.
  assert(counts.every((count) => Math.abs(count - 500) < 97), `${counts}`);
  const coreset = new Coreset(backend, 1, 5, 0);
  coreset.offer(backend.upload(rows(0, 3), 3, 1), 0);
  assertThrows(() => coreset.take(4), RangeError, "a sample of 1 to 3 directions");
  assertThrows(() => coreset.take(0), RangeError, "but found 0");
});

Deno.test("coresets of several seeds are drawn in one pass over the first activations, in whole batches", async () => {
  const backend = await openBackend("cpu");
  const batchOf = (start: number) => {
    const batch = { data: Float32Array.from([...rows(start + 1, 4)].flatMap((value) => [value, 1])), rows: 4, dim: 2 };
    return { start, batches: new Map([[6, batch]]), prompts: [], promptsBefore: 0, [Symbol.dispose]() {} };
  };
  let read = 0;
  async function* stream() {
    for (let start = 0; start < 40; start += 4) {
      read = start + 4;
      yield await Promise.resolve(batchOf(start) as unknown as StreamBatch);
    }
  }
  using first = new Coresets(backend, new Map([[6, { center: new Float32Array(2) }]]), 100, 1);
  using second = new Coresets(backend, new Map([[6, { center: new Float32Array(2) }]]), 100, 2);
  await offerFirst(stream(), [first, second], 10);
  assertEquals(read, 12);
  const taken = [first, second].map((coresets) => coresets.take(6, 50));
  assertEquals(taken.map((matrix) => matrix.rows), [12, 12], "all that are kept");
  const values = await Promise.all(taken.map((matrix) => backend.download(matrix)));
  assert(values[0].join() !== values[1].join());
  assertEquals([...values[0]].sort(), [...values[1]].sort());
  assertThrows(() => first.take(7, 1), RangeError, "a layer of the coresets but found 7");
  for (const matrix of taken) matrix.dispose();
});

backendTest("directions of another length are refused, and the sample stays as it was", async (backend) => {
  using coreset = new Coreset(backend, 1, 4, 5);
  using known = backend.upload(rows(0, 3), 3, 1);
  using wide = backend.upload(rows(0, 8), 4, 2);
  coreset.offer(known, 0);
  assertThrows(() => coreset.offer(wide, 3), RangeError, "rows of one length but found 2 and 1");
  assertEquals(coreset.size, 3);
  using sample = coreset.take(3);
  assertEquals([...await backend.download(sample)].sort(), [0, 1, 2]);
});
