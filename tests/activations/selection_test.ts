/** Which positions become activations: tokens and positions left out, and what repeats. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  batchAt,
  describeStream,
  extract,
  type ExtractOptions,
  readActivations,
  templateOf,
  writeActivations,
} from "../../src/activations/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { selectionText, Selector } from "../../src/activations/selection.ts";
import { SharedPrefixes } from "../../src/activations/shared_prefixes.ts";
import { inFolder } from "../lib/folder.ts";
import { FakeModel } from "./fake_model.ts";

const TEXTS = ["abc", "abd", "abc", "", "ab", "abcde", "xyz"];

/** Prompt, position and token of every activation. */
async function placesOf(options: Partial<ExtractOptions>, texts = TEXTS): Promise<string[]> {
  const places: string[] = [];
  const model = new FakeModel();
  for await (const batch of extract(model, texts, { layers: [0], batchPrompts: 3, ...options })) {
    const { provenance } = batchAt(batch, 0);
    const { prompts, prompt, position } = provenance!;
    prompt.forEach((p, row) => places.push(`${prompts[p].id}:${position[row]}`));
    assertEquals(batch.start + prompt.length, places.length, "the stream index counts what is given");
    batch.dispose();
  }
  return places;
}

Deno.test("how many first tokens an earlier sequence has too is that of all, looked at one by one", () => {
  const random = new Random(4);
  const sequences = Array.from(
    { length: 300 },
    () => Int32Array.from({ length: random.integer(7) }, () => random.integer(3)),
  );
  const prefixes = new SharedPrefixes();
  sequences.forEach((tokens, i) => {
    const shared = (other: Int32Array) => {
      let length = 0;
      while (length < Math.min(tokens.length, other.length) && tokens[length] === other[length]) length++;
      return length;
    };
    assertEquals(prefixes.take(tokens), Math.max(0, ...sequences.slice(0, i).map(shared)), `${i}: ${tokens}`);
  });
});

Deno.test("the same tokens give an activation once, in stream order", async () => {
  assertEquals(await placesOf({ repeats: "once" }), ["0:1", "0:2", "0:3", "1:3", "5:4", "5:5", "6:1", "6:2", "6:3"]);
  assertEquals((await placesOf({})).length, 3 + 3 + 3 + 0 + 2 + 5 + 3);
  assertEquals(await placesOf({ repeats: "each" }), await placesOf({}));
});

Deno.test("what was skipped counts as seen: the rest of a stream is as if nothing was", async () => {
  const options = { layers: [0], batchPrompts: 2, repeats: "once" as const };
  const rowsOf = async (skipPrompts: number) => {
    const batches = await Array.fromAsync(extract(new FakeModel(), TEXTS, { ...options, skipPrompts }));
    return batches.map((batch) => [batch.start, [...batchAt(batch, 0).data]]);
  };
  const all = await rowsOf(0);
  assertEquals(await rowsOf(4), all.slice(2));
});

Deno.test("a template is read off prompts, and of none there is none", () => {
  assertEquals(templateOf([Int32Array.of(2, 4, 9, 5), Int32Array.of(2, 8, 5)]), { before: 1, after: 1 });
  assertEquals(templateOf([Int32Array.of(2, 4)]), { before: 2, after: 0 });
  assertThrows(() => templateOf([]), RangeError, "Expected prompts to read a template off but found none");
});

Deno.test("chats give what repeats once unless asked, and final positions always", async () => {
  const texts = ["one", "two", "one"];
  const [prompts] = await Array.fromAsync(
    extract(new FakeModel(), texts, { layers: [0], chat: true, repeats: "each" }),
  );
  const { before } = templateOf(prompts.prompts.map(({ tokens }) => tokens));
  const once = await placesOf({ chat: true }, texts);
  assertEquals(once.filter((place) => place.startsWith("1:"))[0], `1:${before}`);
  assertEquals(once.filter((place) => place.startsWith("2:")), []);
  assertEquals((await placesOf({ chat: true, extractor: "final-position" }, texts)).length, 3);
  const source = (more: object) => describeStream({ model: new FakeModel(), layer: 0, corpus: "texts", ...more });
  assertEquals([source({}).repeats, source({ chat: true }).repeats], [undefined, "once"]);
  assertEquals(source({ chat: true, repeats: "each" }).repeats, "each");
  assertEquals(source({ ...source({ chat: true }), model: "fake" }).repeats, "once", "a source describes itself");
});

Deno.test("tokens, first positions and the template's own tokens can be left out", async () => {
  const [a, b] = ["a", "b"].map((letter) => letter.codePointAt(0)!);
  assertEquals(await placesOf({ excludeTokens: [b, a] }, ["abc", "b"]), ["0:3"]);
  assertEquals(await placesOf({ excludePositions: 3 }, ["abc", "abcde"]), ["0:3", "1:3", "1:4", "1:5"]);
  const own = await placesOf({ chat: true, excludePositions: "template" }, ["abc", "xy"]);
  assertEquals(own.map((place) => place.split(":")[0]).join(""), "00011", "the user's letters alone");
});

Deno.test("a cache keeps what was left out, and is told by it", () =>
  inFolder(async (folder) => {
    const model = new FakeModel();
    const options = { repeats: "once", excludeTokens: "special" } as const;
    const stream = () => extract(model, TEXTS, { layers: [0], batchPrompts: 3, ...options });
    const source = describeStream({ model, layer: 0, corpus: "texts", batchPrompts: 3, ...options });
    const rows = await writeActivations(`${folder}/cache`, stream(), source);
    assertEquals(rows, (await placesOf(options)).length);
    const [first] = await Array.fromAsync(readActivations(`${folder}/cache`));
    assertEquals(batchAt(first, 0).provenance!.position, Int32Array.of(1, 2, 3, 3));
    const plain = describeStream({ model, layer: 0, corpus: "texts", batchPrompts: 3 });
    await assertRejects(
      () => writeActivations(`${folder}/other`, stream(), plain),
      Error,
      "cache's extractor, per-position, but found per-position, without tokens",
    );
  }));

Deno.test("what cannot be left out is refused", async () => {
  const model = new FakeModel();
  const read = (options: object) => extract(model, ["a"], { layers: [0], ...options } as ExtractOptions).next();
  const describe = (options: object) => describeStream({ model: "fake", layer: 0, corpus: "c", ...options });
  const wrong: [object, string][] = [
    [{ extractor: "final-position", excludeTokens: [1] }, "nothing to be left out of final positions"],
    [{ excludeTokens: [-1] }, "ids of tokens to leave out"],
    [{ excludePositions: 1.5 }, 'a whole number or "template"'],
    [{ excludePositions: "template" }, "set chat"],
    [{ repeats: "twice" }, '"each" or "once"'],
  ];
  for (const [options, sentence] of wrong) {
    assertThrows(() => describeStream({ model, layer: 0, corpus: "c", ...options }), RangeError, sentence);
  }
  assertThrows(() => describe({ excludeTokens: "special" }), RangeError, "the model itself, not its name");
  assert(describe({ excludeTokens: [7, 3] }).excludeTokens!.join() === "3,7");
  await assertRejects(() => read({ repeats: "twice" }), RangeError, '"each" or "once"');
});

Deno.test("a selection is told in words, and selects by them", () => {
  const template = { before: 2, after: 1 };
  const selection = {
    extractor: "per-position",
    excludeTokens: [9],
    excludePositions: template,
    repeats: "once",
  } as const;
  assertEquals(
    selectionText(selection),
    "per-position, without tokens 9, without the chat template's tokens, the same tokens once",
  );
  const selector = new Selector(selection);
  assertEquals(selector.take({ tokens: Int32Array.of(2, 4, 9, 7, 8, 5) }), Int32Array.of(3, 4));
  assertEquals(selector.take({ tokens: Int32Array.of(2, 4, 9, 7, 6, 5) }), Int32Array.of(4));
  assertEquals(selector.take({ tokens: new Int32Array() }), new Int32Array());
});
