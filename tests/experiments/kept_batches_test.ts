import { assert, assertEquals, assertThrows } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import type { ExtractProgress, StreamBatch } from "../../src/activations/mod.ts";
import { KeptBatches } from "../../src/run/steps/kept_batches.ts";
import { type ReadPlan, streamOf } from "../../src/run/mod.ts";

const model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
Deno.test.afterAll(() => model.dispose());
const texts = Array.from({ length: 11 }, (_, i) => `The cat ${"sat on the mat and ".repeat(i)}slept.`);
const plan: ReadPlan = {
  ...{ backend: await openBackend("cpu"), model, layers: [0, 2], texts, corpus: "cats", files: [], seed: 3 },
  reading: { context: 32, batchPrompts: 4, windows: "first" },
};

interface Read {
  readonly prompts: number;
  readonly values: number[][];
}

async function read(stream: AsyncIterable<StreamBatch>, most = Infinity): Promise<Read[]> {
  const all: Read[] = [];
  for await (using batch of stream) {
    const values = [...batch.batches.values()].map(({ data }) => [...data]);
    all.push({ prompts: batch.promptsBefore, values });
    if (all.length === most) break;
  }
  return all;
}

Deno.test("a stream goes on from what was kept of it, to the byte", async () => {
  const whole = await read(streamOf(plan));
  assert(whole.length === 3);
  for (const count of [1, 2, 3]) {
    for (const skip of [0, 4, 8]) {
      const kept = new KeptBatches(2 ** 20);
      assertEquals(await read(kept.keep(plan), count), whole.slice(0, count));
      assertEquals(await read(kept.stream(plan, skip)), whole.slice(skip / 4));
    }
  }
});

Deno.test("a stream that begins within a kept batch leaves no prompt out", async () => {
  for (const skip of [2, 5]) {
    const kept = new KeptBatches(2 ** 20);
    await read(kept.keep(plan));
    assertEquals(await read(kept.stream(plan, skip)), await read(streamOf(plan, skip)));
  }
});

Deno.test("what is kept is not run again, is given once, and what does not fit is not kept", async () => {
  const states: ExtractProgress[] = [];
  let passes = 0;
  const capture = model.capture;
  using _original = { [Symbol.dispose]: () => void (model.capture = capture) };
  model.capture = (...given: Parameters<typeof capture>) => {
    passes++;
    return capture.apply(model, given);
  };
  const kept = new KeptBatches(2 ** 20);
  await read(kept.keep(plan));
  const once = passes;
  const onProgress = (state: ExtractProgress) => states.push(state);
  await read(kept.stream({ ...plan, reading: { ...plan.reading, onProgress } }, 0));
  assertEquals(passes, once);
  assertEquals(states.map(({ prompts }) => prompts), [4, 8, 11, 11]);
  await read(kept.stream(plan, 0));
  assertEquals(passes, 2 * once);

  const small = new KeptBatches(100);
  await read(small.keep(plan));
  await read(small.stream(plan, 0));
  assertEquals(passes, 4 * once);
});

Deno.test("a reader who leaves early has what was kept given up, and the next one has the whole stream", async () => {
  const whole = await read(streamOf(plan));
  const kept = new KeptBatches(2 ** 20);
  const given: StreamBatch[] = [];
  for await (const batch of kept.keep(plan)) given.push(batch);
  assertEquals(await read(kept.stream(plan, 0), 1), whole.slice(0, 1));
  // What was lent is the same as what was kept: after it nobody has any.
  for (const batch of given) assertThrows(() => batch.batches.get(0)!.data, Error, "disposed");
  assertEquals(await read(kept.stream(plan, 0)), whole);
  assertEquals(await read(kept.stream(plan, 4)), whole.slice(1));
});

Deno.test("another stream is read anew, and a budget ends where it ends without keeping", async () => {
  for (
    const other of [
      { ...plan, seed: 4 },
      { ...plan, layers: [2] },
      { ...plan, texts: [...texts].reverse() },
      { ...plan, reading: { ...plan.reading, context: 16 } },
      { ...plan, reading: { ...plan.reading, maxTokens: 90 } },
      { ...plan, reading: { ...plan.reading, maxPrompts: 6 } },
      { ...plan, reading: { ...plan.reading, maxPrompts: 8 } },
    ]
  ) {
    const kept = new KeptBatches(2 ** 20);
    await read(kept.keep(plan));
    assertEquals(await read(kept.stream(other, 0)), await read(streamOf(other)));
  }
});
