/** A model works in pieces, and a signal ends the work between two of them. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { type LanguageModel, loadModel, sameTokens } from "../../src/model/mod.ts";
import { tokensAtOnce } from "../../src/model/pieces.ts";
import { ORT_TEST, TOY_IT } from "./toy.ts";

Deno.test("a piece is about as much work whatever the model, within what memory and products of matrices ask for", () => {
  const tokens = (device: "cpu" | "webgpu", dim: number, layers: number[], streamDim = dim) =>
    tokensAtOnce({ device, dim, streamDim }, layers);
  // 30 blocks of 576 and 26 of 2304: SmolLM2-135M and Gemma 2 2B.
  assertEquals([tokens("cpu", 576, [29]), tokens("cpu", 576, [0, 14]), tokens("cpu", 2304, [25])], [287, 575, 128]);
  assertEquals(tokens("cpu", 192, [7]), 1024);
  assertEquals([tokens("webgpu", 192, [7]), tokens("webgpu", 2304, [25])], [4096, 2655]);
  // Of many layers the activations themselves are what takes memory.
  assertEquals(tokens("webgpu", 4096, [...Array(12).keys()]), 1365);
});

/** A signal that is aborted so many turns of the event loop after it is asked for. */
function after(turns: number): AbortSignal {
  const stop = new AbortController();
  const wait = (left: number) => left === 0 ? stop.abort(new Error("enough")) : setTimeout(() => wait(left - 1));
  setTimeout(() => wait(turns));
  return stop.signal;
}

Deno.test({
  name: "a signal ends captures, logits, the lens and generation before they are done",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY_IT, { device: "cpu" });
    const prompts = Array.from({ length: 120 }, (_, i) => new Int32Array(128).fill(100 + i));
    const long = (own: LanguageModel): Record<string, () => Promise<unknown>> => ({
      capture: () => own.capture(prompts, [6]),
      logits: () => own.logits(prompts.slice(0, 60)),
      lens: () => own.lens(new Float32Array(20_000 * own.streamDim).fill(1), 20_000),
      generate: () => own.generate(prompts.slice(0, 2), { maxNewTokens: 200 }),
    });
    // Sessions are opened once, so that what is timed is the work.
    await model.capture(prompts.slice(0, 1), [6]);
    for (const name of Object.keys(long(model))) {
      const start = performance.now();
      await assertRejects(() => long(model.withSignal(after(2)))[name](), Error, "enough");
      assertLess(performance.now() - start, 10_000, name);
    }
    // The model itself, and a view of it at another hook, are told nothing and stop with it.
    assertEquals(model.signal, undefined);
    const stopped = model.withSignal(AbortSignal.abort(new Error("before")));
    const other = await stopped.withHook("resid_mid");
    for (const own of [stopped, other, sameTokens(stopped, model), stopped.withSignal(new AbortController().signal)]) {
      await assertRejects(() => own.capture(prompts.slice(0, 1), [6]), Error, "before");
      await assertRejects(() => own.generate(prompts.slice(0, 1)), Error, "before");
    }
    assertEquals((await model.generate(prompts.slice(0, 1), { maxNewTokens: 1 })).length, 1);
  },
});

Deno.test({
  name: "logits of prompts in pieces are those of each prompt alone",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY_IT, { device: "cpu" });
    // More tokens than one piece holds, of lengths that differ from piece to piece.
    const prompts = Array.from({ length: 40 }, (_, i) => new Int32Array(30 + 2 * i).fill(200 + i));
    assert(prompts.length * 108 > tokensAtOnce(model, [7]));
    const { width, vocab, data } = await model.logits(prompts);
    assertEquals(width, 108);
    for (const i of [0, 17, 39]) {
      const alone = await model.logits([prompts[i]]);
      const own = data.subarray(i * width * vocab, (i * width + prompts[i].length) * vocab);
      const largest = own.reduce((most, value, k) => Math.max(most, Math.abs(value - alone.data[k])), 0);
      assertLess(largest, 1e-3, `prompt ${i}`);
    }
  },
});
