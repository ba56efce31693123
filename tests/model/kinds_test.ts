/** LLaMA's decoder as exports of other kinds have it is read all the same, or refused with a sentence. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { loadModel, ModelError } from "../../src/model/mod.ts";
import { assertSentence } from "../lib/sentence.ts";
import { assertAsLoops, PROMPTS } from "./against_loops.ts";
import {
  bidirectionalBlock,
  decoderWith,
  lastLogits,
  merged,
  ofEmbeddings,
  ofInt32,
  ofOnePrompt,
  parallelBlock,
  quantised,
  reshapedBlock,
  threePositions,
  withoutCache,
  withoutMask,
  withoutNames,
  withSums,
} from "./kinds.ts";
import { inModelFolder, type MadeModel, withModel } from "./made_model.ts";
import { BLOCKS, DIM, type Made, VOCAB } from "./make/layers.ts";
import { assertSameBits, ORT_TEST } from "./toy.ts";

/** A config.json that says another vocabulary than the graph has. */
function sayingVocabulary(size: number): Made {
  const made = decoderWith();
  return { ...made, config: { ...made.config, vocab_size: size } };
}

const KINDS: Record<string, () => Made & MadeModel> = {
  "parallel blocks": () => decoderWith(undefined, parallelBlock),
  "parallel blocks without names": () => decoderWith(withoutNames, parallelBlock),
  "parallel blocks without names and cache": () =>
    decoderWith((g) => (withoutCache(g), withoutNames(g)), parallelBlock),
  "blocks without names": () => decoderWith(withoutNames),
  "blocks without names and cache": () => decoderWith((graph) => (withoutCache(graph), withoutNames(graph))),
  "a reshape between the sums": () => decoderWith(undefined, reshapedBlock),
  "a reshape between the sums, without names": () => decoderWith(withoutNames, reshapedBlock),
  "a merged decoder": () => decoderWith(merged),
  "embeddings made by a graph of their own": ofEmbeddings,
  "32-bit token ids": () => decoderWith(ofInt32),
  "three rows of position ids": threePositions,
  "no attention mask": () => decoderWith(withoutMask),
  "one prompt at a time": () => decoderWith(ofOnePrompt),
  "Sum for Add": () => decoderWith(withSums),
  "a padding token that the model has not": () => {
    const made = decoderWith();
    return { ...made, config: { ...made.config, pad_token_id: 99_999 } };
  },
  "no cache": () => decoderWith(withoutCache),
  "logits of the last position only": () => decoderWith(lastLogits),
  "logits of the last position only, no cache": () => decoderWith((graph) => (withoutCache(graph), lastLogits(graph))),
  "a config that says a smaller vocabulary": () => sayingVocabulary(VOCAB - 9),
  "a config that says a larger vocabulary": () => sayingVocabulary(VOCAB + 9),
};

for (const [name, make] of Object.entries(KINDS)) {
  Deno.test({
    name: `an export is read, changed and generated from as plain loops are [${name}]`,
    ...ORT_TEST,
    async fn() {
      const made = make();
      await withModel(made, (model) => assertAsLoops(model, made.expected));
    },
  });
}

Deno.test({
  name: "parallel blocks have no stream between attention and feed-forward part",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(withoutNames, parallelBlock), async (model) => {
      const error = await assertRejects(() => model.capture(PROMPTS, [1], "resid_mid"), ModelError);
      assertSentence(error, "block 1 to have resid_mid", "at once", "attn_out, mlp_out");
    }),
});

Deno.test({
  name: "a graph that quantises as it runs reads prompts one at a time, and says so",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(quantised), async (model) => {
      assertEquals(model.notes.length, 1);
      assert(model.notes[0].includes("one at a time"), model.notes[0]);
      const layers = [0, BLOCKS - 1];
      const steered = [{ layer: 0, steer: { direction: new Float32Array(DIM).fill(1), alpha: 2 } }];
      const { residuals, width } = await model.capture(PROMPTS, layers);
      const [logits, changed] = [await model.logits(PROMPTS), await model.logits(PROMPTS, steered)];
      assertNotEquals(logits.data, changed.data);
      for (const [i, prompt] of PROMPTS.entries()) {
        const part = (data: Float32Array, dim: number) =>
          data.subarray(i * width * dim, (i * width + prompt.length) * dim);
        const alone = (await model.capture([prompt], layers)).residuals;
        for (const layer of layers) assertSameBits(part(residuals.get(layer)!.data!, DIM), alone.get(layer)!.data!);
        assertSameBits(part(logits.data, VOCAB), (await model.logits([prompt])).data);
        assertSameBits(part(changed.data, VOCAB), (await model.logits([prompt], steered)).data);
      }
      const together = await model.generate(PROMPTS, { maxNewTokens: 4 });
      const alone: string[] = [];
      for (const prompt of PROMPTS) alone.push(...await model.generate([prompt], { maxNewTokens: 4 }));
      assertEquals(together, alone);

      const last = residuals.get(BLOCKS - 1)!.data!;
      const two = await model.lens(last.slice(0, 2 * DIM), 2, 3);
      assertEquals(two, [
        ...await model.lens(last.slice(0, DIM), 1, 3),
        ...await model.lens(last.slice(DIM, 2 * DIM), 1, 3),
      ]);
    }),
});

Deno.test({
  name: "token ids that the model has not are refused before anything runs",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(), async (model) => {
      for (const id of [-1, VOCAB]) {
        const prompts = [PROMPTS[0], Int32Array.of(2, id)];
        for (
          const call of [() => model.capture(prompts, [0]), () => model.logits(prompts), () => model.generate(prompts)]
        ) {
          assertSentence(await assertRejects(call, RangeError), `from 0 to ${VOCAB - 1}`, `prompt 1 holds ${id}`);
        }
      }
    }),
});

Deno.test({
  name: "a generation config changes where texts end and nothing else, and that is told when a text is generated",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(), async (model, folder) => {
      const greedy = await model.generate(PROMPTS, { maxNewTokens: 5 });
      assertEquals(model.notes, []);
      const all = Array.from({ length: model.vocab }, (_, id) => id);
      const suppressed = all.filter((id) => id !== 7);
      // What is set, and what of it is not told, as it would not change a greedy text.
      const settings: [Record<string, unknown>, ...string[]][] = [
        [
          { repetition_penalty: 1.3, return_dict_in_generate: true, num_return_sequences: 2 },
          "return_dict_in_generate",
        ],
        [{ do_sample: true, temperature: 5, top_k: 0 }],
        [{ no_repeat_ngram_size: 1 }],
        [{ suppress_tokens: suppressed }],
        [{ begin_suppress_tokens: suppressed }],
        [{ forced_bos_token_id: 7, forced_eos_token_id: 7 }],
        [{ bad_words_ids: all.map((id) => [id]) }],
        [{ min_length: 100, min_new_tokens: 100 }],
        [{ num_beams: 4, guidance_scale: 3 }],
        [
          { do_sample: false, temperature: 0.1, repetition_penalty: 1 },
          "do_sample",
          "temperature",
          "repetition_penalty",
        ],
        [{ max_length: 1, max_new_tokens: 1, max_time: 0 }, "max_length", "max_new_tokens", "max_time"],
      ];
      // config.json held them once.
      for (const name of ["generation_config.json", "config.json"]) {
        const path = `${folder}/${name}`;
        const before = JSON.parse(await Deno.readTextFile(path).catch(() => "{}"));
        for (const [each, ...untold] of settings) {
          await Deno.writeTextFile(path, JSON.stringify({ ...before, ...each }));
          await using set = await loadModel(folder, { device: "cpu" });
          assertEquals(set.notes, []);
          assertEquals(await set.generate(PROMPTS, { maxNewTokens: 5 }), greedy, JSON.stringify(each));
          const told = set.notes.join();
          for (const key of Object.keys(each)) assertEquals(told.includes(key), !untold.includes(key), key);
        }
        await Deno.writeTextFile(path, JSON.stringify(before));
      }
    }),
});

Deno.test({
  name: "texts end at each of the ids that a generation config says, which must be ids",
  ...ORT_TEST,
  fn: () =>
    withModel(decoderWith(), async (model, folder) => {
      const [prompt] = PROMPTS;
      const path = `${folder}/generation_config.json`;
      const [greedy] = await model.generate([prompt], { maxNewTokens: 5 });
      const ends = Array.from(model.encode(greedy)).filter((id) => !model.specialTokens.includes(id));
      await Deno.writeTextFile(path, JSON.stringify({ eos_token_id: [model.vocab - 1, ...ends] }));
      await using set = await loadModel(folder, { device: "cpu" });
      assertEquals(await set.generate([prompt], { maxNewTokens: 5 }), [""]);
      for (const eos_token_id of ["</s>", [1, "2"], 1.5, {}]) {
        await Deno.writeTextFile(path, JSON.stringify({ eos_token_id }));
        await assertRejects(() => loadModel(folder, { device: "cpu" }), ModelError, "eos_token_id");
      }
    }),
});

const REFUSED: Record<string, [() => MadeModel, ...string[]]> = {
  "an encoder's attention": [() => decoderWith(undefined, bidirectionalBlock), "Expected a decoder", "encoders"],
  "no logits": [
    () =>
      decoderWith((graph) => {
        withoutCache(graph);
        graph.node.at(-1)!.output[0] = graph.output[0].name = "last_hidden_state";
      }),
    "decoder-only",
    "without an unembedding",
  ],
  "embeddings that nobody makes": [() => ({ ...ofEmbeddings(), others: {} }), "embed_tokens.onnx", "fetch it too"],
  "an input that is not of text": [
    () => decoderWith((graph) => graph.input.push({ ...graph.input[0], name: "pixel_values" })),
    '"pixel_values"',
    "decoder-only",
  ],
};

for (const [name, [make, ...parts]] of Object.entries(REFUSED)) {
  Deno.test({
    name: `an export is refused with a sentence [${name}]`,
    ...ORT_TEST,
    fn: () =>
      inModelFolder(make(), async (folder) => {
        assertSentence(await assertRejects(() => loadModel(folder, { device: "cpu" }), ModelError), ...parts);
      }),
  });
}
