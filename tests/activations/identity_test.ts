/** What belongs together is told by what it is, not by its path: the same files elsewhere are the same model. */
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  atLayer,
  type Batch,
  batchAt,
  calibrate,
  describeRegions,
  describeStream,
  Dictionary,
  discover,
  extract,
  type ExtractOptions,
  loadModel,
  Monitor,
} from "../../mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const [TOY, TUNED] = [`${FIXTURES}gemma-2-toy`, `${FIXTURES}gemma-2-toy-it`];

async function refused(action: () => unknown, ...parts: string[]): Promise<void> {
  assertSentence(await assertRejects(async () => await action()), ...parts);
}

Deno.test("a batch of another layer, and a model that is another, are refused by a dictionary that says what it is of", () =>
  inFolder(async (folder) => {
    await using model = await loadModel(TOY, { device: "cpu" });
    const source = describeStream({ model, layer: 3, corpus: "texts" });
    const calibration = { center: new Float32Array(model.dim), threshold: 0.3, source };
    using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
    const [read] = await Array.fromAsync(extract(model, ["The king said", "One, two"], { layers: [2, 3] }));
    await dictionary.add(batchAt(read, 3));
    const { size, activations } = dictionary;
    await refused(() => dictionary.add(batchAt(read, 2)), "layer, 3", "of 2");
    assertEquals([dictionary.size, dictionary.activations], [size, activations]);
    // Directions say where they come from, too, and so does a stream that is grown on.
    const { data, rows, dim, provenance } = batchAt(read, 2);
    const backend = await openBackend("cpu");
    using x = backend.upload(data.slice(), rows, dim);
    using directions = await backend.directions(x, calibration.center);
    await refused(() => dictionary.ingest(directions, provenance), "layer, 3", "of 2");
    assertEquals([dictionary.size, dictionary.activations], [size, activations]);
    const levels = [{ percentile: 10, threshold: 0.3 }];
    const measured = { center: calibration.center, levels, activations: 1, source };
    await refused(() => discover([batchAt(read, 2)], measured, { backend }), "layer, 3", "of 2");
    using discovery = await discover([batchAt(read, 3)], measured, { backend });
    assertEquals(discovery.activations, rows);

    await using tuned = await loadModel(TUNED, { device: "cpu" });
    assertNotEquals(tuned.checksum, model.checksum);
    await refused(() => Monitor.create({ model: tuned, dictionary }), "gemma-2-toy-it", "other files");
    await refused(() => describeRegions(dictionary, tuned), "gemma-2-toy-it", "other files");
    for await (using other of extract(tuned, ["The king said"], { layers: [3] })) {
      await refused(() => dictionary.add(batchAt(other, 3)), "checksum");
    }

    // The same files under another name are the same model.
    const moved = `${folder}/moved`;
    await Deno.mkdir(`${moved}/onnx`, { recursive: true });
    for await (const { name, isFile } of Deno.readDir(TOY)) {
      if (isFile) await Deno.symlink(`${TOY}/${name}`, `${moved}/${name}`);
    }
    for await (const { name } of Deno.readDir(`${TOY}/onnx`)) {
      await Deno.symlink(`${TOY}/onnx/${name}`, `${moved}/onnx/${name}`);
    }
    await using same = await loadModel(moved, { device: "cpu" });
    assertEquals(same.checksum, model.checksum);
    using monitor = await Monitor.create({ model: same, dictionary });
    assertEquals((await monitor.read(["The king said"])).length, 1);

    // Loaded otherwise, it reads other tokens; with another chat template it is another model.
    await using asTokens = await loadModel(TOY, { device: "cpu", controlTokens: "tokens" });
    await refused(
      () => Monitor.create({ model: asTokens, dictionary }),
      'controlTokens "text"',
      'controlTokens "tokens"',
    );
    const config = JSON.parse(await Deno.readTextFile(`${TOY}/tokenizer_config.json`));
    await Deno.remove(`${moved}/tokenizer_config.json`);
    await Deno.writeTextFile(`${moved}/tokenizer_config.json`, JSON.stringify({ ...config, chat_template: "{{ 1 }}" }));
    await using retold = await loadModel(moved, { device: "cpu" });
    assertNotEquals(retold.checksum, model.checksum);
  }));

Deno.test("what is calibrated and grown on a model's stream says how it was read, and takes no other reading", async () => {
  await using model = await loadModel(TOY, { device: "cpu" });
  const texts = ["The king said that the war was over.", "One, two, three"];
  const read = (options: Partial<ExtractOptions> = {}, layer = 3) =>
    atLayer(extract(model, texts, { layers: [layer], context: 8, batchPrompts: 2, ...options }), layer);
  const calibration = await calibrate(read(), { backend: "cpu", maxNorm: 50 });
  const source = describeStream({ model, layer: 3, context: 8, batchPrompts: 2, maxNorm: 50 });
  assertEquals(calibration.source, source);
  using discovery = await discover(read(), calibration, { backend: "cpu" });
  const [{ dictionary }] = discovery.growths;
  assertEquals(dictionary.source, source);
  using monitor = await Monitor.create({ model, dictionary });
  assertEquals((await monitor.read(texts)).length, 2);

  const grow = (options: Partial<ExtractOptions>) => discover(read(options), calibration, { backend: "cpu" });
  await refused(() => grow({ context: 6 }), "context length, 8", "found 6");
  await refused(() => grow({ chat: true, context: 64 }), "plain text", "found chats");
  await refused(() => grow({ excludePositions: 2 }), "extractor");
  const { size } = dictionary;
  await refused(async () => {
    for await (const batch of read({ stride: 3 })) await dictionary.add(batch);
  }, "long texts");
  assertEquals(dictionary.size, size);

  // Streams of several readings are one only for who says so; of several layers never.
  async function* both(other: AsyncIterable<Batch>) {
    yield* read();
    yield* other;
  }
  await refused(() => calibrate(both(read({ chat: true, context: 64 })), { backend: "cpu" }), "found chats");
  await refused(() => calibrate(both(read({}, 2)), { backend: "cpu" }), "calibration's own layer, 3", "of 2");
  await refused(() => calibrate(read({}, 2), { backend: "cpu", source }), "calibration's own layer, 3", "of 2");
  const mixed = await calibrate(both(read({ chat: true, context: 64 })), { backend: "cpu", source });
  assertEquals(mixed.source, source);
});

Deno.test("a budget counts the tokens of plain batches that tell their prompts, and is refused for those that do not", async () => {
  await using model = await loadModel(TOY, { device: "cpu" });
  const texts = ["The king said", "One, two", "The cat sat", "A dog"];
  const read = () => atLayer(extract(model, texts, { layers: [3], batchPrompts: 1 }), 3);
  const calibration = await calibrate(read(), { backend: "cpu", pairs: "sample" });
  using all = await discover(read(), calibration, { backend: "cpu", readAll: true });
  const tokens = texts.reduce((sum, text) => sum + model.encode(text).length, 0);
  assertEquals([all.prompts, all.tokens, all.ended], [4, tokens, "stream"]);
  using some = await discover(read(), calibration, { backend: "cpu", readAll: true, maxTokens: 5 });
  assertEquals([some.prompts, some.ended], [2, "budget"]);

  const rows = { data: Float32Array.of(1, 0, 0, 1, 1, 1), rows: 3, dim: 2 };
  const own = await calibrate([rows], { backend: "cpu" });
  await refused(() => discover([rows], own, { backend: "cpu", maxTokens: 1 }), "maxTokens", "3 rows without");
  await refused(() => discover([rows], own, { backend: "cpu", maxPrompts: 1 }), "maxPrompts", "3 rows without");
});
