/** What a cut graph captures is what the whole graph computes. */
import { assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { assertSameBits, DIM, largestDifference, ORT_TEST, plainTensors, prompts, TOY, valuesOf } from "./toy.ts";

const LAYERS = [0, 1, 2, 3, 4, 5, 6, 7];
const names = LAYERS.map((layer) => `/model/layers.${layer}/Add_1_output_0`);

Deno.test({
  name: "capture gives the whole graph's stream at every layer of a padded batch, bit for bit",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY, { device: "cpu" });
    const batch = prompts(model);
    const expected = await plainTensors(TOY, "cpu", batch, names);
    for (const layers of [LAYERS, [5, 2, 5], ...LAYERS.map((layer) => [layer])]) {
      const capture = await model.capture(batch, layers);
      assertEquals(capture.batch, batch.length);
      assertEquals(capture.width, Math.max(...batch.map((prompt) => prompt.length)));
      assertEquals([...capture.residuals.keys()], [...new Set(layers)].sort());
      for (const [layer, { data }] of capture.residuals) {
        assertSameBits(data!, expected[names[layer]], `layer ${layer}`);
      }
    }
  },
});

Deno.test({
  name: "padding changes nothing: a prompt's stream in a batch is its stream alone",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY, { device: "cpu" });
    const batch = prompts(model);
    const { width, residuals } = await model.capture(batch, [7]);
    const together = residuals.get(7)!.data!;
    for (const [i, prompt] of batch.entries()) {
      const alone = (await model.capture([prompt], [7])).residuals.get(7)!.data!;
      const row = together.subarray(i * width * DIM, (i * width + prompt.length) * DIM);
      assertLess(largestDifference(row, alone, [prompt], DIM), 1e-3);
    }
  },
});

Deno.test({
  name: "on WebGPU a capture stays on the process's GPU device and holds the same stream",
  ignore: skipWebGpu,
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY, { device: "webgpu" });
    const batch = prompts(model).slice(0, 2);
    const expected = await plainTensors(TOY, "cpu", batch, names);
    const capture = await model.capture(batch, [1, 3]);
    for (const [layer, residual] of capture.residuals) {
      assertEquals(residual.data, undefined);
      const values = await valuesOf(residual, capture.batch * capture.width);
      const difference = largestDifference(values, expected[names[layer]], batch, DIM);
      assertLess(difference, 1e-3);
    }
  },
});

Deno.test({
  name: "capture refuses layers that the model does not have and prompts without tokens",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY, { device: "cpu" });
    const [prompt] = prompts(model);
    await assertRejects(() => model.capture([prompt], [8]), RangeError, "Expected a layer from 0 to 7");
    await assertRejects(() => model.capture([prompt], []), RangeError, "Expected at least one layer");
    await assertRejects(() => model.capture([], [3]), RangeError, "Expected at least one prompt");
    const empty = new Int32Array(0);
    await assertRejects(() => model.capture([prompt, empty], [3]), RangeError, "prompt 1 is empty");
  },
});

Deno.test({
  name: "the lens on a final stream gives the model's own logits",
  ...ORT_TEST,
  async fn() {
    await using model = await loadModel(TOY, { device: "cpu" });
    const [, prompt] = prompts(model);
    const { residuals } = await model.capture([prompt], [7]);
    const { data, vocab } = await model.logits([prompt]);
    const found = await model.lens(residuals.get(7)!.data!, prompt.length, 3);
    assertEquals(found.length, prompt.length);
    for (const [position, tokens] of found.entries()) {
      const logits = data.subarray(position * vocab, (position + 1) * vocab);
      const ids = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]).slice(0, 3);
      assertEquals(tokens.map((token) => token.id), ids);
      for (const { id, logit, token } of tokens) {
        assertLess(Math.abs(logit - logits[id]), 1e-4);
        assertEquals(token, model.decode([id]));
      }
    }
    // More rows than the lens holds logits of at a time.
    const many = new Float32Array(4100 * DIM).fill(1);
    many.fill(-1, 4099 * DIM);
    const far = await model.lens(many, 4100, 1);
    assertEquals(far[0], far[4098]);
    assertGreater(Math.abs(far[0][0].id - far[4099][0].id), 0);
    await assertRejects(() => model.lens(new Float32Array(DIM + 1), 1), RangeError, `directions of ${DIM} numbers`);
  },
});
