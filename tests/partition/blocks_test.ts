/** Dictionaries whose columns are too long to be written at once: their files are of several record batches. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { fromArrow } from "npm:arquero@8.0.1";
import type { Backend } from "../../src/compute/mod.ts";
import { outlineArrow } from "../../src/files/arrow.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { partsOf } from "../../src/partition/dictionary.ts";
import { HostValues } from "../../src/partition/host_values.ts";
import { saveArrow } from "../../src/partition/persistence.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { corpus, DIM, membersOf, publicValues, streamOf } from "./streams.ts";

const batches = streamOf(corpus(200, [3]), 50).map(({ batches }) => batches.get(3)!);

async function grown(backend: Backend, members: number): Promise<Dictionary> {
  const calibration = { center: new Float32Array(DIM).fill(0.1), threshold: 0.2 };
  const dictionary = await Dictionary.create(calibration, { backend, seed: 41, members });
  for (const batch of batches.slice(0, 2)) await dictionary.add(batch);
  return dictionary;
}

/** Saves a dictionary, some bytes of a column at a time. */
async function save(dictionary: Dictionary, path: string, blockBytes?: number): Promise<void> {
  const parts = partsOf(dictionary);
  const values = new HostValues(parts);
  await values.readBack();
  await saveArrow(parts, values, path, blockBytes);
}

for (const members of [0, 30]) {
  // Of the last no region has room; each is written all the same.
  for (const blockBytes of [5000, 2000, 1]) {
    backendTest(
      `a dictionary with ${members} members a region is the same when ${blockBytes} bytes are written at once`,
      (backend) =>
        inFolder(async (folder) => {
          using dictionary = await grown(backend, members);
          const { size } = dictionary;
          assertGreater(size, 20);
          await save(dictionary, `${folder}/whole.arrow`);
          await save(dictionary, `${folder}/d.arrow`, blockBytes);
          const paths = [`${folder}/d.arrow`, ...(members > 0 ? [`${folder}/d.members.arrow`] : [])];
          for (const path of paths) {
            const { batches, rows } = await outlineArrow(path);
            assertEquals(rows, size);
            assert(
              blockBytes === 1 ? batches === size : batches > 1 && batches < size,
              `${batches} batches of ${size}`,
            );
          }
          using loaded = await Dictionary.load(`${folder}/d.arrow`, { backend, members: members > 0 });
          using whole = await Dictionary.load(`${folder}/whole.arrow`, { backend, members: members > 0 });
          assertEquals(publicValues(loaded), publicValues(dictionary));
          assertEquals(publicValues(whole), publicValues(dictionary));
          for (const batch of batches.slice(2)) {
            assertEquals(await loaded.add(batch), await dictionary.add(batch));
            await whole.add(batch);
          }
          // After contexts and members were read from the file and went on.
          assertEquals(publicValues(loaded), publicValues(dictionary));
          for (let region = 0; members > 0 && region < dictionary.size; region++) {
            assertEquals(membersOf(loaded, region), membersOf(dictionary, region));
          }
          await save(loaded, `${folder}/again.arrow`, blockBytes);
          await save(whole, `${folder}/again whole.arrow`);
          await save(dictionary, `${folder}/never.arrow`, blockBytes);
          await save(dictionary, `${folder}/never whole.arrow`);
          for (const ending of members > 0 ? ["arrow", "members.arrow"] : ["arrow"]) {
            const read = (name: string) => Deno.readFile(`${folder}/${name}.${ending}`);
            assertEquals(await read("again"), await read("never"));
            assertEquals(await read("again whole"), await read("never whole"));
          }
          const { facts } = await describeFile(`${folder}/d.arrow`, 3);
          assertEquals(facts.regions, size);
          // deno-lint-ignore no-explicit-any -- arquero's own reader, by another library's types
          const table = fromArrow(await Deno.readFile(`${folder}/d.arrow`) as any);
          assertEquals(table.numRows(), size);
        }),
    );
  }
}

backendTest("an empty dictionary is one empty block", (backend) =>
  inFolder(async (folder) => {
    using dictionary = await Dictionary.create({ center: new Float32Array(DIM), threshold: 0.2 }, {
      ...{ backend, members: 3 },
    });
    await save(dictionary, `${folder}/d.arrow`, 1);
    assertEquals((await outlineArrow(`${folder}/d.arrow`)).batches, 1);
    using loaded = await Dictionary.load(`${folder}/d.arrow`, { backend, members: true });
    assertEquals(loaded.size, 0);
    await loaded.add(batches[0]);
    assertGreater(loaded.size, 1);
  }));
