/** What is no hook point of a model, or of no fixed width, is refused with a sentence. */
import { assertEquals, assertLess, assertNotEquals, assertRejects } from "@std/assert";
import { ModelError } from "../../src/model/mod.ts";
import { assertSentence } from "../lib/sentence.ts";
import { PROMPTS } from "./against_loops.ts";
import { decoderWith } from "./kinds.ts";
import { withModel } from "./made_model.ts";
import { qwen35 } from "./make/qwen3_5.ts";
import { ORT_TEST } from "./toy.ts";

Deno.test({
  name: "names that nothing has, and sites without a vector a position, are refused with a sentence",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(), async (model) => {
      const steer = { direction: new Float32Array(4), alpha: 1 };
      for (const at of ["resid_psot", "/model/layers.{layer}/no/such"]) {
        for (
          const attempt of [
            () => model.withHook(at),
            () => model.capture(PROMPTS, [1], at),
            () => model.logits(PROMPTS, [{ layer: 1, at, steer }]),
          ]
        ) {
          assertSentence(
            await assertRejects(attempt, ModelError),
            `"${at}"`,
            "resid_pre, resid_mid",
            "look the name up",
          );
        }
      }
      const { residuals, width } = await model.capture(PROMPTS, [1], "pattern");
      const { data, dim } = residuals.get(1)!;
      // Two heads; of each position one row, whose weights add up to 1.
      assertEquals([dim, data!.length], [2 * width, PROMPTS.length * 2 * width * width]);
      for (let row = 0; row < data!.length; row += width) {
        const sum = data!.subarray(row, row + width).reduce((total, value) => total + value, 0);
        assertLess(Math.abs(sum - 1), 1e-5);
      }
      assertSentence(await assertRejects(() => model.withHook("pattern"), ModelError), "one activation a position");
      const at = "pattern";
      await assertRejects(() => model.logits(PROMPTS, [{ layer: 1, at, steer }]), ModelError, "something else");
      // A cache follows the prompts too, but holds heads first.
      await assertRejects(() => model.capture(PROMPTS, [1], "present.{layer}.key"), ModelError, "something else");
      const logits = { layer: 1, at: "logits", steer: { direction: new Float32Array(model.vocab), alpha: 1 } };
      await assertRejects(() => model.logits(PROMPTS, [logits]), ModelError, "would change nothing");
      const far = { layer: 1, steer: { direction: new Float32Array(model.dim).fill(1), alpha: 1e39 } };
      await assertRejects(() => model.logits(PROMPTS, [far]), RangeError, "overflows");
    }),
});

Deno.test({
  name: "a site of two widths is captured and changed a block at a time, but no model is read at it",
  ...ORT_TEST,
  fn: () =>
    withModel(qwen35(), async (model) => {
      // Linear attention and attention have different heads.
      const { residuals } = await model.capture(PROMPTS, [0, 1], "z");
      const [first, second] = [residuals.get(0)!.dim, residuals.get(1)!.dim];
      assertNotEquals(first, second);
      const error = await assertRejects(() => model.withHook("z"), ModelError);
      assertSentence(error, `${first} numbers in block 0`, `${second} in block 1`);
      assertEquals((await model.withHook("/model/layers.1/self_attn/Mul_1_output_0")).dim, second);
    }),
});
