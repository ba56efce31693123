/** Many dictionaries from one pass: each is what it would be alone, and stops when it should. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamBatch } from "../../src/activations/mod.ts";
import { type Calibration, Dictionary, discover, type DiscoverOptions, type Growth } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { angles, BATCH, calibrations, CORPUS, NEVER, PERCENTILES, plane, toStream } from "./discoveries.ts";
import { at, bytes, publicValues, rowsOf, streamOf } from "./streams.ts";

backendTest("several layers and percentiles in one pass are what each is alone", async (backend) => {
  const together = await discover(streamOf(CORPUS, 40), calibrations, { backend, saturationWindow: NEVER, seed: 5 });
  assertEquals(together.growths.map(({ layer, percentile }) => [layer, percentile]), [[3, 2], [3, 20], [5, 2], [
    5,
    20,
  ]]);
  for (const { layer, percentile, dictionary } of together.growths) {
    const { center, thresholds } = calibrations.get(layer)!;
    const threshold = thresholds[PERCENTILES.indexOf(percentile)];
    const alone = await Dictionary.create({ center, threshold, percentile }, { backend, seed: 5 });
    for (const { batches } of streamOf(CORPUS, 40)) await alone.add(batches.get(layer)!);
    assertEquals(publicValues(dictionary), publicValues(alone));
    assert(dictionary.size > 1);
    for (const used of [alone, dictionary]) used.dispose();
  }
});

backendTest("exemplars are the same bytes however the stream is cut into batches", async (backend) => {
  const [few, many] = [160, 23];
  const grown = [];
  for (const batchPrompts of [few, many]) {
    const stream = toStream(streamOf(CORPUS, batchPrompts));
    grown.push(await discover(stream, calibrations, { backend, saturationWindow: NEVER }));
  }
  const [a, b] = grown.map(({ growths }) => growths.map(({ dictionary }) => dictionary));
  for (const i of a.keys()) {
    assertEquals(bytes(b[i].exemplars), bytes(a[i].exemplars));
    assertEquals(b[i].founders, a[i].founders);
  }
  assertEquals(grown.map(({ batches }) => batches), [1, Math.ceil(160 / many)]);
  assertEquals(grown[0].activations, grown[1].activations);
});

Deno.test("a batch is disposed once, also those that are skipped, and counted", async () => {
  let disposed = 0;
  const stream = streamOf(CORPUS, BATCH, { onDispose: () => disposed++ });
  const found = await discover(stream, calibrations, { backend: "cpu", saturationWindow: NEVER });
  assertEquals([disposed, found.batches, found.prompts], [8, 8, 160]);
  assertEquals(found.tokens, CORPUS.prompts.reduce((sum, { tokens }) => sum + tokens.length, 0));
  assertEquals(found.activations, found.tokens - 160);
  for (const growth of found.growths) {
    assertEquals(growth.snapshots.length, 8);
    assertEquals(growth.snapshots.reduce((sum, { founded }) => sum + founded!, 0), growth.dictionary.size);
    assertEquals(growth.snapshots.at(-1), {
      ...{ activations: found.activations, tokens: found.tokens, regions: growth.dictionary.size },
      founded: growth.snapshots.at(-1)!.founded,
    });
  }
});

for (
  const [window, pattern, taken] of [
    [1, ["new", "old", "new", "old", "old", "new"], 5],
    [0, ["new", "old", "new"], 2],
    [2, ["new", "old", "old", "new", "old", "old", "old", "new"], 7],
    [1, ["new", "old", "none", "none", "new", "old", "none", "old", "new"], 8],
    [1, ["new", "new", "old"], 3],
  ] as const
) {
  Deno.test(`saturation window ${window} after ${pattern.join(", ")} stops after ${taken} batches`, async () => {
    const { batches, growths: [growth] } = await discover(angles(pattern), plane(10), {
      backend: "cpu",
      saturationWindow: window,
    });
    assertEquals(batches, taken);
    const stopped = taken < pattern.length;
    assertEquals([growth.saturated, growth.emptyBatches > window, growth.layer], [stopped, stopped, 0]);
    assertEquals(growth.dictionary.size, pattern.slice(0, taken).filter((kind) => kind === "new").length);
  });
}

backendTest("a dictionary that is saturated counts on while others grow, and founds no more", async (backend) => {
  // Regions of 40 degrees: the first three fall in the first, the last lies beyond; of 10 degrees: most found one.
  const batches = [0, 20, 30, 0, 20, 50, 0].map((angle) => rowsOf(at(angle)));
  const [{ threshold: small }, { threshold: large }] = [10, 40].map((angle) => plane(angle).levels[0]);
  const levels = [{ percentile: 10, threshold: small }, { percentile: 40, threshold: large }];
  const both = { ...plane(10), levels };
  using discovery = await discover(batches, both, { backend, readAll: true });
  const [fine, coarse] = discovery.growths;
  assertEquals([discovery.batches, discovery.ended], [7, "stream"]);
  for (const growth of [fine, coarse]) {
    assertEquals([growth.batches, growth.activations, growth.dictionary.activations, growth.saturated], [
      7,
      7,
      7,
      true,
    ]);
  }
  const countsOf = ({ dictionary: { memberCounts, beyond, foundedUntil } }: Growth) => {
    return { members: [...memberCounts], beyond, foundedUntil };
  };
  assertEquals(countsOf(fine), { members: [3, 2, 1], beyond: 1, foundedUntil: 5 });
  assertEquals(countsOf(coarse), { members: [6], beyond: 1, foundedUntil: 3 });
  assertEquals(coarse.snapshots.map(({ founded }) => founded), [1, 0, 0, null, null, null, null]);
});

Deno.test("the pass ends with the batch that reaches the budget of tokens, and reads no further", async () => {
  let asked = 0;
  const stream = async function* () {
    for (const batch of streamOf(CORPUS, BATCH)) {
      asked++;
      yield batch;
    }
  };
  const tokens = streamOf(CORPUS, BATCH).map((batch) => batch.tokens);
  const budget = tokens[0] + tokens[1];
  for (const [maxTokens, expected] of [[budget, 2], [budget + 1, 3], [1, 1]]) {
    asked = 0;
    const found = await discover(stream(), calibrations, { backend: "cpu", saturationWindow: NEVER, maxTokens });
    assertEquals([found.batches, asked], [expected, expected]);
    assertEquals(found.growths.some(({ saturated }) => saturated), false);
  }
});

Deno.test("plain batches are of the layer that the calibration names", async () => {
  const hook = { layer: 7, at: "resid_post" } as const;
  const source = { model: "m", hook, extractor: "per-position", context: 8, batchPrompts: 2, chat: false, corpus: "c" };
  const calibration = { ...plane(10), source: source as Calibration["source"] };
  const { growths: [growth] } = await discover([rowsOf(at(0))], calibration, { backend: "cpu" });
  assertEquals([growth.layer, growth.dictionary.source], [7, calibration.source]);
});

Deno.test("a calibration made for another reading is refused before the stream is read", async () => {
  const hook = { layer: 3, at: "resid_post" } as const;
  const source = {
    model: "m",
    hook,
    extractor: "per-position",
    context: 8,
    batchPrompts: 2,
    chat: false,
    corpus: "c",
  } as const;
  const made = new Map([[3, { ...calibrations.get(3)!, source }]]);
  const never = () => assert(false, "the stream must not be opened") as never;
  const refuse = async (other: object, ...parts: string[]) => {
    const sources = new Map([[3, { ...source, ...other }]]);
    assertSentence(await assertRejects(() => discover(never, made, { backend: "cpu", sources })), ...parts);
  };
  await refuse({ hook: { ...hook, layer: 5 } }, "hook", "layer 3", "layer 5", "calibrate on this stream");
  await refuse({ extractor: "final-position" }, "extractor", "per-position", "final-position");
  await refuse({ context: 9 }, "context", "8", "9");
  const found = await discover(toStream(streamOf(CORPUS, BATCH)), made, {
    backend: "cpu",
    sources: new Map([[3, { ...source, model: "m-it", corpus: "d" }]]),
  });
  assertEquals([found.growths[0].dictionary.source?.model, found.growths[0].dictionary.source?.corpus], ["m-it", "d"]);
  const missing = new Map([[4, calibrations.get(3)!]]);
  const error = await assertRejects(() => discover(streamOf(CORPUS, BATCH), missing, { backend: "cpu" }));
  assertSentence(error, "layers 3, 5", "found 4");
});

Deno.test("a stream without activations, and options that make no sense, are refused", async () => {
  const refuse = async (stream: Parameters<typeof discover>[0], options: DiscoverOptions, ...parts: string[]) =>
    assertSentence(await assertRejects(() => discover(stream, plane(10), { backend: "cpu", ...options })), ...parts);
  await refuse([], {}, "the stream was empty", "check the corpus");
  await refuse(angles(["none", "none"]), {}, "the stream was empty");
  await refuse(angles(["new"]), { saturationWindow: -1 }, "saturation window", "-1");
  await refuse(angles(["new"]), { maxTokens: 0 }, "at least 1 token", "found 0");
  const none = { ...plane(10), levels: [] };
  assertSentence(await assertRejects(() => discover([], none, { backend: "cpu" })), "a percentile");
  const zero = { ...plane(0), levels: [{ percentile: 10, threshold: 0 }] };
  assertSentence(
    await assertRejects(() => discover([], zero, { backend: "cpu" })),
    "percentile 10",
    "take a larger one",
  );
});

Deno.test("progress is told after every batch, and merging may be asked for", async () => {
  const states: number[][] = [];
  const stream: StreamBatch[] = streamOf(CORPUS, 40);
  const { growths } = await discover(stream, calibrations, {
    ...{ backend: "cpu", saturationWindow: NEVER, merge: true },
    onProgress: ({ batches, prompts, regions }) => void states.push([batches, prompts, regions]),
  });
  assertEquals(states.map(([batches, prompts]) => [batches, prompts]), [[1, 40], [2, 80], [3, 120], [4, 160]]);
  assertEquals(states.at(-1)![2], growths.reduce((sum, { dictionary }) => sum + dictionary.size, 0));
});
