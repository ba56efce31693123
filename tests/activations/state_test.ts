/** Batches of a stream, and their values, before and after they are disposed. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  batchAt,
  describeStream,
  extract,
  hostValues,
  onBackend,
  readActivations,
  type StreamBatch,
  writeActivations,
} from "../../src/activations/mod.ts";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { FakeModel } from "./fake_model.ts";

const TEXTS = ["one text", "another", "and a third"];

/** One batch of each kind of stream that there is. */
async function batches(backend: Backend, folder: string): Promise<StreamBatch[]> {
  const model = new FakeModel();
  const stream = () => extract(model, TEXTS, { layers: [0], backend });
  await writeActivations(folder, stream(), describeStream({ model, layer: 0, corpus: "none" }));
  return [...await Array.fromAsync(stream()), ...await Array.fromAsync(readActivations(folder, { backend }))];
}

backendTest("a disposed batch of a stream gives out no activations", (backend) =>
  inFolder(async (folder) => {
    const all = await batches(backend, `${folder}/cache`);
    assertEquals(all.length, 2);
    for (const batch of all) {
      const kept = batchAt(batch, 0);
      assertEquals(kept.matrix!.rows, kept.rows);
      batch[Symbol.dispose]();
      for (const ask of [() => batch.batches, () => batchAt(batch, 0)]) {
        assertThrows(ask, Error, "Expected a batch in use but found a disposed one, of 3 prompts from 0 on");
      }
      assertEquals([batch.prompts.length, batch.promptsBefore, batch.start], [3, 0, 0]);
      await assertRejects(() => onBackend(kept, backend, (x) => backend.moments(x)), TypeError, "a matrix in use");
      batch.dispose();
    }
  }));

backendTest("values are got at wherever they are", async (backend) => {
  const data = Float32Array.of(1, 2, 3, 4);
  using matrix = backend.upload(data.slice(), 2, 2);
  const places = [{ data }, { matrix }, { data, matrix }].map((place) => ({ ...place, rows: 2, dim: 2 }));
  for (const batch of places) {
    assertEquals(await hostValues(batch), data);
    for (const other of [backend, await openBackend("cpu")]) {
      assertEquals(await onBackend(batch, other, (x) => other.download(x)), data);
    }
  }
  // The batch's own are not copied, and stay its own.
  assert(await hostValues(places[0]) === data);
  await onBackend(places[1], backend, (x) => Promise.resolve(assert(x === matrix)));
  assertEquals(matrix.rows, 2);
});

backendTest("what is uploaded for the time is given back, also after an error", async (backend) => {
  const batch = { data: Float32Array.of(1, 2), rows: 1, dim: 2 };
  const seen = [await onBackend(batch, backend, (x) => Promise.resolve(x))];
  const failing = onBackend(batch, backend, (x) => {
    seen.push(x);
    return Promise.reject(new Error("a failure of its own"));
  });
  await assertRejects(() => failing, Error, "a failure of its own");
  for (const x of seen) assertThrows(() => x.rows, TypeError, "a matrix in use");
});

backendTest("a batch without values says so", async (backend) => {
  const batch = { rows: 1, dim: 2 };
  const sentence = "Expected a batch with values on the host (data) or on a backend (matrix) but it has neither";
  await assertRejects(() => hostValues(batch), TypeError, sentence);
  await assertRejects(() => onBackend(batch, backend, (x) => backend.download(x)), TypeError, sentence);
});
