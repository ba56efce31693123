/** Exemplars that follow their regions' means: by a second pass over the stream, and while a dictionary grows. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ActivationBatch } from "../../src/activations/mod.ts";
import type { Backend } from "../../src/compute/mod.ts";
import { calibrate, Dictionary, discover, reanchorAll } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { at, clustered, corpus, degrees, DIM, publicValues, rowsOf, streamOf } from "./streams.ts";

const CENTER = new Float32Array(DIM).fill(0.1);
/** Batches whose later ones found regions that take rows which earlier ones would have joined. */
const BATCHES = [700, 1, 1300, 400].map((rows, i): ActivationBatch => {
  return { data: clustered(rows, DIM, i + 1, 1), rows, dim: DIM };
});

async function grown(backend: Backend, batches: readonly ActivationBatch[], replace = false) {
  const dictionary = await Dictionary.create({ center: CENTER, threshold: 0.4 }, { backend });
  const regions: Int32Array[] = [];
  for (const batch of batches) regions.push((await dictionary.add(batch, { replace })).regions);
  return { dictionary, regions };
}

const directionsOf = async (backend: Backend, { data, rows, dim }: ActivationBatch) => {
  const x = backend.upload(data.slice(), rows, dim);
  const directions = await backend.directions(x, CENTER);
  const values = await backend.download(directions);
  for (const matrix of [x, directions]) matrix.dispose();
  return Array.from({ length: rows }, (_, row) => values.subarray(row * dim, (row + 1) * dim));
};

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, j) => sum + value * b[j], 0);
const rowOf = (values: Float32Array, row: number) => values.subarray(row * DIM, (row + 1) * DIM);

backendTest("a second pass finds the best of all members, as brute force does", async (backend) => {
  const { dictionary, regions } = await grown(backend, BATCHES);
  assert(
    dictionary.size > 20 && Math.max(...dictionary.memberCounts) > 60,
    "regions with more members than a sample has",
  );
  const best = new Map<number, { product: number; row: Float32Array }>();
  for (const [i, batch] of BATCHES.entries()) {
    (await directionsOf(backend, batch)).forEach((row, at) => {
      const region = regions[i][at];
      const product = dot(row, rowOf(dictionary.sums, region));
      if (product > (best.get(region)?.product ?? -Infinity)) best.set(region, { product, row });
    });
  }
  const before = publicValues(dictionary);
  const anchored = await dictionary.reanchor(BATCHES);
  for (let region = 0; region < dictionary.size; region++) {
    assertEquals(rowOf(anchored.exemplars, region), best.get(region)!.row, `region ${region}`);
  }
  assert([...anchored.exemplars].some((value, i) => value !== dictionary.exemplars[i]), "some exemplars are others");
  assertEquals(publicValues(dictionary), before, "the original stays");
  for (const used of [dictionary, anchored]) used.dispose();
});

backendTest("a second pass over another stream, or of united regions, is refused", async (backend) => {
  const { dictionary } = await grown(backend, BATCHES);
  const refused = async (stream: readonly ActivationBatch[], ...parts: string[]) =>
    assertSentence(await assertRejects(() => dictionary.reanchor(stream)), "the same batches", ...parts);
  await refused(BATCHES.slice(0, 2), "701 of its 2401 activations");
  await refused([BATCHES[2], BATCHES[1], BATCHES[0], BATCHES[3]]);
  await refused([]);
  await dictionary.merge(0.6);
  await refused(BATCHES, "united");
  dictionary.dispose();
});

backendTest(
  "dictionaries that grew together are re-anchored together, each as it founded and then counted",
  async (backend) => {
    const stream = () => streamOf(corpus(120, [2, 5]), 30);
    const calibrations = new Map();
    for (const layer of [2, 5]) {
      const batches = stream().map(({ batches }) => batches.get(layer)!);
      calibrations.set(layer, await calibrate(batches, { percentiles: [5, 60], backend }));
    }
    async function* counted() {
      for (const batch of stream()) yield await Promise.resolve(batch);
    }
    const { growths } = await discover(counted, calibrations, { backend });
    assert(new Set(growths.map(({ dictionary }) => dictionary.foundedUntil)).size > 1, "some saturated earlier");
    const together = await reanchorAll(growths, counted());
    for (const [i, { layer, dictionary }] of growths.entries()) {
      const alone = await dictionary.reanchor(stream().map(({ batches }) => batches.get(layer)!));
      assertEquals(publicValues(together[i]), publicValues(alone));
      for (const used of [alone, together[i], dictionary]) used.dispose();
    }
  },
);

backendTest("while growing, an exemplar gives way to a member nearer to the running mean", async (backend) => {
  const calibration = { center: new Float32Array(2), threshold: degrees(45) };
  const dictionary = await Dictionary.create(calibration, { backend });
  const angle = () => Math.round(Math.atan2(dictionary.exemplars[1], dictionary.exemplars[0]) * 180 / Math.PI);
  await dictionary.add(rowsOf(at(0), at(40), at(20)), { replace: true });
  assertEquals(angle(), 20);
  await dictionary.add(rowsOf(at(19)), { replace: true });
  assertEquals(angle(), 20, "the mean is at 19.8");
  await dictionary.add(rowsOf(at(40), at(30), at(31)), { replace: true });
  assertEquals(angle(), 30, "the mean is at 25.8");
  await dictionary.add(rowsOf(at(26)));
  assertEquals(angle(), 30, "without being asked for it stays");
  assertEquals(dictionary.size, 1);
  dictionary.dispose();

  const { dictionary: replaced } = await grown(backend, BATCHES, true);
  const { dictionary: plain } = await grown(backend, BATCHES);
  const mean = (one: Dictionary) => {
    const cosines = Array.from({ length: one.size }, (_, r) => dot(rowOf(one.exemplars, r), rowOf(one.means, r)));
    return cosines.reduce((sum, value) => sum + value, 0) / one.size;
  };
  assert(mean(replaced) > mean(plain), `${mean(replaced)} is not nearer than ${mean(plain)}`);
  for (const used of [replaced, plain]) used.dispose();
});
