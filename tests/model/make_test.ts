/** The graphs of `make/` give, with onnxruntime alone, what plain loops give. */
import { assertLess } from "@std/assert";
import { distance } from "./make/plain.ts";
import { batchOf, exposed, padded, Runner } from "./make/run.ts";
import { STYLES } from "./make/styles.ts";
import { ORT_TEST } from "./toy.ts";

const PROMPT = [2, 7, 11, 30, 5, 19, 11, 8];
const SHORT = [2, 9, 26];

for (const style of STYLES) {
  const tolerance = style.half ? 0.03 : 2e-5;
  const close = (actual: number[][], expected: number[][], what: string) =>
    assertLess(distance(actual, expected), tolerance, what);

  Deno.test({
    name: `a made graph gives the logits of plain loops, whole, padded and step by step [${style.name}]`,
    ...ORT_TEST,
    async fn() {
      const { bytes, expected } = style.make();
      const runner = await Runner.open(bytes);
      const { logits } = expected.forward(PROMPT);
      close((await runner.run(batchOf(PROMPT))).logits[0], logits, "prompt");

      const short = expected.forward(SHORT).logits;
      const right = (await runner.run(padded([PROMPT, SHORT], "right"))).logits;
      close(right[0], logits, "prompt beside a shorter one");
      close(right[1].slice(0, SHORT.length), short, "prompt padded on the right");
      if (style.padsLeft ?? true) {
        const left = (await runner.run(padded([PROMPT, SHORT], "left"))).logits;
        close(left[1].slice(-SHORT.length), short, "prompt padded on the left");
      }

      if (style.cached ?? true) {
        let { cache } = await runner.run(batchOf(PROMPT.slice(0, 4)));
        for (let p = 4; p < PROMPT.length; p++) {
          const mask = [PROMPT.slice(0, p + 1).map(() => 1)];
          const step = await runner.run({ ids: [[PROMPT[p]]], mask }, cache);
          close(step.logits[0], [logits[p]], `step at position ${p}`);
          cache = step.cache;
        }
      }
      await runner.release();
    },
  });

  // A tensor of several streams is not laid out as the loops have it.
  if (style.refuse) continue;
  Deno.test({
    name: `a made graph has a tensor for the stream after each block of plain loops [${style.name}]`,
    ...ORT_TEST,
    async fn() {
      const { bytes, expected } = style.make();
      const runner = await Runner.open(exposed(bytes));
      const tensors = await runner.tensors(PROMPT);
      for (const [layer, rows] of expected.forward(PROMPT).streams.entries()) {
        const flat = rows.flat();
        const differences = [...tensors.values()].filter(({ length }) => length === flat.length)
          .map((data) => distance([Array.from(data)], [flat]));
        assertLess(Math.min(...differences), tolerance, `block ${layer}`);
      }
      await runner.release();
    },
  });
}
