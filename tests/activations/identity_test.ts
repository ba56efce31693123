/** What belongs together is told by what it is, not by its path: the same files elsewhere are the same model. */
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  batchAt,
  describeRegions,
  describeStream,
  Dictionary,
  discover,
  extract,
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
  }));
