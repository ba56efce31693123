/** Vectors that NumPy, PyTorch, safetensors, pyarrow, pandas, polars and datasets saved. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { calibrate, Dictionary, readVectors } from "../../mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";
import { assertSentence } from "../lib/sentence.ts";
import { fileURLToPath } from "node:url";

const input = (name: string) => fileURLToPath(new URL(`inputs/vectors/${name}`, import.meta.url));

/** A file and what is in it: `values`, row after row, or what the sentence names that refuses it. */
interface Case {
  readonly id: string;
  readonly path: string;
  readonly name?: string;
  readonly dim?: number;
  readonly values?: readonly number[];
  readonly refused?: string;
}

const CASES: readonly Case[] = JSON.parse(await Deno.readTextFile(input("cases.json")));

for (const { id, path, name, dim, values, refused } of CASES) {
  Deno.test(`${id}: ${refused === undefined ? "its vectors, in batches of any size" : "refused by name"}`, async () => {
    for (const batchRows of [2, 5, undefined]) {
      const read = () => Array.fromAsync(readVectors(input(path), { name, batchRows }));
      if (refused !== undefined) {
        const error = await assertRejects(read, Error);
        assertSentence(error, path);
        const words = error.message.replaceAll(input(path), "");
        assert(new RegExp(refused).test(words), `${refused} in ${words}`);
        continue;
      }
      const batches = await read();
      assert(batches.every((batch) => batch.dim === dim && batch.rows >= 1 && batch.rows <= (batchRows ?? 4096)));
      const all = batches.flatMap(({ data }) => [...data]);
      assertEquals(all.length, values!.length);
      for (const [i, value] of all.entries()) {
        const near = Math.abs(value - values![i]) <= 1e-6 * Math.max(1, Math.abs(values![i]));
        assert(near, `number ${i} is ${value}, not ${values![i]}`);
      }
    }
  });
}

Deno.test("inspect tells what each of them is, or that it is none of its own", async () => {
  let told = 0;
  for (const { path } of CASES) {
    try {
      const { kind } = await describeFile(input(path), 3);
      assert(kind.length > 0);
      told++;
    } catch (error) {
      assertSentence(error as Error, path);
    }
  }
  assert(told > 65, `only ${told} of ${CASES.length} told`);
});

backendTest("calibrate, add and assign take them", async (backend) => {
  const vectors = () => readVectors(input("npz-int64.npz"));
  const calibration = await calibrate(vectors(), { percentiles: [50], backend });
  assertEquals(calibration.activations, 6);
  using dictionary = await Dictionary.create(calibration.at(50), { backend });
  for await (const batch of vectors()) await dictionary.add(batch);
  const [batch] = await Array.fromAsync(vectors());
  const { distances } = await dictionary.assign(batch);
  assert(distances.every((distance) => distance <= dictionary.threshold + 1e-6), `${distances}`);
});

Deno.test("options that make no sense are refused", async () => {
  for (const batchRows of [0, 1.5, NaN]) {
    await assertRejects(
      () => readVectors(input("torch-pt.pt"), { batchRows }).next(),
      RangeError,
      `found ${batchRows}`,
    );
  }
  assertSentence(
    await assertRejects(() => readVectors(input("npy-int64.npy"), { name: "x" }).next(), Error),
    "one array",
    '"x"',
  );
  assertSentence(await assertRejects(() => readVectors(input("nowhere")).next(), Error), "no such file");
});

Deno.test("files of a folder are one stream, in the order of the numbers in their names, and of one length", () =>
  inFolder(async (folder) => {
    for (const i of [10, 9, 2]) await Deno.writeTextFile(`${folder}/x${i}.csv`, `${i},${i + 1}\n`);
    await Deno.writeTextFile(`${folder}/notes.md`, "no vectors");
    const batches = await Array.fromAsync(readVectors(folder));
    assertEquals(batches.flatMap(({ data }) => [...data]), [2, 3, 9, 10, 10, 11]);
    const named = await Array.fromAsync(readVectors(`${folder}/x?.csv`));
    assertEquals(named.flatMap(({ data }) => [...data]), [2, 3, 9, 10]);
    assertSentence(await assertRejects(() => readVectors(`${folder}/y*.csv`).next(), Error), "no files");
    await Deno.writeTextFile(`${folder}/x11.csv`, "1,2,3\n");
    const error = await assertRejects(() => Array.fromAsync(readVectors(folder)), Error);
    assertSentence(error, "length 2", "x11.csv", "have 3");
    await Deno.writeTextFile(`${folder}/zarr.json`, "{}");
    assertSentence(await assertRejects(() => readVectors(folder).next(), Error), "zarr", "numpy.save");
  }));

Deno.test("columns called otherwise than the rest are no numbers of a vector", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.csv`;
    const refuse = async (text: string, ...parts: string[]) => {
      await Deno.writeTextFile(path, text);
      assertSentence(await assertRejects(() => Array.fromAsync(readVectors(path)), Error), path, ...parts);
    };
    await refuse("id,dim0,dim1\n7,1,2\n", "id is called otherwise");
    await refuse("label,a,b\n0,1,2\n", "label");
    await refuse("d0,d1,norm\n1,2,3\n", "norm is called otherwise");
    await refuse("d0,d1\n1,\n", "line 2", "nothing in column d1");
    await refuse("d0,d1\n1,nan\n", "row 0", "NaN at 1");
    await refuse("0x10,2\n", "none");
    // R writes no name above the numbers of rows.
    await Deno.writeTextFile(path, '"V1" "V2"\n"1" 0.5 2\n"2" 1e-3 -inf\n'.replace("-inf", "-4"));
    const [{ data }] = await Array.fromAsync(readVectors(path));
    assertEquals(data, Float32Array.of(0.5, 2, 1e-3, -4));
  }));

/** A file of each format, which damage is done to. */
const DAMAGED = [
  "npy-big-endian.npy",
  "cF.npz",
  "3d.npz",
  "a.safetensors",
  "zip-cols2.pt",
  "old-rows2.pt",
  "fsl.parquet",
  "intsz.parquet",
  "large.arrow",
  "fsl.feather",
  "slices.arrow",
  "ci.csv",
];

for (const name of DAMAGED) {
  Deno.test(`${name}, damaged: a sentence, or finite vectors of one length`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/damaged`;
      let refused = 0;
      for (const bytes of mutations(await Deno.readFile(input(name)), 140)) {
        await Deno.writeFile(path, bytes);
        try {
          for await (const { data, rows, dim } of readVectors(path, { batchRows: 3 })) {
            assertEquals(data.length, rows * dim);
            assert(data.every(Number.isFinite));
          }
        } catch (error) {
          assertSentence(error as Error);
          refused++;
        }
      }
      assert(refused > 20, `only ${refused} of 140 refused`);
    }));
}

Deno.test("a folder in which a shard is missing is refused by its name, and a pattern names those that are meant", () =>
  inFolder(async (folder) => {
    for (const number of [1, 3]) {
      await Deno.writeTextFile(`${folder}/acts-0000${number}-of-00003.csv`, `${number},0\n`);
    }
    const read = (path: string) => Array.fromAsync(readVectors(path));
    assertSentence(await assertRejects(() => read(folder), Error), folder, "acts-00002-of-00003.csv is missing");
    assertEquals((await read(`${folder}/acts-*.csv`)).map(({ data }) => [...data!]), [[1, 0], [3, 0]]);
    await Deno.writeTextFile(`${folder}/acts-00002-of-00003.csv`, "2,0\n");
    assertEquals((await read(folder)).length, 3);
  }));
