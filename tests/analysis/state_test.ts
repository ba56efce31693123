/** Things that hold device memory answer nothing but a sentence once they are disposed. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeModel } from "../activations/fake_model.ts";
import { describeStream } from "../../src/activations/mod.ts";
import { Coreset, Coresets, Monitor, RandomExemplars } from "../../src/analysis/mod.ts";
import type { Backend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { readSae, Sae, type SaeWeights } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertAnswersOrRefuses } from "../lib/disposed_amid.ts";

/** Everything that can be asked of one, by name, apart from facts that are plain fields. */
type Questions<T> = Record<string, (thing: T) => unknown>;

/** Fails unless a disposed thing answers all of its questions with the sentence, and there are no others. */
async function assertRefuses<T extends Disposable>(thing: T, questions: Questions<T>, sentence: string): Promise<void> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(thing));
  assertEquals(names.sort(), [...Object.keys(questions), "constructor", "dispose"].sort());
  for (const ask of Object.values(questions)) await ask(thing);
  thing[Symbol.dispose]();
  for (const ask of Object.values(questions)) {
    // deno-lint-ignore require-await
    await assertRejects(async () => ask(thing), Error, sentence);
  }
  thing[Symbol.dispose]();
}

const pair = (backend: Backend) => backend.upload(Float32Array.of(1, 0, 0, 1), 2, 2);

backendTest("a disposed coreset", async (backend) => {
  using directions = pair(backend);
  const coreset = new Coreset(backend, 2, 2, 7);
  coreset.offer(directions, 0);
  const sample = coreset.take(2);
  await assertRefuses(coreset, {
    size: (coreset) => coreset.size,
    offer: (coreset) => coreset.offer(directions, 2),
    take: (coreset) => coreset.take(1).dispose(),
  }, "Expected a coreset in use but found a disposed one");
  // What was taken is the taker's.
  assertEquals((await backend.download(sample)).length, 4);
  sample.dispose();
});

backendTest("a disposed sparse autoencoder", async (backend) => {
  const sae = await readSae("fixtures/sae/params.npz", { backend });
  const { dim, size } = sae;
  const features = await sae.encode({ rows: 1, dim, data: new Float32Array(dim) });
  await assertRefuses(sae, {
    decoder: (sae) => sae.decoder,
    encode: (sae) => sae.encode({ rows: 1, dim, data: new Float32Array(dim) }),
    decode: (sae) => sae.decode(features),
  }, "Expected a sparse autoencoder in use but found a disposed one");
  assertEquals([sae.dim, sae.size], [dim, size]);
});

backendTest("a disposed monitor, and one whose dictionary was disposed", async (backend) => {
  const model = new FakeModel();
  const source = describeStream({ model, layer: 0, corpus: "none" });
  const calibration = { center: new Float32Array(model.dim), threshold: 0.1, source };
  const dictionary = await Dictionary.create(calibration, { backend });
  const data = Float32Array.from({ length: 2 * model.dim }, (_, i) => i % 5 + 1);
  await dictionary.add({ data, rows: 2, dim: model.dim });
  await assertRefuses(await Monitor.create({ model, dictionary }), {
    read: (monitor) => monitor.read(["ab"]),
  }, "Expected a monitor in use but found a disposed one");
  using other = await Monitor.create({ model, dictionary });
  dictionary.dispose();
  await assertRejects(() => other.read(["ab"]), Error, "Expected a dictionary in use");
  assertThrows(() => dictionary.size, Error, "Expected a dictionary in use");
});

/** Weights of each way to work: as they are, of normalised activations, of the largest of a batch, with a skip connection. */
const SAES: Record<string, Partial<SaeWeights>> = {
  "plain": {},
  "normalised": { normalization: "layer_norm" },
  "batch top-k": { architecture: "batchtopk", most: 1 },
  "with a skip connection": { skip: Float32Array.of(1, 0, 0, 1), source: { path: "none", format: "saelens" } },
};

for (const [name, weights] of Object.entries(SAES)) {
  backendTest(`a sparse autoencoder that is disposed while it works: ${name}`, async (backend) => {
    const make = () =>
      new Sae({
        architecture: "standard",
        dim: 2,
        size: 2,
        encoder: Float32Array.of(1, 0, 0, 1),
        encoderBias: new Float32Array(2),
        thresholds: new Float32Array(2),
        decoder: Float32Array.of(1, 0, 0, 1),
        decoderBias: new Float32Array(2),
        source: { path: "none", format: "saelens" },
        ...weights,
      }, backend);
    const batch = { data: Float32Array.of(-3, 4, 1, 2), rows: 2, dim: 2 };
    await assertAnswersOrRefuses(make, async (sae) => await sae.decode(await sae.encode(batch)));
  });
}

backendTest("coresets and random exemplars that are disposed while they work", async (backend) => {
  const activations = { data: Float32Array.of(2, 1, 1, 3, 0, 1, 1, 0), rows: 4, dim: 2 };
  const calibrations = new Map([3, 4].map((layer) => [layer, { center: Float32Array.of(1, 1) }]));
  const batch = { batches: new Map([[3, activations], [4, activations]]), start: 0 };
  await assertAnswersOrRefuses(() => new Coresets(backend, calibrations, 3, 0), async (coresets) => {
    await coresets.offer(batch);
    using sample = coresets.take(4, 2);
    return await backend.download(sample);
  });
  using queries = pair(backend);
  await assertAnswersOrRefuses(
    () => new RandomExemplars(backend, pair(backend), new Float32Array(2), 0.1),
    (exemplars) => exemplars.nearest(queries),
  );
});

backendTest("a monitor, or its dictionary, that is disposed while prompts are read", async (backend) => {
  const model = new FakeModel();
  for (const chat of [false, true]) {
    const source = describeStream({ model, layer: 0, corpus: "none", chat });
    const calibration = { center: new Float32Array(model.dim), threshold: 0.001, source };
    const grown = async () => {
      const dictionary = await Dictionary.create(calibration, { backend });
      const data = Float32Array.from({ length: 4 * model.dim }, (_, i) => i % 5 + i % 7 + 1);
      await dictionary.add({ data, rows: 4, dim: model.dim });
      return dictionary;
    };
    using dictionary = await grown();
    const read = (monitor: Monitor) => monitor.read(["ab", "a longer one"]);
    await assertAnswersOrRefuses(() => Monitor.create({ model, dictionary }), read);
    await assertAnswersOrRefuses(async () => {
      const dictionary = await grown();
      const monitor = await Monitor.create({ model, dictionary });
      return { monitor, [Symbol.dispose]: () => dictionary.dispose() };
    }, async ({ monitor }) => {
      using _ = monitor;
      return await read(monitor);
    });
  }
});
