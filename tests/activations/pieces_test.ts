/** Batches are read in pieces: each is told, a signal ends the work between two, and nothing beyond a budget is run. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import {
  batchAt,
  extract,
  type ExtractOptions,
  type ExtractProgress,
  readCorpus,
  type StreamBatch,
  type Text,
} from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { type LanguageModel, loadModel } from "../../src/model/mod.ts";
import { webgpuTest } from "../lib/backends.ts";
import { FakeModel } from "./fake_model.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
/** With `<bos>` they have 4, 1, 14, 2, 3, 9 and 1 tokens. */
const TEXTS = ["abc", "", "a longer text", "x", "yz", "12345678", ""];

function batchesOf(
  texts: Iterable<Text> | AsyncIterable<Text>,
  options: Partial<ExtractOptions>,
  model = new FakeModel(),
): Promise<StreamBatch[]> {
  return Array.fromAsync(extract(model, texts, { layers: [0, 3], ...options }));
}

const valuesOf = (batches: readonly StreamBatch[], layer = 3) => batches.map((batch) => batchAt(batch, layer).data);

Deno.test("a pass holds no more tokens than are asked for, padding included, unless one prompt does", async () => {
  const whole = valuesOf(await batchesOf(TEXTS, {}));
  for (const [forwardTokens, passes] of [[1, [[14], [9], [4], [3], [2]]], [12, [[14], [9], [4, 3, 2]]]] as const) {
    const model = new FakeModel();
    assertEquals(valuesOf(await batchesOf(TEXTS, { forwardTokens }, model)), whole);
    assertEquals(model.passes, passes.map((pass) => [...pass]));
  }
});

Deno.test("progress is told after every pass and every batch, from where the stream goes on", async () => {
  const told: ExtractProgress[] = [];
  const onProgress = (state: ExtractProgress) => told.push(state);
  await batchesOf(TEXTS, { batchPrompts: 5, forwardTokens: 12, onProgress });
  assertEquals(told.map(({ texts, tokens, activations }) => [texts, tokens, activations]), [
    // Of the first batch the longest prompt comes first; the empty one is in no pass.
    ...[[1, 14, 13], [4, 23, 19], [5, 24, 19]],
    ...[[6, 33, 27], [7, 34, 27]],
  ]);
  told.length = 0;
  await batchesOf(TEXTS, { batchPrompts: 5, forwardTokens: 12, skipPrompts: 5, onProgress });
  assertEquals(told.map(({ prompts, tokens }) => [prompts, tokens]), [[5, 24], [6, 33], [7, 34]]);
});

Deno.test("of texts in windows, what was read of those under way counts as reached", async () => {
  const told: ExtractProgress[] = [];
  const long = ["a".repeat(40), "b".repeat(40), "c"];
  const options = { batchPrompts: 2, context: 11, onProgress: (state: ExtractProgress) => told.push(state) };
  await batchesOf(long, options);
  const shown = told.map(({ texts, inTexts }) => [texts, Math.round(100 * inTexts) / 100]);
  assertEquals(shown.filter((state, i) => String(state) !== String(shown[i - 1])), [
    // `<bos>` and ten letters of 41 tokens a window: four of each, both texts in turn; then the short one.
    ...[[0, 0.54], [0, 1.02], [0, 1.51], [2, 2], [3, 3]],
  ]);
});

Deno.test("a signal ends the work between two passes of a batch, and everything is given back", async () => {
  const stop = new AbortController();
  const root = new FakeModel();
  const model = root.withSignal(stop.signal);
  const options = { forwardTokens: 12, onProgress: () => stop.abort(new Error("enough")) };
  await assertRejects(() => batchesOf(TEXTS, options, model), Error, "enough");
  assertEquals(root.passes, [[14]]);
  assertEquals(root.held, 0);
});

Deno.test("a signal is heard while prompts are passed over", async () => {
  // Enough for minutes: nothing but the signal ends it.
  async function* endless() {
    while (true) yield "a text to pass over ".repeat(6);
  }
  const model = new FakeModel().withSignal(AbortSignal.timeout(200));
  await assertRejects(() => batchesOf(endless(), { skipPrompts: 1e12 }, model), DOMException, "timeout");
});

Deno.test("a budget of tokens ends the stream with the prompt that reaches it, before anything beyond is run", async () => {
  for (const [maxTokens, prompts] of [[1, 1], [4, 1], [5, 2], [6, 3], [19, 3], [20, 4], [34, 7], [1000, 7]]) {
    const model = new FakeModel();
    const batches = await batchesOf(TEXTS, { maxTokens }, model);
    assertEquals(batches.flatMap(({ prompts }) => prompts.map(({ id }) => Number(id))), [...Array(prompts).keys()]);
    const lengths = TEXTS.slice(0, prompts).map(({ length }) => length + 1).filter((length) => length > 1);
    assertEquals(model.passes.flat().sort(), lengths.sort());
  }
  // It counts from the stream's start, so that a stream that goes on ends where it would have.
  const rest = await batchesOf(TEXTS, { maxTokens: 20, skipPrompts: 2 });
  assertEquals(rest.flatMap(({ prompts }) => prompts.map(({ id }) => id)), ["2", "3"]);
});

Deno.test("a budget of activations ends the stream within a prompt", async () => {
  const [whole] = valuesOf(await batchesOf(TEXTS, {}));
  for (const maxActivations of [1, 3, 5, 16, 17, 20, 27, 1000]) {
    const model = new FakeModel();
    const [values] = valuesOf(await batchesOf(TEXTS, { maxActivations }, model));
    assertEquals(values, whole.subarray(0, Math.min(27, maxActivations) * 3));
    if (maxActivations <= 3) assertEquals(model.passes, [[4]]);
  }
  for (const wrong of [{ maxTokens: 0 }, { maxActivations: 1.5 }, { forwardTokens: 0 }]) {
    const { message } = await assertRejects(() => batchesOf(TEXTS, wrong), RangeError);
    assert(message.endsWith(`to be a whole number from 1 but found ${Object.values(wrong)[0]}`), message);
  }
});

/** The first texts of the pile in pieces of some size: the batch's values at block 5. */
async function pileInPieces(model: LanguageModel, forwardTokens?: number): Promise<Float32Array> {
  const pile = readCorpus(`${FIXTURES}corpora/pile.jsonl`, { where: { split: "heldout" } });
  const options = { layers: [5], context: 32, maxPrompts: 6, forwardTokens, backend: await openBackend(model.device) };
  const [batch] = await Array.fromAsync(extract(model, pile, options));
  using read = batch;
  return await batchAt(read, 5).values();
}

async function assertSameWhateverThePieces(device: "cpu" | "webgpu"): Promise<void> {
  await using model = await loadModel(`${FIXTURES}gemma-2-toy`, { device });
  const whole = await pileInPieces(model, 1e6);
  assert(whole.length > 0);
  for (const tokens of [1, 64, undefined]) {
    const values = await pileInPieces(model, tokens);
    const largest = values.reduce((most, value, i) => Math.max(most, Math.abs(value - whole[i])), 0);
    assertLess(largest, 1e-4, `in pieces of ${tokens ?? "the default"} tokens`);
    assertEquals(await pileInPieces(model, tokens), values);
  }
}

Deno.test("activations are the same whatever the pieces, and to the byte in the same pieces [cpu]", () =>
  assertSameWhateverThePieces("cpu"));

webgpuTest(
  "activations are the same whatever the pieces, and to the byte in the same pieces [webgpu]",
  () => assertSameWhateverThePieces("webgpu"),
);
