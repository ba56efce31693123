/** A dictionary that was saved and loaded is the one that never was. */
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { fromArrow } from "npm:arquero@8.0.1";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { arrowTable, metadataOf, numberColumn, readArrow, writeArrow } from "../../src/files/mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { calibrationPath, type Context, Dictionary } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";
import { corpus, DIM, membersOf, publicValues, rowsOf, streamOf } from "./streams.ts";

const LAYER = 3;
const SOURCE = {
  model: "toy",
  hook: { layer: LAYER, at: "resid_post" },
  extractor: "per-position",
  context: 16,
  batchPrompts: 40,
  chat: false,
  corpus: "corpus",
} as const;

/** Four batches whose regions outgrow reservoirs and context lists. */
const batches = streamOf(corpus(200, [LAYER]), 50).map(({ batches }) => batches.get(LAYER)!);

async function grown(backend: Backend, count: number, members = 30): Promise<Dictionary> {
  const center = new Float32Array(DIM).fill(0.1);
  const calibration = { center, threshold: 0.23456789012345678, percentile: 7.5, source: SOURCE };
  const dictionary = await Dictionary.create(calibration, { backend, seed: 41, members });
  for (const batch of batches.slice(0, count)) await dictionary.add(batch);
  return dictionary;
}

backendTest(
  "a loaded dictionary is the saved one, and grows on to the same bytes",
  (backend) =>
    inFolder(async (folder) => {
      using never = await grown(backend, 2);
      await never.save(`${folder}/two.arrow`);
      using loaded = await Dictionary.load(`${folder}/two.arrow`, { backend, members: true });
      assertEquals(publicValues(loaded), publicValues(never));
      assertEquals(membersOf(loaded, 0), membersOf(never, 0));
      const largest = Math.max(...never.memberCounts);
      assertEquals(largest > 30, true, `the largest region has ${largest} members, too few to overflow a reservoir`);

      for (const batch of batches.slice(2)) {
        assertEquals(await loaded.add(batch), await never.add(batch));
      }
      await never.save(`${folder}/never.arrow`);
      await loaded.save(`${folder}/loaded.arrow`);
      await loaded.save(`${folder}/again.arrow`);
      for (const ending of ["arrow", "members.arrow"]) {
        const bytes = await Deno.readFile(`${folder}/never.${ending}`);
        assertEquals(await Deno.readFile(`${folder}/loaded.${ending}`), bytes);
        assertEquals(await Deno.readFile(`${folder}/again.${ending}`), bytes);
      }
      const bytes = await Deno.readFile(`${folder}/never.arrow`);
      assertNotEquals(await Deno.readFile(`${folder}/two.arrow`), bytes);
    }),
);

Deno.test("what a dictionary was built under stands in a JSON beside it too, as in the metadata that others drop", () =>
  inFolder(async (folder) => {
    const path = `${folder}/d.arrow`;
    using dictionary = await grown(await openBackend("cpu"), 2);
    await dictionary.save(path);
    const { format, crc32, ...beside } = JSON.parse(await Deno.readTextFile(calibrationPath(path)));
    assertEquals([format, typeof crc32], ["exemplar dictionary calibration 1", "string"]);
    assertEquals(beside, {
      dim: DIM,
      threshold: 0.23456789012345678,
      percentile: 7.5,
      source: SOURCE,
      seed: 41,
      activations: dictionary.activations,
      beyond: 0,
      founded_until: dictionary.activations,
      batches: 2,
      members: 30,
      center: [...dictionary.center],
    });
    const metadata = metadataOf(await readArrow(path));
    for (const [name, value] of Object.entries(beside)) assertEquals(JSON.parse(metadata[name]), value, name);
    const told = await describeFile(calibrationPath(path), 5);
    assertEquals([told.kind, told.facts.threshold], ["center and threshold of a dictionary", 0.23456789012345678]);
  }));

Deno.test("the JSON beside is kept in step, is not needed, and is never of another dictionary", () =>
  inFolder(async (folder) => {
    const [backend, path] = [await openBackend("cpu"), `${folder}/d.arrow`];
    using dictionary = await grown(backend, 1);
    await dictionary.save(path);
    await dictionary.add(batches[1]);
    await dictionary.save(path);
    assertEquals(JSON.parse(await Deno.readTextFile(calibrationPath(path))).batches, 2);

    await Deno.writeTextFile(calibrationPath(path), "changed by hand");
    using loaded = await Dictionary.load(path, { backend });
    assertEquals([loaded.threshold, loaded.center], [dictionary.threshold, dictionary.center]);
    // A save that fails leaves the dictionary of before, and no JSON of another.
    await Deno.remove(calibrationPath(path));
    await Deno.mkdir(`${folder}/other.arrow`);
    await assertRejects(() => dictionary.save(`${folder}/other.arrow`), Error, "it is a folder");
    await assertRejects(() => Deno.stat(calibrationPath(`${folder}/other.arrow`)), Deno.errors.NotFound);
  }));

Deno.test("columns of a dictionary and of its members say what they hold, as those of result tables do", () =>
  inFolder(async (folder) => {
    await (await grown(await openBackend("cpu"), 2)).save(`${folder}/d.arrow`);
    for (const name of ["d.arrow", "d.members.arrow"]) {
      for (const { name: column, metadata } of (await readArrow(`${folder}/${name}`)).schema.fields) {
        assert((metadata.get("description") ?? "").length > 5, `${column} of ${name}`);
      }
    }
    const { tables } = await describeFile(`${folder}/d.members.arrow`, 1);
    assertEquals(tables.columns[0].description, "directions of members of the region, a uniform sample");
  }));

Deno.test("members lie in a file of their own, which is read only when they are asked for", () =>
  inFolder(async (folder) => {
    const [backend, path, beside] = [await openBackend("cpu"), `${folder}/d.arrow`, `${folder}/d.members.arrow`];
    const load = (members: boolean) => Dictionary.load(path, { backend, members });
    await (await grown(backend, 2)).save(path);
    assert((await Deno.stat(beside)).size > 2000);
    const whole = await Deno.readFile(beside);
    await Deno.writeTextFile(beside, "no members");
    assertEquals((await load(false)).size > 3, true);
    assertSentence(await assertRejects(() => load(true)), beside);
    await (await grown(backend, 1)).save(path);
    await Deno.writeFile(beside, whole);
    assertSentence(await assertRejects(() => load(true)), beside, "another file");
    await (await grown(backend, 2, 0)).save(path);
    await assertRejects(() => Deno.stat(beside), Deno.errors.NotFound);
    assertSentence(await assertRejects(() => load(true)), path, "without any");
  }));

Deno.test("contexts are read when they are first asked for, and only if the file is still what it was", () =>
  inFolder(async (folder) => {
    const [backend, path] = [await openBackend("cpu"), `${folder}/d.arrow`];
    const original = await grown(backend, 2);
    await original.save(path);
    const open = () => Dictionary.load(path, { backend });
    const [early, late, gone] = [await open(), await open(), await open()];
    const told = (contexts: readonly Context[]) =>
      contexts.map(({ distance, prompt, excerpt }) => ({ distance, prompt, ...excerpt }));
    assertEquals(told(early.nearestContexts(1)), told(original.nearestContexts(1)));
    const bytes = await Deno.readFile(path);
    // The last columns' bytes end where the footer begins.
    const footer = new DataView(bytes.buffer).getInt32(bytes.length - 10, true);
    bytes[bytes.length - 10 - footer - 40] ^= 1;
    await Deno.writeFile(path, bytes);
    assertSentence(assertThrows(() => late.nearestContexts(1)), path, "checksum");
    await Deno.remove(path);
    assertSentence(assertThrows(() => gone.farthestContexts(0)), path, "no longer there");
    assertEquals(told(early.farthestContexts(2)), told(original.farthestContexts(2)), "what was read stays");
  }));

backendTest("an empty dictionary can be saved, loaded and grown", (backend) =>
  inFolder(async (folder) => {
    using empty = await grown(backend, 0);
    await empty.save(`${folder}/empty.arrow`);
    using loaded = await Dictionary.load(`${folder}/empty.arrow`, { backend });
    assertEquals(publicValues(loaded), publicValues(empty));
    using full = await grown(backend, 1);
    await loaded.add(batches[0]);
    assertEquals(publicValues(loaded), publicValues(full));
  }));

backendTest("what was ingested and not read back is saved too", (backend) =>
  inFolder(async (folder) => {
    const [added, ingested] = [await grown(backend, 1), await grown(backend, 1)];
    await added.add(batches[1]);
    const x = backend.upload(batches[1].data, batches[1].rows, DIM);
    const directions = await backend.directions(x, ingested.center);
    await ingested.ingest(directions, batches[1].provenance);
    await added.save(`${folder}/added.arrow`);
    await ingested.save(`${folder}/ingested.arrow`);
    assertEquals(await Deno.readFile(`${folder}/ingested.arrow`), await Deno.readFile(`${folder}/added.arrow`));
    await added.add(batches[2]);
    await ingested.ingest(directions);
    await ingested.add(batches[2]);
    assertEquals(ingested.exemplars.subarray(0, added.exemplars.length), added.exemplars);
    for (const thing of [x, directions, added, ingested]) thing.dispose();
  }));

Deno.test("Arquero reads a dictionary's columns", () =>
  inFolder(async (folder) => {
    const dictionary = await grown(await openBackend("cpu"), 1);
    await dictionary.save(`${folder}/d.arrow`);
    const table = fromArrow(await Deno.readFile(`${folder}/d.arrow`));
    assertEquals(table.columnNames(), [
      ...["exemplar", "sum", "count", "coherence", "distance_sum", "distance_square_sum", "founder"],
      ...["first_batch", "nearest", "farthest"],
    ]);
    assertEquals(table.numRows(), dictionary.size);
    assertEquals([...table.array("count")], [...dictionary.memberCounts]);
    // deno-lint-ignore no-explicit-any
    const row: any = table.object(1);
    assertEquals([...row.exemplar], [...dictionary.exemplars.subarray(DIM, 2 * DIM)]);
    const [{ distance, prompt, position, excerpt }] = dictionary.nearestContexts(1);
    assertEquals({ ...row.nearest[0] }, { distance, prompt, position, start: 0, ...excerpt });
  }));

Deno.test("a file that cannot be a dictionary is refused with a sentence", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    const refuse = async (path: string, ...parts: string[]) =>
      assertSentence(await assertRejects(() => Dictionary.load(path, { backend })), path, ...parts);

    const path = `${folder}/d.arrow`;
    await (await grown(backend, 1)).save(path);
    const whole = await Deno.readFile(path);
    for (let cut = 0; cut < 40; cut++) {
      const length = Math.floor(whole.length * cut / 40) + (cut % 3);
      await Deno.writeFile(`${folder}/cut.arrow`, whole.subarray(0, length));
      await refuse(`${folder}/cut.arrow`, "cut off or damaged", "copy it again");
    }
    await Deno.writeFile(`${folder}/cut.arrow`, whole.subarray(0, whole.length - 1));
    await refuse(`${folder}/cut.arrow`, "cut off or damaged");
    await Deno.writeTextFile(`${folder}/text.arrow`, '{"not": "Arrow"}');
    await refuse(`${folder}/text.arrow`, "an Arrow IPC file");
    await writeArrow(`${folder}/other.arrow`, arrowTable({ x: numberColumn(Float32Array.of(1)) }));
    await refuse(`${folder}/other.arrow`, '"exemplar dictionary 2"', "another kind", "Dictionary.save");
    await refuse(`${folder}/missing.arrow`, "no such file");
    await refuse(folder, "it is a folder");
  }));

Deno.test("a loaded dictionary refuses activations of another width", () =>
  inFolder(async (folder) => {
    const backend = await openBackend("cpu");
    await (await grown(backend, 1)).save(`${folder}/d.arrow`);
    const dictionary = await Dictionary.load(`${folder}/d.arrow`, { backend });
    const wide = rowsOf(new Array(DIM + 1).fill(1));
    for (const use of ["add", "assign", "similarities"] as const) {
      assertSentence(await assertRejects(() => dictionary[use](wide)), `length ${DIM}`, String(DIM + 1));
    }
    assertEquals(dictionary.activations, batches[0].rows);
  }));
