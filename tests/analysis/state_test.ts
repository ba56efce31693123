/** Things that hold device memory answer nothing but a sentence once they are disposed. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeModel } from "../activations/fake_model.ts";
import { describeStream } from "../../src/activations/mod.ts";
import { Coreset, Monitor } from "../../src/analysis/mod.ts";
import type { Backend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { readSae } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";

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
