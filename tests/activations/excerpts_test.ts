import { assert, assertEquals } from "@std/assert";
import { Excerpts } from "../../src/activations/excerpts.ts";
import { readCorpus } from "../../src/activations/mod.ts";
import { loadModel } from "../../src/model/mod.ts";

/** Decodes as Llama's does: a text's first space is dropped; letters may be split over tokens of a byte each. */
const llama = {
  vocabulary: ["<s>", " the", " cat", "s", ".", " sat", "\n", "<0xC3>", "<0xA9>", " ", "."],
  decode(tokens: ArrayLike<number>, { skipSpecial = false } = {}): string {
    const bytes: number[] = [];
    for (const token of Array.from(tokens)) {
      const text = this.vocabulary[token];
      if (text === "<s>" && skipSpecial) continue;
      bytes.push(...(text.startsWith("<0x") ? [Number(text.slice(1, -1))] : new TextEncoder().encode(text)));
    }
    return new TextDecoder().decode(Uint8Array.from(bytes)).replace(/^ /, "");
  },
};

/** Cleans up spaces before full stops: what a token adds depends on what follows. */
const cleaning = {
  decode: (tokens: ArrayLike<number>, options = {}) => llama.decode(tokens, options).replaceAll(" .", "."),
};

Deno.test("excerpts from texts of tokens are those that are decoded in place", () => {
  const prompts = [
    [0, 1, 2, 3, 4, 1, 2, 5, 6, 1, 2, 7, 8, 3, 4, 1, 2, 5, 4, 1, 2, 3, 5, 4, 6, 6, 1, 2, 5, 9, 10],
    [0, 7, 8, 7, 8, 1, 2, 5, 4, 1, 2, 3, 5, 4, 6, 6, 1, 2, 5, 9, 10, 1, 2, 3, 4, 4, 3, 2, 1, 7],
    [1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    [2],
    [0],
  ];
  for (const tokenizer of [llama, cleaning]) {
    for (const prompt of prompts) {
      const excerpts = new Excerpts(Int32Array.from(prompt), tokenizer);
      prompt.forEach((_, position) => assertEquals(excerpts.at(position), excerpts.decoded(position)));
    }
  }
});

Deno.test("excerpts of the embedded corpus are those that are decoded in place, and decode next to nothing", async () => {
  await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
  const texts = (await Array.fromAsync(readCorpus("fixtures/corpora/pile.jsonl"))).slice(0, 40);
  let decoded = 0;
  const counting = {
    decode: (...given: Parameters<typeof model.decode>) => {
      decoded++;
      return model.decode(...given);
    },
  };
  let count = 0;
  for (const { text } of [...texts, { text: "naïve 日本語 😀 and so on 😀😀, é." }]) {
    const tokens = model.encode(text, 100);
    const excerpts = new Excerpts(tokens, counting);
    const before = decoded;
    const joined = Array.from(tokens, (_, position) => excerpts.at(position));
    if (!text.includes("😀")) count += decoded - before;
    joined.forEach((excerpt, position) => assertEquals(excerpt, excerpts.decoded(position)));
  }
  assert(count < 4000, `${count} times`);
});
