import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { atLayer, describeStream, extract } from "../../src/activations/mod.ts";
import { conformalThreshold, Monitor } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { Dictionary, type DictionaryCalibration } from "../../src/partition/mod.ts";
import { fakeActivation, FakeModel } from "../activations/fake_model.ts";

Deno.test("a conformal threshold is the rank that it must be, and needs enough scores", () => {
  const scores = Array.from({ length: 99 }, (_, i) => 99 - i);
  assertEquals([0.01, 0.1, 0.5].map((rate) => conformalThreshold(scores, rate)), [99, 90, 50]);
  assertEquals(conformalThreshold([4, 1, 3, 2], 0.2), 4);
  assertThrows(() => conformalThreshold(scores.slice(1), 0.01), RangeError, "at least 99 scores");
  for (const rate of [0, 1, NaN]) assertThrows(() => conformalThreshold(scores, rate), RangeError, `found ${rate}`);
});

Deno.test("new scores exceed a conformal threshold as often as asked for", () => {
  const random = new Random(3);
  let alarms = 0;
  for (let run = 0; run < 4000; run++) {
    const threshold = conformalThreshold(Array.from({ length: 39 }, () => random.normal()), 0.1);
    if (random.normal() > threshold) alarms++;
  }
  // 400 expected, standard deviation 19.
  assert(Math.abs(alarms - 400) < 76, `${alarms}`);
});

const CENTER = Float32Array.of(50, 1, 100);

/** The distance of a token to one exemplar, in float64. */
function distanceTo(exemplar: readonly number[], tokens: Int32Array, position: number): number {
  const unit = (x: number[]) => x.map((value) => value / Math.hypot(...x));
  const direction = unit(fakeActivation(tokens, position, 1).map((value, j) => value - CENTER[j]));
  return 1 - direction.reduce((dot, value, j) => dot + value * exemplar[j], 0);
}

/** A dictionary of the fake model's layer 1 with regions along the first axis, the last, and in chats the second. */
async function dictionaryOf(chat: boolean): Promise<Dictionary> {
  const source = describeStream({ model: "fake", layer: 1, corpus: "none", chat });
  const dictionary = await Dictionary.create({ center: CENTER, threshold: 0.5, source }, { backend: "cpu" });
  const data = Float32Array.of(51, 1, 100, 50, 1, 101, ...(chat ? [50, 2, 100] : []));
  await dictionary.add({ data, rows: data.length / 3, dim: 3 });
  return dictionary;
}

Deno.test("a verdict is of the prompt's own tokens, and of the region that its final token lies in", async () => {
  const model = new FakeModel();
  const dictionary = await dictionaryOf(false);
  const handles = new Map([["sink", new Set([1])], ["other", new Set([0])]]);
  const monitor = await Monitor.create({ model, dictionary, threshold: 0.3, handles });
  const texts = ["abcz", "", "q"];
  const verdicts = await monitor.read(texts);
  assertEquals(model.held, 0, "every residual stream is given back");
  assertEquals(verdicts[1], {
    tokens: 1,
    truncated: false,
    distance: null,
    beyond: null,
    region: null,
    farthest: null,
    alarms: [],
  });
  for (const [i, text] of texts.entries()) {
    if (text === "") continue;
    const tokens = model.encode(text);
    const both = [...text].map((_, at) => [[1, 0, 0], [0, 0, 1]].map((axis) => distanceTo(axis, tokens, at + 1)));
    const distances = both.map((pair) => Math.min(...pair));
    const mean = distances.reduce((a, b) => a + b) / distances.length;
    const { distance, beyond, region, farthest, alarms } = verdicts[i];
    assertAlmostEquals(distance!, mean, 1e-5);
    assertEquals(beyond, distances.filter((d) => d > 0.5).length / distances.length);
    const final = both.at(-1)!;
    assertEquals(region, final[0] <= final[1] ? 0 : 1);
    const most = Math.max(...distances);
    assertAlmostEquals(farthest!.distance, most, 1e-5);
    assertEquals(farthest!.token, text[distances.indexOf(most)]);
    assertEquals(alarms, [...(mean > 0.3 ? ["ood"] : []), region === 1 ? "sink" : "other"]);
  }
  assertEquals(await monitor.read([]), []);
});

Deno.test("prompts without <bos> are told apart, also where one has no token at all", async () => {
  const model = new FakeModel("resid_post", undefined, "never");
  const source = describeStream({ model, layer: 1, corpus: "none" });
  const dictionary = await Dictionary.create({ center: CENTER, threshold: 0.5, source }, { backend: "cpu" });
  await dictionary.add({ data: Float32Array.of(51, 1, 100), rows: 1, dim: 3 });
  const monitor = await Monitor.create({ model, dictionary });
  const texts = ["", "abcz", "q", "", "xyz"];
  const alone = await Promise.all(texts.map((text) => monitor.read([text])));
  assertEquals(await monitor.read(texts), alone.flat());
  assertEquals(alone.flat().map(({ tokens, farthest }) => [tokens, farthest !== null]), [
    ...[[0, false], [4, true], [1, false], [0, false], [3, true]],
  ]);
});

Deno.test("a monitor reads the model where the dictionary was built, whatever the model's own hook is", async () => {
  const source = describeStream({ model: "fake", layer: 1, at: "z", corpus: "none" });
  const dictionary = await Dictionary.create({ center: new Float32Array(5), threshold: 0.5, source }, {
    backend: "cpu",
  });
  await dictionary.add({ data: Float32Array.of(0, 0, 1, 0, 0), rows: 1, dim: 5 });
  const model = new FakeModel();
  const [verdict] = await (await Monitor.create({ model, dictionary })).read(["a"]);
  const z = fakeActivation(model.encode("a"), 1, 1, "z");
  assertAlmostEquals(verdict.distance!, 1 - z[2] / Math.hypot(...z), 1e-6);
  const elsewhere = { ...source, hook: { layer: 1, at: "router" } };
  const other = await Dictionary.create({ center: CENTER, threshold: 0.5, source: elsewhere }, { backend: "cpu" });
  await assertRejects(() => Monitor.create({ model, dictionary: other }), Error, "but got router");
});

Deno.test("the template's tokens and their regions do not count for the distance, but the final one has its", async () => {
  const model = new FakeModel();
  const dictionary = await dictionaryOf(true);
  const chat = (content: string) => model.encodeChat([{ role: "user", content }]);
  const own = (tokens: Int32Array) => {
    const at = tokens.indexOf("x".codePointAt(0)!);
    return [at, at + 1, at + 2];
  };
  const monitor = await Monitor.create({ model, dictionary });
  const [verdict, empty] = await monitor.read(["xyz", ""]);
  const tokens = chat("xyz");
  const axes = [[1, 0, 0], [0, 0, 1], [0, 1, 0]];
  const nearest = (position: number) => {
    const distances = axes.map((axis) => distanceTo(axis, tokens, position));
    return distances.indexOf(Math.min(...distances));
  };
  const template = new Set([...tokens.keys()].slice(1).filter((p) => !own(tokens).includes(p)).map(nearest));
  const others = axes.filter((_, region) => !template.has(region));
  assertEquals([template.size, others.length], [2, 1]);
  const distances = own(tokens).map((position) => distanceTo(others[0], tokens, position));
  assertAlmostEquals(verdict.distance!, distances.reduce((a, b) => a + b) / 3, 1e-5);
  assertEquals([verdict.tokens, verdict.region, verdict.alarms], [tokens.length, nearest(tokens.length - 1), []]);
  const end = chat("").length - 1;
  assertEquals(
    empty.region,
    axes.map((axis) => distanceTo(axis, chat(""), end)).reduce((a, d, i, all) => d < all[a] ? i : a, 0),
  );
  assertEquals([empty.distance, empty.farthest], [null, null]);
});

/** The same dictionaries, read with a context of a few tokens. */
async function shortDictionary(context: number, options: { chat?: boolean; stride?: number } = {}) {
  const source = describeStream({ model: "fake", layer: 1, corpus: "none", context, ...options });
  const dictionary = await Dictionary.create({ center: CENTER, threshold: 0.5, source }, { backend: "cpu" });
  const data = Float32Array.of(51, 1, 100, 50, 1, 101, ...(options.chat ? [50, 2, 100] : []));
  await dictionary.add({ data, rows: data.length / 3, dim: 3 });
  return dictionary;
}

Deno.test("a text longer than the context is read in windows to its end, and scored as one", async () => {
  const model = new FakeModel();
  const text = "abcdefghijklm";
  for (const [stride, starts] of [[undefined, [0, 4, 8, 12]], [2, [0, 2, 4, 6, 8, 10]]] as const) {
    const dictionary = await shortDictionary(5, { stride });
    const monitor = await Monitor.create({ model, dictionary });
    const [short, long, empty] = await monitor.read(["ab", text, ""]);
    // Each token is scored in the first window that holds it.
    const distances = [...text].map((_, at) => {
      const start = starts.find((start) => start + 4 > at)!;
      const tokens = model.encode(text.slice(start, start + 4));
      const axes = [[1, 0, 0], [0, 0, 1]];
      return Math.min(...axes.map((axis) => distanceTo(axis, tokens, at - start + 1)));
    });
    assertEquals([long.tokens, long.truncated], [14, false]);
    assertAlmostEquals(long.distance!, distances.reduce((a, b) => a + b) / distances.length, 1e-5);
    const most = distances.indexOf(Math.max(...distances));
    assertEquals([long.farthest!.position, long.farthest!.token], [most + 1, text[most]]);
    // Read with others or alone, a verdict is the same.
    assertEquals([[short], [long], [empty]], await Promise.all(["ab", text, ""].map((text) => monitor.read([text]))));
  }
});

Deno.test("a chat longer than the context is read in parts, each in the template", async () => {
  const model = new FakeModel();
  const around = model.encodeChat([{ role: "user", content: "" }]).length;
  const text = "abcdefghij";
  const dictionary = await shortDictionary(around + 4, { chat: true });
  const monitor = await Monitor.create({ model, dictionary });
  const parts = await monitor.read(["abcd", "efgh", "ij"]);
  const [whole] = await monitor.read([text]);
  assertEquals([whole.tokens, whole.truncated], [around + 10, false]);
  const sum = parts.reduce((sum, { distance }, i) => sum + distance! * [4, 4, 2][i], 0);
  assertAlmostEquals(whole.distance!, sum / 10, 1e-6);
  assertEquals(whole.region, parts[2].region);
  const farthest = parts.reduce((a, { farthest }, i) => farthest!.distance > parts[a].farthest!.distance ? i : a, 0);
  assertEquals(whole.farthest, {
    ...parts[farthest].farthest!,
    position: parts[farthest].farthest!.position + 4 * farthest,
  });
  // Whichever part ends in a handle's region.
  const handles = new Map(parts.map(({ region }, i) => [`part ${i}`, new Set([region!])]));
  const told = await Monitor.create({ model, dictionary, handles });
  assertEquals((await told.read([text]))[0].alarms, [...handles.keys()]);
});

Deno.test("a verdict says where a prompt was not read to its end", async () => {
  // A token a thousand letters, that it does not take long.
  class Dense extends FakeModel {
    override encode(text: string) {
      return super.encode(text.replaceAll(/a{1024}/g, "A"));
    }
    override withHook() {
      return Promise.resolve(this);
    }
  }
  const monitor = await Monitor.create({ model: new Dense(), dictionary: await shortDictionary(64) });
  const [whole, cut] = await monitor.read(["a".repeat(2 ** 20), "a".repeat(2 ** 20 + 1)]);
  assertEquals([whole.truncated, cut.truncated], [false, true]);
  assertEquals([whole.tokens, cut.tokens], [1025, 1025]);
});

Deno.test("what stands behind a long beginning raises the alarm", async () => {
  await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
  const known = "Anna plays the violin in a band. ";
  const source = describeStream({ model, layer: 3, corpus: "a sentence" });
  const calibration = { center: new Float32Array(model.dim), threshold: 0.05, source };
  using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
  for await (const batch of atLayer(extract(model, [known.repeat(30)], { layers: [3] }), 3)) {
    await dictionary.add(batch);
  }
  using monitor = await Monitor.create({ model, dictionary, threshold: 0.1 });
  const [old, strange] = await monitor.read([known.repeat(40), known.repeat(30) + "Здравей свят ".repeat(200)]);
  assertEquals([old.alarms, old.truncated], [[], false]);
  assertEquals([strange.alarms, strange.truncated], [["ood"], false]);
  assertEquals(strange.tokens, model.encode(known.repeat(30) + "Здравей свят ".repeat(200)).length);
  assert(strange.farthest!.position > 128);
});

Deno.test("a dictionary of a longer context than the model has is refused before a prompt is read", async () => {
  class Short extends FakeModel {
    override readonly maxContext: number = 64;
    override withHook() {
      return Promise.resolve(this);
    }
  }
  await assertRejects(
    async () => Monitor.create({ model: new Short(), dictionary: await dictionaryOf(false) }),
    RangeError,
    "context of at most 64 tokens",
  );
});

Deno.test("a monitor refuses a dictionary that does not say how it was read, or holds nothing but the template", async () => {
  const model = new FakeModel();
  const dictionaryWith = (options: Partial<DictionaryCalibration>) =>
    Dictionary.create({ center: CENTER, threshold: 0.5, ...options }, { backend: "cpu" });
  const refuses = async (options: Partial<DictionaryCalibration>, sentence: string) => {
    const dictionary = await dictionaryWith(options);
    await assertRejects(() => Monitor.create({ model, dictionary }), Error, sentence);
  };
  const source = { model: "fake", layer: 1, corpus: "none" };
  await refuses({}, "but found one without a source");
  await refuses({ source: describeStream({ ...source, bos: "never" }) }, 'bos "never", as the dictionary was built');
  await refuses({ source: describeStream({ ...source, extractor: "final-position" }) }, "extractor final-position");
  const onlyTemplate = await dictionaryWith({ threshold: 1.99, source: describeStream({ ...source, chat: true }) });
  await onlyTemplate.add({ data: Float32Array.of(51, 1, 100), rows: 1, dim: 3 });
  const creating = Monitor.create({ model, dictionary: onlyTemplate });
  await assertRejects(() => creating, Error, "all 1 hold tokens of the chat template");
});
