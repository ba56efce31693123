/** Batches of a stream, and their values, before and after they are disposed. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ActivationBatch,
  Batch,
  batchAt,
  describeStream,
  extract,
  readActivations,
  type StreamBatch,
  writeActivations,
} from "../../src/activations/mod.ts";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertAnswersOrRefuses } from "../lib/disposed_amid.ts";
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
      assertEquals(await kept.on(backend, (x) => Promise.resolve(x.rows)), kept.rows);
      batch[Symbol.dispose]();
      for (const ask of [() => batch.batches, () => batchAt(batch, 0)]) {
        assertThrows(ask, Error, "Expected a batch in use but found a disposed one, of 3 prompts from 0 on");
      }
      assertEquals([batch.prompts.length, batch.promptsBefore, batch.start], [3, 0, 0]);
      const sentence = "Expected a batch in use but found a disposed one";
      for (const ask of [() => kept.data, () => kept.isOnHost]) assertThrows(ask, Error, sentence);
      for (const ask of [() => kept.values(), () => kept.on(backend, (x) => backend.moments(x))]) {
        await assertRejects(ask, Error, sentence);
      }
      batch.dispose();
    }
  }));

backendTest("values are got at wherever they are", async (backend) => {
  const data = Float32Array.of(1, 2, 3, 4);
  using matrix = backend.upload(data.slice(), 2, 2);
  const rows = { data, rows: 2, dim: 2 };
  const [onHost, onBackend, onBoth] = [Batch.of(rows), Batch.onBackend(matrix), Batch.of(rows, backend)];
  using _ = onBoth;
  for (const batch of [onHost, onBackend, onBoth]) {
    assertEquals([batch.rows, batch.dim, await batch.values()], [2, 2, data]);
    for (const other of [backend, await openBackend("cpu")]) {
      assertEquals(await batch.on(other, (x) => other.download(x)), data);
    }
  }
  // The batch's own are not copied, and stay its own.
  for (const batch of [onHost, onBoth]) assert(batch.isOnHost && batch.data === data && await batch.values() === data);
  await onBackend.on(backend, (x) => Promise.resolve(assert(x === matrix)));
  assertEquals(matrix.rows, 2);
  assert(!onBackend.isOnHost);
  assertThrows(() => onBackend.data, Error, `they are on ${backend.name} only: await values() fetches them`);
  assert(Batch.of(onBackend) === onBackend);
});

backendTest("what is uploaded for the time is given back, also after an error", async (backend) => {
  const batch = Batch.of({ data: Float32Array.of(1, 2), rows: 1, dim: 2 });
  const seen = [await batch.on(backend, (x) => Promise.resolve(x))];
  const failing = batch.on(backend, (x) => {
    seen.push(x);
    return Promise.reject(new Error("a failure of its own"));
  });
  await assertRejects(() => failing, Error, "a failure of its own");
  for (const x of seen) assertThrows(() => x.rows, TypeError, "a matrix in use");
});

backendTest("a batch without values, or of another number of them, says so", async (backend) => {
  const none = { rows: 1, dim: 2 } as ActivationBatch;
  const few = { data: Float32Array.of(1, 2, 3), rows: 2, dim: 2 };
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
  const missing = "Expected a batch with its values, a Float32Array of rows x dim numbers, as data but found undefined";
  assertThrows(() => Batch.of(none), TypeError, missing);
  await assertRejects(() => dictionary.add(none), TypeError, missing);
  assertThrows(() => Batch.of(few), RangeError, "Expected 2 x 2 = 4 numbers but found 3");
  await assertRejects(() => dictionary.add(few), RangeError, "Expected 2 x 2 = 4 numbers but found 3");
});

backendTest(
  "a batch of a stream or a cache that is disposed while it is used",
  (backend) =>
    inFolder(async (folder) => {
      for (const which of [0, 1]) {
        let caches = 0;
        const make = async () => {
          const all = await batches(backend, `${folder}/${which}/${caches++}`);
          all[1 - which].dispose();
          return all[which];
        };
        const uses: ((batch: StreamBatch) => unknown)[] = [
          async (batch) => (await batchAt(batch, 0).values()).slice(),
          async (batch) => await batchAt(batch, 0).on(backend, (x) => backend.moments(x)),
          async (batch) => await batchAt(batch, 0).on(await openBackend("cpu"), (x) => Promise.resolve(x.rows)),
          async (batch) => {
            using some = await batchAt(batch, 0).select(Int32Array.of(1, 0));
            return (await some.values()).slice();
          },
          async (batch) => {
            const calibration = { center: new Float32Array(batchAt(batch, 0).dim), threshold: 0.1 };
            using dictionary = await Dictionary.create(calibration, { backend });
            const { regions } = await dictionary.add(batchAt(batch, 0)).catch((error) => {
              assertEquals([dictionary.size, dictionary.activations], [0, 0]);
              throw error;
            });
            return regions;
          },
          (batch) =>
            writeActivations(
              `${folder}/${which}/${caches++}`,
              streamOf(batch),
              describeStream({ model: new FakeModel(), layer: 0, corpus: "none" }),
            ),
        ];
        for (const use of uses) await assertAnswersOrRefuses(make, use);
      }
    }),
);

async function* streamOf(batch: StreamBatch): AsyncGenerator<StreamBatch> {
  yield batch;
}
