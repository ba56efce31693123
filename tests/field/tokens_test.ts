/** Tokens as tokenizers in the wild give them: <bos> or none, special tokens, cuts, spaces. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { batchAt, extract, type ExtractOptions, loadModel, type Prompt } from "../../mod.ts";
import { templateOf } from "../../src/activations/mod.ts";
import type { LanguageModel } from "../../src/model/mod.ts";
import { FIXTURES, GROUPED_DIGITS, NO_BOS, SENTENCE_PIECES, sentences, withPatched } from "./models.ts";

const toy = (name = "gemma-2-toy") => loadModel(`${FIXTURES}${name}`, { device: "cpu" });
const asChat = (content: string) => [{ role: "user" as const, content }];

/** What the first batch of some texts holds. */
async function readOf(model: LanguageModel, texts: readonly string[], options: Partial<ExtractOptions> = {}) {
  const layer = options.layers?.[0] ?? 0;
  const [batch] = await Array.fromAsync(extract(model, texts, { layers: [layer], ...options }));
  const { provenance, data } = batchAt(batch, layer);
  const { position, token, prompts } = provenance!;
  return { positions: [...position], tokens: [...token], prompts, data };
}

Deno.test("no-bos: without <bos> the first token is context, and gives no activation", () =>
  withPatched(NO_BOS, async (model) => {
    const text = "The king and the queen";
    const { length } = model.encode(text);
    const { positions } = await readOf(model, [text]);
    assertEquals(positions, Array.from({ length: length - 1 }, (_, i) => i + 1));
    assertEquals((await readOf(model, ["The"])).positions, [], "a text of one token gives none");
  }));

Deno.test("own-bos, template-own-bos: a text or a template that brings its own <bos> gets one", async () => {
  await using model = await toy("gemma-2-toy-it");
  assertEquals(model.encode("<bos>The king"), model.encode("The king"));
  const tokens = [...model.encodeChat(asChat("Hello"))];
  assertEquals([tokens.filter((id) => id === 2).length, tokens[0]], [1, 2]);
});

Deno.test("special-tokens: special tokens give no activation if they are to be left out", async () => {
  await using model = await toy("gemma-2-toy-it");
  assertEquals(model.specialTokens, [0, 1, 2, 3, 4, 5]);
  const [all, rest] = await Promise.all([
    readOf(model, ["Hello there"], { chat: true }),
    readOf(model, ["Hello there"], { chat: true, excludeTokens: "special" }),
  ]);
  assertEquals(all.tokens.filter((id) => id < 6), [4, 5, 4]);
  assertEquals(rest.tokens, all.tokens.filter((id) => id >= 6));
});

Deno.test("split-letter: excerpts are of whole letters", async () => {
  await using model = await toy();
  const text = "I saw 🦜🦜 in the tree, très bien, 東京";
  const { prompts: [prompt] } = await readOf(model, [text]);
  for (let position = 1; position < prompt.tokens.length; position++) {
    const { before, token, after } = prompt.excerpt(position);
    assert(!`${before}${token}${after}`.includes("\ufffd") && text.includes(token) && token !== "", `${position}`);
  }
});

Deno.test("leading-space: a token keeps its space where a decoder takes a text's first one away", () =>
  withPatched(SENTENCE_PIECES, async (model) => {
    const { prompts: [prompt] } = await readOf(model, ["the king ran"]);
    const texts = ({ before, token, after }: ReturnType<Prompt["excerpt"]>) => [before, token, after].join("|");
    assertEquals(texts(prompt.excerpt(2)), "the| king| ran");
    assertEquals(texts(prompt.excerpt(1)), "|the| king ran");
  }));

Deno.test("padding: texts of different lengths give the same together and apart", async () => {
  await using model = await toy();
  const texts = ["The king", "A much longer text about the river, the mill and the seven boats that came home", "No"];
  const { data: together } = await readOf(model, texts, { layers: [6] });
  let start = 0;
  for (const text of texts) {
    const { data: alone } = await readOf(model, [text], { layers: [6] });
    alone.forEach((value, i) => assert(Math.abs(value - together[start + i]) < 1e-4));
    start += alone.length;
  }
});

Deno.test("cut-chat: a chat that is cut keeps the template's end, after which the model answers", async () => {
  await using model = await toy("gemma-2-toy-it");
  const text = sentences(8, 1).join(" ");
  const whole = [...model.encodeChat(asChat(text))];
  const options = { chat: true, context: 32, extractor: "final-position" } as const;
  const { tokens, positions, prompts: [prompt] } = await readOf(model, [text], options);
  assertEquals([tokens, positions], [[whole.at(-1)!], [31]]);
  const { after } = templateOf(["a", "12 + 3", "The end."].map((content) => model.encodeChat(asChat(content))));
  assertEquals([...prompt.tokens], [...whole.slice(0, 32 - after), ...whole.slice(-after)]);
  // A text too long to be looked at as a whole is cut alike.
  const long = await readOf(model, [`${text} `.repeat(50)], options);
  assertEquals(long.prompts[0].tokens, prompt.tokens);
  await assertRejects(() => readOf(model, [text], { chat: true, context: 8 }), RangeError, "of the chat template");
});

Deno.test("tokenizer-truncation: a truncation and a padding that a tokenizer was saved with are not applied", () =>
  withPatched({
    tokenizer: (json) => {
      json.truncation = { direction: "Right", max_length: 4, strategy: "LongestFirst", stride: 0 };
      json.padding = { strategy: { Fixed: 24 }, direction: "Left", pad_id: 0, pad_type_id: 0, pad_token: "<pad>" };
    },
  }, async (model) => {
    await using plain = await toy();
    const text = "The old clock on the wall stopped at noon";
    assertEquals(model.encode(text), plain.encode(text));
  }));

Deno.test("long-number: a number is cut into tokens as in its whole text", () =>
  withPatched(GROUPED_DIGITS, async (model) => {
    for (const length of [3001, 20_000]) {
      for (const text of ["1234567890".repeat(2000).slice(0, length), `See ${"9876".repeat(length >> 2)} there.`]) {
        const { prompts: [prompt] } = await readOf(model, [text], { context: 64 });
        assertEquals(prompt.tokens, model.encode(text).slice(0, 64));
      }
    }
  }));

Deno.test("beyond-positions: a context beyond the positions that config.json tells is refused", async () => {
  await using model = await toy();
  const text = sentences(60, 2).join(" ");
  await assertRejects(() => readOf(model, [text], { context: 700 }), RangeError, "at most 512 tokens");
  assertEquals((await readOf(model, [text], { context: 512, windows: "first" })).positions.length, 511);
});
