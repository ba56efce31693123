/** Files from before checksums: they open, with a warning, and when they are damaged they at least do not hang. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readActivations } from "../../src/activations/mod.ts";
import { openBackend } from "../../src/compute/mod.ts";
import { readArrow } from "../../src/files/mod.ts";
import { describeFile } from "../../src/inspect/mod.ts";
import { Dictionary, loadCalibration } from "../../src/partition/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { mutations } from "../lib/mutations.ts";
import { assertSentence } from "../lib/sentence.ts";
import { corpus, DIM, membersOf, publicValues, streamOf } from "./streams.ts";

const FOLDER = new URL("../golden/first_formats", import.meta.url).pathname;
const backend = await openBackend("cpu");

/** Throws unless all numbers are within what float32 rounds, and all else is the same. */
function assertNear(actual: unknown, expected: unknown): void {
  const walk = (value: unknown, other: unknown): unknown => {
    if (typeof value === "number" && typeof other === "number") {
      return Math.abs(value - other) <= 1e-6 * Math.max(1, Math.abs(other)) ? other : value;
    }
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, one]) => [key, walk(one, Object(other)[key])]);
    return Array.isArray(value) || ArrayBuffer.isView(value)
      ? entries.map(([, one]) => one)
      : Object.fromEntries(entries);
  };
  assertEquals(walk(actual, expected), walk(expected, expected));
}

Deno.test("a dictionary of the first format is what it was, says that it cannot be checked, and has its members", async () => {
  const warnings: string[] = [];
  const onWarning = (sentence: string) => warnings.push(sentence);
  const load = (file: string, members = false) => Dictionary.load(`${FOLDER}/${file}`, { backend, members, onWarning });
  const [loaded, exported] = [await load("dictionary.arrow", true), await load("dictionary.npz")];
  assertEquals(warnings.length, 2);
  for (const warning of warnings) assert(warning.includes("before files carried checksums"), warning);

  const { center, threshold, percentile, source } = loaded;
  const calibration = { center, threshold, percentile, source };
  const again = await Dictionary.create(calibration, { backend, seed: 41, members: 30 });
  for (const { batches } of streamOf(corpus(20, [3]), 10)) await again.add(batches.get(3)!);
  // Distances were of similarities that a product of matrices had rounded, and are exact now; directions are rounded after
  // another sum of squares.
  assertNear(publicValues(loaded), publicValues(again));
  assertNear(exported.exemplars, again.exemplars);
  for (let region = 0; region < again.size; region++) {
    assertNear(membersOf(loaded, region), membersOf(again, region));
  }
  for (const used of [loaded, exported, again]) used.dispose();
});

Deno.test("a calibration and a cache of activations of the first format open with a warning each", async () => {
  const warned: unknown[] = [];
  const warn = console.warn;
  console.warn = (sentence: unknown) => warned.push(sentence);
  try {
    const { thresholds, center } = await loadCalibration(`${FOLDER}/calibration.arrow`);
    assertEquals([thresholds, center.length], [[0.2, 0.9], DIM]);
    const batches = await Array.fromAsync(readActivations(`${FOLDER}/cache`));
    assertEquals(batches.map(({ prompts }) => prompts.length), [10, 10]);
  } finally {
    console.warn = warn;
  }
  assertEquals(warned.length, 2);
});

Deno.test("a cache whose index and prompts stand beside its activations is the stream that it was, and is checked", () =>
  inFolder(async (folder) => {
    const flat = new URL("../golden/flat_cache", import.meta.url).pathname;
    const read = (path: string) => Array.fromAsync(readActivations(path, { onWarning: (said) => assert(false, said) }));
    const expected = streamOf(corpus(20, [3]), 10);
    const batches = await read(flat);
    for (const [i, { prompts, batches: layers }] of batches.entries()) {
      assertEquals(prompts.map(({ id, tokens }) => [id, tokens]), expected[i].prompts.map((p) => [p.id, p.tokens]));
      assertEquals(layers.get(3)!.data.slice(), expected[i].batches.get(3)!.data.slice());
    }
    for (const { name } of Deno.readDirSync(flat)) await Deno.copyFile(`${flat}/${name}`, `${folder}/${name}`);
    assertEquals((await describeFile(folder, 1)).facts.activations, 72);
    await Deno.copyFile(`${flat}/00000.prompts.arrow`, `${folder}/00001.prompts.arrow`);
    await assertRejects(
      () => read(folder),
      Error,
      `Expected ${folder}/00001.prompts.arrow to be of the cache beside it`,
    );
  }));

Deno.test("damage to an Arrow file without checksums ends with a table or a sentence, soon", () =>
  inFolder(async (folder) => {
    const path = `${folder}/d.arrow`;
    for (const bytes of mutations(await Deno.readFile(`${FOLDER}/dictionary.arrow`), 300, 5)) {
      await Deno.writeFile(path, bytes);
      const start = performance.now();
      try {
        await readArrow(path, { onWarning: () => {} });
        (await Dictionary.load(path, { backend, members: true, onWarning: () => {} })).nearestContexts(0);
      } catch (error) {
        assertSentence(error as Error);
      }
      // Some milliseconds, and beside other work a second.
      assert(performance.now() - start < 20_000);
    }
  }));
