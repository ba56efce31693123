import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describeStream } from "../../src/activations/mod.ts";
import { conformalThreshold, Monitor } from "../../src/analysis/mod.ts";
import { Random } from "../../src/compute/mod.ts";
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
  assertEquals(verdicts[1], { tokens: 1, distance: null, beyond: null, region: null, farthest: null, alarms: [] });
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
