/** Streams of more activations, members and batches than 32 bits can number: every number stays what it is. */
import { assert, assertEquals } from "@std/assert";
import type { Backend } from "../../src/compute/mod.ts";
import { columnOf, int32Of, numbersOf, readArrow } from "../../src/files/mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { Dictionary, discover } from "../../src/partition/mod.ts";
import { partsOf } from "../../src/partition/dictionary.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { at, degrees, membersOf, namedRows } from "./streams.ts";

const LONG = 2 ** 33 + 5;

/** As after many activations and batches: of three regions the second was founded then, the first has as many members. */
async function grown(backend: Backend): Promise<Dictionary> {
  const calibration = { center: new Float32Array(2), threshold: degrees(5) };
  const dictionary = await Dictionary.create(calibration, { backend, members: 2, seed: 1 });
  await dictionary.add(namedRows(at(0), at(1)));
  const parts = partsOf(dictionary);
  parts.activations = LONG;
  parts.batches = LONG - 10;
  const { regions } = parts;
  const copy = regions.copy();
  // What joining them one by one would come to.
  const first = {
    ...{ count: 2 ** 31 - 2, founder: 0, firstBatch: 0 },
    ...{ sum: copy.distanceSums[0], squareSum: copy.distanceSquareSums[0] },
  };
  parts.regions = new (regions.constructor as new () => typeof regions)();
  parts.regions.restore(first);
  await dictionary.add(namedRows(at(0.5), at(90), at(1.5), at(2), at(45)));
  return dictionary;
}

const numbers = ({ founders, firstBatches, memberCounts }: Dictionary) => [
  [...founders],
  [...firstBatches],
  [...memberCounts],
];
const EXPECTED = [[0, LONG + 1, LONG + 4], [0, LONG - 10, LONG - 10], [2 ** 31 + 1, 1, 1]];

backendTest(
  "founders, batches and members beyond 2^31 are counted, saved, exported and read",
  (backend) =>
    inFolder(async (folder) => {
      using dictionary = await grown(backend);
      assertEquals(numbers(dictionary), EXPECTED);
      assertEquals(dictionary.activations, LONG + 5);
      for (const file of ["d.arrow", "folder", "d.npz"]) {
        if (file === "d.arrow") await dictionary.save(`${folder}/${file}`);
        else await dictionary.export(`${folder}/${file}`);
        using loaded = await Dictionary.load(`${folder}/${file}`, { backend });
        assertEquals(numbers(loaded), EXPECTED, file);
        await loaded.add(namedRows(at(180), at(0)));
        assertEquals(numbers(loaded)[0].at(-1), LONG + 5, `${file}: goes on`);
        assertEquals(numbers(loaded)[2], [2 ** 31 + 2, 1, 1, 1], `${file}: goes on`);
        const { facts } = await describeFile(`${folder}/${file}`, 1);
        assertEquals(facts["largest region"], 2 ** 31 + 1, file);
      }
      const founders = numbersOf(columnOf(await readArrow(`${folder}/d.arrow`), "founder"));
      assertEquals(founders, BigInt64Array.of(0n, BigInt(LONG) + 1n, BigInt(LONG) + 4n));
    }),
);

backendTest("regions of more than 2^31 members together are united with all of them", async (backend) => {
  using dictionary = await grown(backend);
  assertEquals([...await dictionary.merge(degrees(50))], [0, 0, 0]);
  assertEquals(numbers(dictionary), [[0], [0], [2 ** 31 + 3]]);
});

backendTest(
  "a sample of members is drawn alike wherever batches are cut, beyond 2^32 activations too",
  async (backend) => {
    const rows = Array.from({ length: 60 }, (_, i) => at(i / 20));
    const sampled = async (batch: number) => {
      using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(5) }, {
        ...{ backend, members: 4, seed: 7 },
      });
      partsOf(dictionary).activations = LONG;
      for (let from = 0; from < rows.length; from += batch) {
        await dictionary.add(namedRows(...rows.slice(from, from + batch)));
      }
      return membersOf(dictionary, 0);
    };
    const whole = await sampled(60);
    assertEquals(await sampled(7), whole);
    assert(new Set(whole).size > 2, "not the first row four times");
  },
);

backendTest(
  "numbers that fit are 32-bit integers, as readers of other programs expect",
  (backend) =>
    inFolder(async (folder) => {
      using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(5) }, { backend });
      await dictionary.add(namedRows(at(0), at(90)));
      await dictionary.save(`${folder}/d.arrow`);
      const table = await readArrow(`${folder}/d.arrow`);
      for (const name of ["count", "founder", "first_batch"]) int32Of(columnOf(table, name));
      assert(dictionary.founders instanceof Int32Array);
    }),
);

Deno.test("the newest checkpoint is the one of most batches, also beyond a hundred million", () =>
  inFolder(async (folder) => {
    const calibration = {
      activations: 4,
      center: new Float32Array(2),
      levels: [{ percentile: 5, threshold: degrees(5) }],
    };
    const batches = Array.from({ length: 4 }, (_, i) => namedRows(at(20 * i)));
    const said: string[] = [];
    const grow = async (count: number, resume: boolean) => {
      const checkpoint = { folder, every: 1, resume, onWarning: (sentence: string) => said.push(sentence) };
      using grown = await discover(batches.slice(0, count), calibration, { backend: "cpu", checkpoint });
      return grown.batches;
    };
    await grow(2, false);
    // The older of the two is damaged: whoever takes it for the newer says so.
    await Deno.rename(`${folder}/00000001`, `${folder}/99999999`);
    await Deno.rename(`${folder}/00000002`, `${folder}/100000000`);
    await Deno.remove(`${folder}/99999999/state.json`);
    assertEquals(await grow(4, true), 4);
    assertEquals(said, []);
  }));
