import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  cacheActivations,
  describeStream,
  extract,
  type ExtractOptions,
  readActivations,
  readCorpus,
  type StreamBatch,
  type Text,
  type TokenIds,
} from "../../src/activations/mod.ts";
import { describeRow } from "../../src/activations/batch.ts";
import { encodePieces } from "../../src/activations/encode_pieces.ts";
import { assertSameReading } from "../../src/activations/source.ts";
import { loadModel } from "../../src/model/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { FakeModel } from "./fake_model.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

function streamOf(
  corpus: Iterable<Text | TokenIds>,
  options: Partial<ExtractOptions>,
  model = new FakeModel(),
): Promise<StreamBatch[]> {
  return Array.fromAsync(extract(model, corpus, { layers: [0], ...options }));
}

/** Each activation as its text's number, the token's number in the text, and the token. */
function tokensOf(batches: readonly StreamBatch[]): [text: number, token: number, letter: string][] {
  return batches.flatMap(({ batches }) => {
    const { prompts, prompt, position, token } = batches.get(0)!.provenance!;
    return Array.from(prompt, (index, row): [number, number, string] => {
      const { text, start = 0 } = prompts[index];
      return [text, start + position[row], String.fromCodePoint(token[row])];
    });
  });
}

/** The same by text, then by place: a token that came twice would still be there twice. */
const inOrder = (batches: readonly StreamBatch[]) => tokensOf(batches).sort(([a, p], [b, q]) => a - b || p - q);

const promptsOf = (batches: readonly StreamBatch[]) => batches.flatMap(({ prompts }) => prompts);

Deno.test("every token of a long text is an activation once, whatever the stride", async () => {
  const texts = ["xyz", ALPHABET, "", "0123456789"];
  const expected = texts.flatMap((text, i) => [...text].map((letter, at) => [i, at + 1, letter]));
  for (const context of [2, 3, 7, 26, 27, 28]) {
    for (let stride = 1; stride < context; stride++) {
      for (const batchPrompts of [1, 5]) {
        assertEquals(inOrder(await streamOf(texts, { context, stride, batchPrompts })), expected);
      }
    }
    assertEquals(inOrder(await streamOf(texts, { context })), expected);
  }
});

Deno.test("windows begin with <bos>, follow one another, and say where in their text they are", async () => {
  const model = new FakeModel();
  const prompts = promptsOf(await streamOf(["0123456789", "ab"], { context: 5 }, model));
  assertEquals(prompts.map(({ id, text, start = 0, tokens }) => [id, text, start, model.decode(tokens)]), [
    ["0", 0, 0, "<bos>0123"],
    ["1", 1, 0, "<bos>ab"],
    ["0", 0, 4, "<bos>4567"],
    ["0", 0, 8, "<bos>89"],
  ]);
  assert(prompts.every(({ truncated }) => !truncated));
  assertEquals(prompts.map(({ continues = false }) => continues), [true, false, true, false]);

  const overlapping = promptsOf(await streamOf(["0123456"], { context: 5, stride: 2 }, model));
  assertEquals(overlapping.map(({ tokens }) => model.decode(tokens)), ["<bos>0123", "<bos>2345", "<bos>456"]);
});

Deno.test("a batch holds as many texts as it can, whatever their lengths, and short ones in their order", async () => {
  const texts = [ALPHABET, "a", ALPHABET, ALPHABET, "b", "c", ALPHABET, "d"];
  const batches = await streamOf(texts, { context: 14, batchPrompts: 3 });
  assertEquals(batches.map(({ prompts }) => prompts.map(({ text, start = 0 }) => `${text}:${start}`).join(" ")), [
    "0:0 1:0 2:0",
    "0:13 2:13 3:0",
    "3:13 4:0 5:0",
    "6:0 7:0 6:13",
  ]);
});

Deno.test("progress counts texts that were read to their end", async () => {
  const texts = [ALPHABET, "a", ALPHABET];
  const seen: [texts: number, prompts: number][] = [];
  const onProgress = ({ texts, prompts }: { texts: number; prompts: number }) => void seen.push([texts, prompts]);
  await streamOf(texts, { context: 14, batchPrompts: 2, onProgress });
  assertEquals(seen.filter((state, i) => `${state}` !== `${seen[i - 1]}`), [[1, 2], [2, 4], [3, 5]]);
  assertEquals(seen.at(-1), [3, 5]);

  // Beside them what was read of those that were begun.
  const [short, far]: number[][] = [[], []];
  await streamOf(texts, { context: 14, batchPrompts: 2, onProgress: ({ inTexts }) => void short.push(inTexts) });
  assertEquals(short.map((count) => Math.round(count * 100) / 100).at(1), 1.52);
  await streamOf(["word ".repeat(40_000), ALPHABET], {
    context: 5000,
    batchPrompts: 2,
    onProgress: ({ inTexts }) => void far.push(inTexts),
  });
  assert(far.every((count, i) => count > 0 && count >= (far[i - 1] ?? 0)));
  assert(Math.abs(far.at(-1)! - 2) < 1e-9 && Math.abs(short.at(-1)! - 3) < 1e-9);
  // Every window about as much: a text of several pieces is estimated well.
  const steps = far.map((count, i) => count - (far[i - 1] ?? 0)).filter((step) => step > 0 && step < 1);
  assert(steps.slice(0, -1).every((step) => Math.abs(step - 0.025) < 0.005), steps.join());
});

Deno.test("without <bos> a window begins with a token of the one before, which is context only", async () => {
  const model = new FakeModel("resid_post", undefined, "never");
  const batches = await streamOf(["0123456789"], { context: 5 }, model);
  assertEquals(promptsOf(batches).map(({ tokens }) => model.decode(tokens)), ["01234", "45678", "89"]);
  assertEquals(tokensOf(batches), [..."123456789"].map((digit) => [0, Number(digit), digit]));
});

Deno.test("token ids beyond the context are read in windows too", async () => {
  const tokens = Int32Array.of(2, ...Array.from(ALPHABET, (letter) => letter.codePointAt(0)!));
  const batches = await streamOf([{ id: "ids", tokens }], { context: 8 });
  assertEquals(tokensOf(batches), [...ALPHABET].map((letter, at) => [0, at + 1, letter]));
  // The last token is beyond the first window.
  const wrong = { id: "ids", tokens: tokens.with(26, 1e6) };
  assertSentence(await assertRejects(() => streamOf([wrong], { context: 8 }), RangeError), "1000000");
});

Deno.test("a run goes on within a text: windows are skipped as they were read", async () => {
  const texts = ["ab", ALPHABET, "0123456789"];
  const options = { context: 6, stride: 3, batchPrompts: 2 };
  const whole = await streamOf(texts, options);
  for (let skipPrompts = 0; skipPrompts < whole.length * 2; skipPrompts += 2) {
    const rest = await streamOf(texts, { ...options, skipPrompts });
    const expected = whole.slice(skipPrompts / 2);
    assertEquals(rest.map(({ start, promptsBefore }) => [start, promptsBefore]), [
      ...expected.map(({ start, promptsBefore }) => [start, promptsBefore]),
    ]);
    assertEquals(rest.map(({ batches }) => batches.get(0)!.data), expected.map(({ batches }) => batches.get(0)!.data));
    assertEquals(tokensOf(rest), tokensOf(expected));
  }
});

Deno.test("a cache keeps which text its windows are of, and where", () =>
  inFolder(async (folder) => {
    const reading = { context: 6, stride: 3, batchPrompts: 2 };
    const texts = [{ id: "letters", text: ALPHABET }, { id: "few", text: "ab" }];
    const source = describeStream({ model: new FakeModel(), layer: 0, corpus: "letters", ...reading });
    const written = await Array.fromAsync(
      cacheActivations(extract(new FakeModel(), texts, { layers: [0], ...reading }), folder, source),
    );
    const read = await Array.fromAsync(readActivations(folder));
    assertEquals(tokensOf(read), tokensOf(written));
    const places = (batches: readonly StreamBatch[]) =>
      promptsOf(batches).map(({ excerpt: _, share: __, ...place }) => place);
    assertEquals(places(read), places(written));
    await assertRejects(
      () => Array.fromAsync(readActivations(folder, { expect: { stride: 5 } })),
      Error,
      "Expected activations of stride 5 but those of",
    );
  }));

Deno.test("chats are cut, and say so; of final positions a text has one", async () => {
  const chats = promptsOf(await streamOf(["0123456789", "ab"], { chat: true, context: 20 }));
  assertEquals(chats.map(({ truncated = false, text, start }) => [truncated, text, start]), [
    [true, 0, undefined],
    [false, 1, undefined],
  ]);
  const final = await streamOf(["0123456789", "ab"], { extractor: "final-position", context: 5 });
  assertEquals(promptsOf(final).map(({ truncated = false }) => truncated), [true, false]);
});

Deno.test("options of windows that make no sense are refused with a sentence", async () => {
  const refused = async (options: Partial<ExtractOptions>, ...parts: string[]) => {
    const error = await assertRejects(() => streamOf(["a"], { context: 8, ...options }), RangeError);
    assertSentence(error, ...parts);
    const source = { model: "fake", layer: 0, corpus: "letters", context: 8, ...options };
    assertEquals(assertThrows(() => describeStream(source), RangeError).message, error.message);
  };
  for (const stride of [0, 8, 2.5, NaN, -1]) await refused({ stride }, "from 1 to 7", `found ${stride}`);
  await refused({ stride: 2, windows: "first" }, "only the first window", "found 2");
  await refused({ stride: 2, chat: true }, "as in chats", "found 2");
  await refused({ windows: "all", chat: true }, "in chats");
  await refused({ windows: "all", extractor: "final-position" }, "for final positions");
  await refused({ windows: "some" as "all" }, '"some"');
});

Deno.test("streams that read long texts differently are not alike", () => {
  const source = describeStream({ model: "fake", layer: 0, corpus: "letters" });
  const first = describeStream({ model: "fake", layer: 0, corpus: "letters", windows: "first" });
  assertEquals([source.stride, first.stride], [127, undefined]);
  const error = assertThrows(() => assertSameReading(first, source), Error);
  assertSentence(error, "the first window of each", "windows that advance by 127 tokens");
});

Deno.test("a row of a window is described by its place in the text", async () => {
  const [{ batches }] = await streamOf(["0123456789"], { context: 5 });
  assertEquals(
    describeRow(batches.get(0)!, 5),
    'prompt "0", token 6, position 2 of the window from 4 ("5"), layer 0',
  );
});

Deno.test("twenty documents of 2,500 tokens and more are read to their ends, from the corpus that comes with it", async () => {
  await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
  const texts = await Array.fromAsync(readCorpus("fixtures/corpora/pile.jsonl", { where: { split: "heldout" } }));
  // Documents of as many texts as make 2,500 tokens.
  const documents: string[] = [];
  let document = "";
  for (const { text } of texts) {
    document += `${text}\n`;
    if (model.encode(document).length <= 2500) continue;
    documents.push(document);
    document = "";
    if (documents.length === 20) break;
  }
  assertEquals(documents.length, 20);
  const tokens = documents.map((text) => model.encode(text).length - 1);
  let rows = 0;
  const read: number[][] = documents.map(() => []);
  for await (using batch of extract(model, documents, { layers: [0], context: 128 })) {
    const { prompts, prompt, position } = batch.batches.get(0)!.provenance!;
    rows += prompt.length;
    prompt.forEach((index, row) => read[prompts[index].text].push((prompts[index].start ?? 0) + position[row]));
  }
  assert(rows > 50_000);
  assertEquals(read, tokens.map((count) => Array.from({ length: count }, (_, i) => i + 1)));
});

Deno.test("a text tokenized in pieces has the tokens of the whole", async () => {
  await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
  for (const name of ["pile", "code", "math", "bulgarian"]) {
    const texts = await Array.fromAsync(readCorpus(`fixtures/corpora/${name}.jsonl`));
    const text = texts.slice(0, 12).map(({ text }) => text).join("\n\n");
    for (const piece of [100, 1000, 5000]) {
      const tokens = [...encodePieces(model, text, piece)].flatMap(({ tokens }) => [...tokens]);
      assertEquals(tokens, [...model.encode(text)], `${name} in pieces of ${piece}`);
    }
  }
});

Deno.test("a text without a space is tokenized in pieces too, no letter lost", () => {
  const model = new FakeModel();
  const text = "я".repeat(1000) + "1234567890".repeat(30) + "😀".repeat(500);
  const pieces = [...encodePieces(model, text, 64)];
  assert(pieces.length > 10);
  assertEquals(model.decode(pieces.flatMap(({ tokens }) => [...tokens])), `<bos>${text}`);
});
