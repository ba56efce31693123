/** Patching: activations at chosen positions are set, in prompts and while texts are generated. */
import { assert, assertEquals, assertLess, assertNotEquals, assertRejects } from "@std/assert";
import type { Intervention, LanguageModel, Replacement } from "../../src/model/mod.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { decoderWith, quantised, withoutCache } from "./kinds.ts";
import { rowsOf, withModel } from "./made_model.ts";
import { BLOCKS, DIM, type Made, VOCAB } from "./make/layers.ts";
import { flatStream } from "./make/flat_stream.ts";
import { genaiGptOss } from "./make/genai_gpt_oss.ts";
import { halfStream } from "./make/half_stream.ts";
import { distance, type Expected, type Rows } from "./make/plain.ts";
import { assertSameBits, ORT_TEST } from "./toy.ts";

const PROMPTS = [[2, 7, 11, 30, 5, 19], [2, 9, 26], [2, 12, 6, 31]].map((ids) => Int32Array.from(ids));
const LAST = BLOCKS - 1;

/** A vector of its own for each number. */
function vector(number: number): number[] {
  return Array.from({ length: DIM }, (_, i) => 2 * Math.sin(3.7 * number + i));
}

function replacing(layer: number, positions: readonly number[], ...vectors: number[][]): Intervention {
  return { layer, replace: { positions, values: Float32Array.from(vectors.flat()) } };
}

/** Logits of the loops where the stream after `layer` is set at some positions. */
function patched(
  expected: Expected,
  prompt: ArrayLike<number>,
  layer: number,
  rows: ReadonlyMap<number, number[]>,
): Rows {
  let position = 0;
  return expected.forward(prompt, (at, x) => {
    // Positions come in order, each layer from the first.
    const here = position++ % prompt.length;
    return at === layer ? rows.get(here) ?? x : x;
  }).logits;
}

async function assertPatched(
  model: LanguageModel,
  expected: Expected,
  interventions: readonly Intervention[],
  rows: (prompt: number, length: number) => ReadonlyMap<number, number[]>,
  tolerance = 1e-4,
): Promise<void> {
  const { data, width } = await model.logits(PROMPTS, interventions);
  for (const [i, prompt] of PROMPTS.entries()) {
    const right = patched(expected, prompt, 0, rows(i, prompt.length));
    assertLess(distance(rowsOf(data, width, VOCAB, i, prompt.length), right), tolerance, `prompt ${i}`);
  }
}

const MADE: Record<string, () => Made> = {
  "torch's exporter": decoderWith,
  "rows of all prompts in one axis": flatStream,
  "genai's builder": genaiGptOss,
  "float16": halfStream,
};

for (const [name, make] of Object.entries(MADE)) {
  for (const device of ["cpu", "webgpu"] as const) {
    if (device === "webgpu" && make !== decoderWith) continue;
    Deno.test({
      name:
        `positions hold what they are set to: one vector, one a position, one a prompt and position [${name}, ${device}]`,
      ignore: device === "webgpu" && skipWebGpu,
      ...ORT_TEST,
      fn: () => {
        const made = make();
        const tolerance = make === halfStream ? 0.03 : 1e-4;
        return withModel(made, async (model) => {
          const check = (positions: number[], vectors: number[][], from: (prompt: number, at: number) => number) =>
            assertPatched(
              model,
              made.expected,
              [replacing(0, positions, ...vectors)],
              (i, length) => new Map(positions.map((p, at) => [p < 0 ? length + p : p, vectors[from(i, at)]])),
              tolerance,
            );
          await check([1, 2], [vector(1)], () => 0);
          await check([2, 0], [vector(1), vector(2)], (_, at) => at);
          await check([1, -1], [0, 1, 2, 3, 4, 5].map(vector), (i, at) => 2 * i + at);
          await check([-1, -2], [vector(1), vector(2)], (_, at) => at);
          assertNotEquals(
            (await model.logits(PROMPTS, [replacing(0, [1], vector(1))])).data,
            (await model.logits(PROMPTS)).data,
          );
        }, { device });
      },
    });
  }
}

Deno.test({
  name: "the later of two replacements wins, and both come after ablation and steering",
  ...ORT_TEST,
  fn: () => {
    const made = decoderWith();
    return withModel(made, async (model) => {
      const steer = { layer: 0, steer: { direction: Float32Array.from(vector(9)), alpha: 3 } };
      const both = [replacing(0, [1, 2], vector(1)), replacing(0, [-1], vector(2)), steer];
      const { data, width } = await model.logits(PROMPTS, both);
      for (const [i, prompt] of PROMPTS.entries()) {
        let position = 0;
        const right = made.expected.forward(prompt, (layer, x) => {
          const here = position++ % prompt.length;
          if (layer !== 0) return x;
          if (here === prompt.length - 1) return vector(2);
          return here === 1 || here === 2 ? vector(1) : x.map((value, j) => value + 3 * vector(9)[j]);
        }).logits;
        assertLess(distance(rowsOf(data, width, VOCAB, i, prompt.length), right), 1e-4, `prompt ${i}`);
      }
    });
  },
});

Deno.test({
  name: "the last block's stream of another prompt brings that prompt's logits with it",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(), async (model) => {
      const [here, other] = PROMPTS;
      const stream = (await model.capture([other], [LAST])).residuals.get(LAST)!.data!;
      const values = stream.slice(-DIM);
      const plain = await model.logits([here]);
      const moved = await model.logits([here], [{ layer: LAST, replace: { positions: [-1], values } }]);
      const before = (here.length - 1) * VOCAB;
      assertSameBits(moved.data.subarray(0, before), plain.data.subarray(0, before), "positions before");
      const right = (await model.logits([other])).data.slice(-VOCAB);
      assertLess(distance([Array.from(moved.data.subarray(before))], [Array.from(right)]), 1e-5);
      assertNotEquals(moved.data.slice(before), plain.data.slice(before));
    }),
});

Deno.test({
  name: "where prompts run one at a time each gets its own replacement",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(quantised), async (model) => {
      const vectors = PROMPTS.map((_, i) => vector(i));
      const { data, width } = await model.logits(PROMPTS, [replacing(0, [1], ...vectors)]);
      for (const [i, prompt] of PROMPTS.entries()) {
        const alone = await model.logits([prompt], [replacing(0, [1], vectors[i])]);
        assertSameBits(
          data.subarray(i * width * VOCAB, (i * width + prompt.length) * VOCAB),
          alone.data,
          `prompt ${i}`,
        );
      }
    }),
});

/** Greedy token ids of the loops, the whole text read anew at each step. */
function greedy(expected: Expected, prompt: Int32Array, steps: number, rows: ReadonlyMap<number, number[]>): number[] {
  const ids = Array.from(prompt);
  for (let step = 0; step < steps; step++) {
    const last = patched(expected, ids, 0, rows).at(-1)!;
    ids.push(last.indexOf(Math.max(...last)));
    // A stop token ends the text.
    if (ids.at(-1) === 1) return ids.slice(prompt.length, -1);
  }
  return ids.slice(prompt.length);
}

for (
  const [name, make] of Object.entries({
    "with a cache": decoderWith,
    "without": () => decoderWith(withoutCache),
  })
) {
  Deno.test({
    name: `under generate each prompt of a batch is patched as the whole text would be [${name}]`,
    ...ORT_TEST,
    fn: () => {
      const made = make();
      return withModel(made, async (model) => {
        const plain = await model.generate(PROMPTS, { maxNewTokens: 6 });
        // Within the prompt, from its end, and beyond it: of the third prompt's four tokens, the second one generated.
        const cases: [number[], (length: number) => number[]][] = [
          [[1], () => [1]],
          [[0, -1], (length) => [0, length - 1]],
          [[-2, 5], (length) => [length - 2, 5]],
          [[6, 7], () => [6, 7]],
        ];
        for (const [positions, places] of cases) {
          const vectors = PROMPTS.map((_, i) => positions.map((_, at) => vector(2 * i + at)));
          const texts = await model.generate(PROMPTS, {
            maxNewTokens: 6,
            batchSize: 2,
            interventions: [replacing(0, positions, ...vectors.flat())],
          });
          const right = PROMPTS.map((prompt, i) => {
            const rows = new Map(places(prompt.length).map((place, at) => [place, vectors[i][at]]));
            return model.decode(greedy(made.expected, prompt, 6, rows), { skipSpecial: true });
          });
          assertEquals(texts, right, `positions ${positions}`);
          assert(texts.some((text, i) => text !== plain[i]), `positions ${positions} change no text`);
          for (const [i, prompt] of PROMPTS.entries()) {
            const interventions = [replacing(0, positions, ...vectors[i])];
            assertEquals(await model.generate([prompt], { maxNewTokens: 6, interventions }), [texts[i]]);
          }
        }
      });
    },
  });
}

Deno.test({
  name: "positions that a prompt has not, and values that do not fit, are refused with a sentence",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(), async (model) => {
      const refuse = async (replace: Replacement, ...parts: string[]) =>
        assertSentence(
          await assertRejects(() => model.logits(PROMPTS, [{ layer: 1, replace }]), RangeError),
          "at resid_post of layer 1",
          ...parts,
        );
      const values = Float32Array.from(vector(1));
      await refuse({ positions: [1, 3], values }, "prompt 1 has 3 tokens", "no position 3", "their own call");
      await refuse({ positions: [-4], values }, "prompt 1 has 3 tokens", "no position -4");
      await refuse({ positions: [], values }, "whole numbers", "got []");
      await refuse({ positions: [0.5], values }, "whole numbers", "got [0.5]");
      await refuse({ positions: [0, 1], values: new Float32Array(3) }, `${DIM} values`, `${6 * DIM}`, "but got 3");
      await refuse({ positions: [0], values: values.map(() => NaN) }, "NaN or an infinity");
      // While texts grow a later position is one that will come; one before the prompt is not.
      const generate = (positions: number[]) =>
        model.generate(PROMPTS, { maxNewTokens: 2, interventions: [{ layer: 1, replace: { positions, values } }] });
      assertEquals((await generate([7])).length, PROMPTS.length);
      assertSentence(await assertRejects(() => generate([-4]), RangeError), "prompt 1 has 3 tokens");
    }),
});
