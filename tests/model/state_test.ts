/** A model, and what it captured, after they are disposed. */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type LanguageModel, loadModel, ModelError } from "../../src/model/mod.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { ORT_TEST, TOY, valuesOf } from "./toy.ts";

const TEXT = "The cat sat.";
const SENTENCE = "Expected a model in use but found a disposed one";

/** What needs a session. */
const RUNS: Record<string, (model: LanguageModel) => Promise<unknown>> = {
  capture: (model) => model.capture([model.encode(TEXT)], [1]),
  logits: (model) => model.logits([model.encode(TEXT)]),
  generate: (model) => model.generate([model.encode(TEXT)], { maxNewTokens: 1 }),
  lens: (model) => model.lens(new Float32Array(model.streamDim).fill(1), 1),
};

for (const device of ["cpu", "webgpu"] as const) {
  const options = { ignore: device === "webgpu" && skipWebGpu, ...ORT_TEST };

  Deno.test({
    name: `a disposed model runs nothing, at any of its hooks [${device}]`,
    ...options,
    async fn() {
      const model = await loadModel(TOY, { device });
      const other = await model.withHook("attn_out");
      const expected = await model.logits([model.encode(TEXT)]);
      const running = Promise.allSettled([other.logits([model.encode(TEXT)])]);
      await model[Symbol.asyncDispose]();
      // It ends well if it had begun.
      const [ended] = await running;
      if (ended.status === "fulfilled") assertEquals(ended.value.data, expected.data);
      else assertStringIncludes(ended.reason.message, SENTENCE);
      for (const each of [model, other]) {
        for (const run of Object.values(RUNS)) {
          await assertRejects(() => run(each), ModelError, SENTENCE);
        }
        assertEquals(each.decode(each.encode(TEXT), { skipSpecial: true }), TEXT);
        await each.dispose();
      }
    },
  });

  Deno.test({
    name: `captured activations are not given out after they are disposed [${device}]`,
    ...options,
    async fn() {
      await using model = await loadModel(TOY, { device });
      const prompts = [model.encode(TEXT), model.encode("A dog.")];
      const { residuals, batch, width } = await model.capture(prompts, [1]);
      const residual = residuals.get(1)!;
      // Gives it back.
      assertEquals((await valuesOf(residual, batch * width)).length, batch * width * model.dim);
      for (const ask of [() => residual.data, () => residual.buffer]) {
        assertThrows(ask, Error, "Expected captured activations in use but found disposed ones");
      }
      assertEquals(residual.dim, model.dim);
      residual[Symbol.dispose]();
    },
  });
}
