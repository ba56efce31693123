import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  atLayer,
  CorpusError,
  describeStream,
  extract,
  type ExtractOptions,
  readCorpus,
  shuffledTokens,
  type StreamBatch,
  type Text,
  type TokenIds,
  uniformTokens,
} from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { describeRow } from "../../src/activations/batch.ts";
import { assertSentence } from "../lib/sentence.ts";
import { DIM, fakeActivation, FakeModel } from "./fake_model.ts";

const TEXTS = ["abc", "", "a longer text", "x", "yz", "12345678", ""];

function batchesOf(
  corpus: Iterable<Text | TokenIds> | AsyncIterable<Text | TokenIds>,
  options: Partial<ExtractOptions>,
  model = new FakeModel(),
): Promise<StreamBatch[]> {
  return Array.fromAsync(extract(model, corpus, { layers: [0, 3], ...options }));
}

/** Checks every row of a batch against what the fake model computes for the row's prompt, position and layer. */
function assertRows(batch: StreamBatch, positionsOf: (length: number) => number[]): void {
  const expected = batch.prompts.flatMap((prompt, i) =>
    positionsOf(prompt.tokens.length).map((position) => ({ prompt: i, position, tokens: prompt.tokens }))
  );
  for (const [layer, { rows, dim, data, provenance }] of batch.batches) {
    assertEquals([rows, dim, data.length], [expected.length, DIM, expected.length * DIM]);
    assertEquals(provenance!.source?.hook.layer, layer);
    assert(provenance!.prompts === batch.prompts);
    expected.forEach(({ prompt, position, tokens }, row) => {
      assertEquals([...data.subarray(row * DIM, (row + 1) * DIM)], fakeActivation(tokens, position, layer));
      const { prompt: prompts, position: positions, token } = provenance!;
      assertEquals([prompts[row], positions[row], token[row]], [prompt, position, tokens[position]]);
    });
  }
}

const after = (first: number) => (length: number) =>
  Array.from({ length: Math.max(0, length - first) }, (_, i) => first + i);

Deno.test("per position: every position after <bos>, rows by prompt, then by position, whatever the passes", async () => {
  for (const forwardPrompts of [1, 2, 3, 100]) {
    const batches = await batchesOf(TEXTS, { forwardPrompts });
    assertEquals(batches.length, 1);
    assertRows(batches[0], after(1));
    assertEquals(batches[0].tokens, TEXTS.join("").length + TEXTS.length);
  }
});

Deno.test("activations are those of the model's hook, of the width that they have there", async () => {
  const model = await new FakeModel().withHook("z");
  assertEquals([model.dim, model.streamDim], [5, DIM]);
  const [{ batches, prompts }] = await batchesOf(TEXTS, {}, model);
  const { dim, rows, data } = batches.get(3)!;
  assertEquals([dim, data.length], [5, rows * 5]);
  assertEquals([...data.subarray(5, 10)], fakeActivation(prompts[0].tokens, 2, 3, "z"));
  assertEquals(model.root!.held, 0);
});

/** A model whose activations are not as long as it says. */
class Mistaken extends FakeModel {
  override capture(prompts: readonly Int32Array[], layers: readonly number[]) {
    return super.capture(prompts, layers, "z");
  }
}

Deno.test("activations of another length than the model tells are refused with a sentence", async () => {
  const model = new Mistaken();
  const error = await assertRejects(() => batchesOf(TEXTS, {}, model), Error);
  assertSentence(error, `length ${DIM}, as fake tells for resid_post`, "layer 0 have 5");
  assertEquals(model.held, 0);
});

Deno.test("final position: the last position of every prompt, <bos> itself where there is no other", async () => {
  const [batch] = await batchesOf(TEXTS, { extractor: "final-position", forwardPrompts: 2 });
  assertEquals(batch.batches.get(3)!.rows, TEXTS.length);
  assertRows(batch, (length) => [length - 1]);
});

Deno.test("where the first windows are asked for, prompts are cut to the context, <bos> included", async () => {
  const model = new FakeModel();
  const [batch] = await batchesOf(["abcdefgh", "ab"], { context: 4, windows: "first" }, model);
  assertEquals(batch.prompts.map((prompt) => model.decode(prompt.tokens)), ["<bos>abc", "<bos>ab"]);
  assertEquals(batch.prompts.map(({ truncated = false }) => truncated), [true, false]);
  assertRows(batch, after(1));
});

/** A model whose table of positions has five rows. */
class Short extends FakeModel {
  override readonly maxContext: number = 5;
}

Deno.test("prompts are cut to what the model can read; a context beyond that is refused before the model runs", async () => {
  const model = new Short();
  const [batch] = await batchesOf(["abcdefgh", "ab"], { windows: "first" }, model);
  assertEquals(batch.prompts.map(({ tokens }) => tokens.length), [5, 3]);
  const source = { model, layer: 0, corpus: "letters" };
  assertEquals([describeStream(source).context, describeStream({ ...source, model: "fake" }).context], [5, 128]);
  const passes = model.passes.length;
  const error = await assertRejects(() => batchesOf(["ab"], { context: 6 }, model), RangeError);
  assertSentence(error, "context of at most 5 tokens", "that fake has", "found 6", "--context 5");
  assertEquals(model.passes.length, passes);
});

Deno.test("passes hold prompts of similar lengths and every layer, and prompts without rows are not run", async () => {
  const model = new FakeModel();
  const [batch] = await batchesOf(TEXTS, { forwardPrompts: 2, layers: [2, 0, 2] }, model);
  assertEquals(model.passes, [[14, 9], [4, 3], [2]]);
  assertEquals(model.asked[0], [2, 0]);
  assertEquals([...batch.batches.keys()], [2, 0]);
  assertEquals(model.held, 0, "every residual stream is given back");
});

Deno.test("batches know where they stand in the stream, and the last may be smaller", async () => {
  const batches = await batchesOf(TEXTS, { batchPrompts: 3 });
  assertEquals(batches.map((batch) => batch.prompts.length), [3, 3, 1]);
  assertEquals(batches.map((batch) => batch.promptsBefore), [0, 3, 6]);
  assertEquals(batches.map((batch) => batch.start), [0, 16, 27]);
  assertEquals(batches.map((batch) => batch.batches.get(0)!.rows), [16, 11, 0]);
  assertEquals(batches.map((batch) => batch.tokens), [19, 14, 1]);
  for (const batch of batches) assertRows(batch, after(1));
});

Deno.test("one prompt, and one that is <bos> only", async () => {
  const [one] = await batchesOf(["q"], {});
  assertEquals(one.batches.get(0)!.rows, 1);
  const model = new FakeModel();
  const [empty] = await batchesOf([""], {}, model);
  assertEquals([empty.batches.get(0)!.rows, empty.tokens, empty.prompts.length], [0, 1, 1]);
  assertEquals(model.passes, []);
});

Deno.test("skipped prompts are not run, and the rest is as if nothing was skipped", async () => {
  const whole = await batchesOf(TEXTS, { batchPrompts: 2 });
  const model = new FakeModel();
  const rest = await batchesOf(TEXTS, { batchPrompts: 2, skipPrompts: 4 }, model);
  const plain = ({ prompts, tokens, start, promptsBefore, batches }: StreamBatch) => ({
    ids: prompts.map((prompt) => prompt.id),
    tokens,
    start,
    promptsBefore,
    data: batches.get(3)!.data,
  });
  assertEquals(rest.map(plain), whole.slice(2).map(plain));
  assertEquals(model.passes.flat().length, 2);
  assertEquals(await batchesOf(TEXTS, { skipPrompts: 7 }), []);
});

Deno.test("the stream ends after maxPrompts, skipped ones included, and reads no further", async () => {
  let read = 0;
  function* endless(): Generator<string> {
    while (true) yield `text ${read++}`;
  }
  const batches = await batchesOf(endless(), { batchPrompts: 4, skipPrompts: 2, maxPrompts: 9 });
  assertEquals(batches.map((batch) => batch.prompts.map((prompt) => prompt.id)), [["2", "3", "4", "5"], [
    "6",
    "7",
    "8",
  ]]);
  assertEquals(read, 9);
});

Deno.test("corpus entries bring their ids", async () => {
  const [batch] = await batchesOf(readCorpus([{ id: "first", text: "a" }, "b"]), {});
  assertEquals(batch.prompts.map((prompt) => prompt.id), ["first", "1"]);
});

Deno.test("chat puts each text into the model's template", async () => {
  const model = new FakeModel();
  const [batch] = await batchesOf(["hello"], { chat: true }, model);
  assertEquals(model.decode(batch.prompts[0].tokens), "<bos><user>hello<model>");
});

Deno.test("only the beginning of a long text is tokenized for its first window", async () => {
  const model = new FakeModel();
  const [batch] = await batchesOf(["я".repeat(1_000_000)], { context: 32, windows: "first" }, model);
  assertEquals(batch.prompts[0].tokens.length, 32);
  assertEquals(model.characters, 32 * 8);
});

Deno.test("with a backend the activations are there too", async () => {
  const backend = await openBackend("cpu");
  const [batch] = await batchesOf(TEXTS, { backend });
  for (const activations of batch.batches.values()) {
    const { data, rows, dim } = activations;
    const there = await activations.on(backend, async (x) => [x.rows, x.dim, await backend.download(x)]);
    assertEquals(there, [rows, dim, data]);
  }
  batch.dispose();
});

Deno.test("atLayer gives one layer and disposes each batch when the next is asked for", async () => {
  const disposed: number[] = [];
  const watched = (await batchesOf(TEXTS, { batchPrompts: 3 })).map((batch, i) => ({
    ...batch,
    dispose: () => void disposed.push(i),
  }));
  const seen: number[] = [];
  for await (const batch of atLayer(watched, 3)) {
    assertEquals(batch.provenance!.source?.hook.layer, 3);
    assertEquals(disposed.length, seen.length);
    seen.push(batch.rows);
    if (seen.length === 2) break;
  }
  assertEquals(disposed, [0, 1]);
  await assertRejects(
    () => Array.fromAsync(atLayer(watched, 7)),
    RangeError,
    "Expected one of the stream's layers 0, 3 but found 7",
  );
});

Deno.test("a row is described by prompt, position, token and layer", async () => {
  const [batch] = await batchesOf(readCorpus([{ id: "p1", text: "ab" }, { id: "p2", text: "c\n" }]), {});
  assertEquals(describeRow(batch.batches.get(3)!, 3), 'prompt "p2", position 2 ("\\n"), layer 3');
  assertEquals(
    describeRow({}, 3),
    "row 3 of a batch that does not say where its rows come from",
  );
});

Deno.test("an excerpt is 12 tokens before and 8 after, within the prompt", async () => {
  const [batch] = await batchesOf(["0123456789\nbcdefghijklmnopqrst"], {});
  const [prompt] = batch.prompts;
  assertEquals(prompt.excerpt(14), { before: "123456789\nbc", token: "d", after: "efghijkl" });
  assertEquals(prompt.excerpt(2), { before: "0", token: "1", after: "23456789" });
  assertEquals(prompt.excerpt(0), { before: "", token: "<bos>", after: "01234567" });
  assertEquals(prompt.excerpt(30).after, "");
  for (const position of [-1, 31, 1.5]) {
    const failure = await assertRejects(async () => await prompt.excerpt(position), RangeError);
    assertEquals(failure.message, `Expected a position from 0 to 30 of prompt "0" but found ${position}`);
  }
});

Deno.test("an empty corpus and options that make no sense are refused before the model runs", async () => {
  await assertRejects(() => batchesOf([], {}), CorpusError, "the corpus is empty");
  const wrong: [Partial<ExtractOptions>, string][] = [
    [{ layers: [] }, "Expected at least one layer"],
    [{ layers: [1, 4] }, "Expected a layer to be a whole number from 0 to 3 but found 4"],
    [{ context: 1 }, "Expected a context to be a whole number from 2 but found 1"],
    [{ batchPrompts: 0 }, "Expected the prompts of a batch to be a whole number from 1 but found 0"],
    [{ forwardPrompts: 1.5 }, "found 1.5"],
    [{ skipPrompts: -1 }, "found -1"],
    [{ maxPrompts: 0 }, "found 0"],
    [{ extractor: "mean" as "per-position" }, 'Expected the extractor per-position or final-position but found "mean"'],
  ];
  for (const [options, message] of wrong) await assertRejects(() => batchesOf(["a"], options), RangeError, message);
});

Deno.test("what was extracted before the corpus failed is not lost", async () => {
  const stream = extract(new FakeModel(), readCorpus(["a", "b", { text: 1 }]), { layers: [0], batchPrompts: 2 });
  assertEquals((await stream.next()).value!.prompts.length, 2);
  await assertRejects(() => stream.next(), CorpusError, "item 2 of the corpus holds 1 there");
});

Deno.test("a pass that fails ends the stream and gives everything back", async () => {
  const model = new FakeModel();
  const capture = model.capture.bind(model);
  model.capture = (prompts, layers) =>
    model.passes.length === 1 ? Promise.reject(new Error("out of memory")) : capture(prompts, layers);
  await assertRejects(() => batchesOf(TEXTS, { forwardPrompts: 2 }, model), Error, "out of memory");
  assertEquals(model.held, 0);
});

Deno.test("token ids are read as they are, cut to the context, in chats too, and may stand among texts", async () => {
  const model = new FakeModel();
  const ids = [2, 65535, 0, ...Array(20).fill(9)];
  const options = { context: 18, chat: true, repeats: "each" as const };
  const [batch] = await batchesOf(["ab", { id: "ids", tokens: ids }, { tokens: [7] }], options, model);
  assertEquals(batch.prompts.map(({ id, tokens }) => [id, ...tokens]).slice(1), [
    ["ids", ...ids.slice(0, 18)],
    ["2", 7],
  ]);
  assertRows(batch, after(1));
});

Deno.test("token ids that the model does not have are refused with a sentence that names the prompt", async () => {
  for (const [tokens, found] of [[[2, 65536], "65536"], [[-1], "-1"], [[1.5], "1.5"], [[], "none"]] as const) {
    const expected = `Expected token ids from 0 to 65535, which the model has, but prompt "0" holds ${found}`;
    await assertRejects(() => batchesOf([{ tokens }], {}), RangeError, expected);
  }
});

Deno.test("random prompts keep lengths and first tokens; shuffled ones every token", () => {
  const prompts = [{ id: "a", tokens: Int32Array.of(2, 10, 11, 12, 13, 14) }, { id: "b", tokens: Int32Array.of(2) }];
  const uniform = uniformTokens(prompts, 4096, 3);
  assertEquals(uniform.map(({ tokens }) => [tokens.length, tokens[0]]), [[6, 2], [1, 2]]);
  assertEquals(uniform, uniformTokens(prompts, 4096, 3));
  assert(uniform[0].tokens.toString() !== uniformTokens(prompts, 4096, 4)[0].tokens.toString());
  const long = [{ id: "c", tokens: new Int32Array(4000).fill(2) }];
  const counts = new Set(uniformTokens(long, 4, 0)[0].tokens as Int32Array);
  assertEquals([...counts].sort(), [0, 1, 2, 3], "every id is drawn, the first and the last too");
  const [shuffled, short] = shuffledTokens(prompts, 3);
  assertEquals([...shuffled.tokens as Int32Array].sort(), [10, 11, 12, 13, 14, 2].sort());
  assertEquals([shuffled.tokens[0], ...short.tokens as Int32Array], [2, 2]);
  assertEquals(shuffledTokens([{ id: "no <bos>", tokens: new Int32Array(0) }], 3)[0].tokens.length, 0);
});
