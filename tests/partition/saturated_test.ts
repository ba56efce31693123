/** Dictionaries that are saturated before others of their run: they found no more, and count on. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import {
  calibrateLayers,
  type CalibrationValues,
  CheckpointMismatchError,
  Dictionary,
  discover,
  type DiscoverOptions,
  type Growth,
  reanchorAll,
} from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { CORPUS, filesOf, LAYERS, plane, toStream, valuesOf } from "./discoveries.ts";
import { at, bytes, degrees, DIM, membersOf, publicValues, rowsOf, streamOf } from "./streams.ts";

const BATCH = 6;
const PERCENTILES = [20, 40, 60];
const calibrations = await calibrateLayers(toStream(streamOf(CORPUS, 40)), LAYERS, {
  percentiles: PERCENTILES,
  backend: await openBackend("cpu"),
});

/** One run over the corpus; of its dictionaries some are saturated long before others. */
function run(
  backend: Backend,
  options: DiscoverOptions = {},
  some: ReadonlyMap<number, CalibrationValues> = calibrations,
) {
  return discover(streamOf(CORPUS, BATCH), some, { backend, seed: 3, members: 4, ...options });
}

/** What founding decides. */
function regionsOf({ dictionary: { size, exemplars, founders, firstBatches, foundedUntil } }: Growth) {
  return { size, exemplars: bytes(exemplars), founders, firstBatches, foundedUntil };
}

const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);

backendTest("what a dictionary founds does not depend on which others ran, and all count the same", async (backend) => {
  for (const merge of [false, true]) await assertAsAlone(backend, merge);
});

async function assertAsAlone(backend: Backend, merge: boolean): Promise<void> {
  using together = await run(backend, { merge });
  const stops = together.growths.map(({ dictionary }) => dictionary.foundedUntil);
  assert(new Set(stops).size > 2, `founding stopped after ${stops}`);
  assert(together.growths.some(({ dictionary }) => dictionary.beyond > 0), "some rows come too late for a region");
  for (const growth of together.growths) {
    const { layer, percentile, dictionary } = growth;
    const { center, levels } = calibrations.get(layer)!;
    const own = { center, levels: levels.filter((level) => level.percentile === percentile), activations: 1 };
    using alone = await run(backend, { merge }, new Map([[layer, own]]));
    assertEquals(regionsOf(alone.growths[0]), regionsOf(growth));
    assertEquals(sum(dictionary.memberCounts) + dictionary.beyond, together.activations);
    assertEquals([growth.activations, growth.batches], [together.activations, together.batches]);
    assertEquals(dictionary.activations, together.activations);
  }
}

backendTest("members that come after founding are those of a plain loop over all exemplars", async (backend) => {
  using together = await run(backend, { readAll: true });
  for (const { layer, dictionary } of together.growths) {
    const { size, exemplars, center, threshold, foundedUntil } = dictionary;
    using founding = await Dictionary.create({ center, threshold }, { backend });
    let stream = 0;
    for (const { batches } of streamOf(CORPUS, BATCH)) {
      const { rows } = batches.get(layer)!;
      if (stream < foundedUntil) await founding.add(batches.get(layer)!);
      stream += rows;
    }
    const counts = [...founding.memberCounts];
    let beyond = 0;
    const { data } = streamOf(CORPUS, 160)[0].batches.get(layer)!;
    for (let row = foundedUntil; row < together.activations; row++) {
      const centred = Array.from({ length: DIM }, (_, j) => data[row * DIM + j] - center[j]);
      const length = Math.hypot(...centred);
      const cosines = Array.from(
        { length: size },
        (_, region) => centred.reduce((dot, value, j) => dot + value / length * exemplars[region * DIM + j], 0),
      );
      const nearest = cosines.indexOf(Math.max(...cosines));
      if (1 - cosines[nearest] <= threshold) counts[nearest]++;
      else beyond++;
    }
    assertEquals([[...dictionary.memberCounts], dictionary.beyond], [counts, beyond]);
    for (let region = 0; region < size; region++) {
      assertEquals(membersOf(dictionary, region).length / DIM, Math.min(4, counts[region]));
    }
  }
});

backendTest("reading ends when all are saturated, or goes on to the end where all is to be read", async (backend) => {
  using stopped = await run(backend);
  using whole = await run(backend, { readAll: true });
  assertEquals([stopped.ended, whole.ended, whole.prompts], ["saturated", "stream", 160]);
  assert(stopped.activations < whole.activations, `${stopped.activations} of ${whole.activations}`);
  assertEquals(whole.growths.map(regionsOf), stopped.growths.map(regionsOf));
  for (const { dictionary } of whole.growths) {
    assertEquals(sum(dictionary.memberCounts) + dictionary.beyond, whole.activations);
  }
  using spent = await run(backend, { maxPrompts: stopped.prompts - BATCH });
  assertEquals(spent.ended, "budget");
  using beyondAll = await run(backend, { readAll: true, maxPrompts: stopped.prompts + BATCH });
  assertEquals([beyondAll.ended, beyondAll.prompts], ["budget", stopped.prompts + BATCH]);
});

backendTest(
  "a run that is stopped while some only count goes on to the same bytes",
  (backend) =>
    inFolder(async (folder) => {
      const options = { readAll: true };
      using whole = await run(backend, options);
      const stops = whole.growths.map(({ snapshots }) => snapshots.filter(({ founded }) => founded !== null).length);
      const between = Math.floor((Math.min(...stops) + Math.max(...stops)) / 2);
      assert(Math.min(...stops) < between && between < Math.max(...stops), `founding stopped after batches ${stops}`);
      const checkpoint = { folder: `${folder}/c`, every: 9, resume: true };
      // Stopped twice: while some count, and when all do.
      for (const stopAfter of [between, Math.max(...stops) + 1]) {
        const controller = new AbortController();
        const onProgress = ({ batches }: { batches: number }) => {
          if (batches === stopAfter) controller.abort(new Error("enough"));
        };
        const { signal } = controller;
        await assertRejects(() => run(backend, { ...options, checkpoint, signal, onProgress }), Error, "enough");
      }
      using rest = await run(backend, { ...options, checkpoint });
      assertEquals(valuesOf(rest), valuesOf(whole));
      await Deno.mkdir(`${folder}/whole`);
      assertEquals(await filesOf(rest, folder), await filesOf(whole, `${folder}/whole`));
    }),
);

Deno.test("a run that ended saturated can be read on, one that read on cannot be cut short", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const checkpoint = { folder: `${folder}/c`, every: 9, resume: true };
    using stopped = await run(backend, { checkpoint });
    using readOn = await run(backend, { checkpoint, readAll: true });
    using whole = await run(backend, { readAll: true });
    assert(stopped.activations < readOn.activations);
    assertEquals(valuesOf(readOn), valuesOf(whole));
    const error = await assertRejects(() => run(backend, { checkpoint }), CheckpointMismatchError);
    assertEquals(error.differences, [{ name: "readAll", expected: false, found: true }]);
  }));

Deno.test("a checkpoint of a version whose saturated dictionaries took no more is not gone on with", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const checkpoint = { folder, every: 1000, resume: true };
    (await run(backend, { checkpoint })).dispose();
    const [{ name }] = Deno.readDirSync(folder);
    const path = `${folder}/${name}/state.json`;
    const { crc32: _, ...state } = JSON.parse(await Deno.readTextFile(path));
    state.growths[0].batches--;
    await Deno.writeTextFile(path, JSON.stringify({ ...state, format: "exemplar checkpoint 1" }));
    const options = { checkpoint: { ...checkpoint, onWarning: () => {} } };
    const error = await assertRejects(() => run(backend, options));
    assertSentence(error, "L3-p20.arrow", "took no more once a dictionary was saturated", "start without resuming");
  }));

backendTest("counts beyond and where founding stopped are in every file", (backend) =>
  inFolder(async (folder) => {
    using grown = await run(backend);
    const { dictionary } = grown.growths.find(({ dictionary }) => dictionary.beyond > 0)!;
    const { beyond, foundedUntil, activations } = dictionary;
    assert(foundedUntil < activations);
    await dictionary.save(`${folder}/d.arrow`);
    await dictionary.export(`${folder}/d.npz`);
    await dictionary.export(`${folder}/saelens`);
    for (const file of ["d.arrow", "d.npz", "saelens"]) {
      using loaded = await Dictionary.load(`${folder}/${file}`, { backend });
      assertEquals([loaded.beyond, loaded.foundedUntil, loaded.activations], [beyond, foundedUntil, activations]);
    }
    const told = JSON.parse(await Deno.readTextFile(`${folder}/d.calibration.json`));
    assertEquals([told.beyond, told.founded_until], [beyond, foundedUntil]);
  }));

backendTest("at the threshold a row still joins, though nothing is founded", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 1 }, { backend });
  await dictionary.add(rowsOf([1, 0]));
  assertEquals([...(await dictionary.add(rowsOf([0, 2], [-0.001, 2]), { found: false })).regions], [0, -1]);
});

backendTest("rows that found nothing join what lies within the threshold, or nothing", async (backend) => {
  const calibration = { center: new Float32Array(2), threshold: degrees(40) };
  using dictionary = await Dictionary.create(calibration, { backend });
  const none = await dictionary.add(rowsOf(at(0), at(90)), { found: false });
  assertEquals([...none.regions, ...none.distances], [-1, -1, Infinity, Infinity]);
  assertEquals([dictionary.size, dictionary.beyond, dictionary.foundedUntil], [0, 2, 0]);
  await dictionary.add(rowsOf(at(0), at(90)));
  const before = dictionary.exemplars.slice();
  const { regions, distances } = await dictionary.add(rowsOf(at(45), at(80), at(-10), at(180)), { found: false });
  assertEquals([...regions], [-1, 1, 0, -1]);
  assertEquals([...distances].map((distance) => distance.toFixed(4)), ["0.2929", "0.0152", "0.0152", "1.0000"]);
  assertEquals([[...dictionary.memberCounts], dictionary.beyond], [[2, 2], 4]);
  assertEquals([dictionary.activations, dictionary.foundedUntil], [8, 4]);
  assertEquals(dictionary.exemplars, before);
  // All of a batch beyond: nothing but the count changes.
  await dictionary.add(rowsOf(at(200), at(210)), { found: false, replace: true });
  assertEquals([[...dictionary.memberCounts], dictionary.beyond], [[2, 2], 6]);
  await dictionary.add(rowsOf(at(-5), at(135)), { found: false, replace: true });
  assertEquals([[...dictionary.memberCounts], dictionary.beyond], [[3, 2], 7]);
  assert(dictionary.exemplars[1] < 0, "the member at -5 lies nearer to the mean");
  await dictionary.merge();
  assertEquals([dictionary.size, dictionary.beyond], [2, 7]);
});

backendTest("a second pass counts from where founding stopped", async (backend) => {
  // Of 45 degrees: founded by the first batch, saturated after the third, its best member comes after.
  const batches = [[0, 10], [2], [8], [60, 5], [70, 80]].map((angles) => rowsOf(...angles.map(at)));
  const levels = [{ percentile: 1, threshold: degrees(0.5) }, { percentile: 45, threshold: degrees(45) }];
  using grown = await discover(batches, { ...plane(1), levels }, { backend });
  const [fine, coarse] = grown.growths.map(({ dictionary }) => dictionary);
  assertEquals([[...coarse.memberCounts], coarse.beyond, coarse.foundedUntil], [[5], 3, 4]);
  assertEquals([fine.size, fine.foundedUntil], [8, 8]);
  async function* stream() {
    for (const batch of batches) yield await Promise.resolve({ batches: new Map([[0, batch]]), [Symbol.dispose]() {} });
  }
  const anchored = await reanchorAll(grown.growths, stream());
  const angle = Math.atan2(anchored[1].exemplars[1], anchored[1].exemplars[0]) * 180 / Math.PI;
  assertEquals(Math.round(angle), 5);
  assertEquals({ ...publicValues(anchored[0]) }, publicValues(fine));
  await coarse.add(batches[4]);
  const error = await assertRejects(() => coarse.reanchor([...batches, batches[4]]));
  assertSentence(error, "founded again after a time without founding");
  for (const dictionary of anchored) dictionary.dispose();
});
