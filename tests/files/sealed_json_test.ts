import { assertEquals, assertRejects } from "@std/assert";
import { readSealedJson, writeSealedJson } from "../../src/files/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

const VALUE = { format: "exemplar test 2", seed: 3, share: NaN, names: ["река", "b"], 10: "later" };
const remedy = "write it again";

Deno.test("a sealed file is read back, also when it was indented anew", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.json`;
    await writeSealedJson(path, VALUE);
    const kept = { ...VALUE, share: null };
    assertEquals(await readSealedJson(path, { remedy }), kept);
    await Deno.writeTextFile(path, JSON.stringify(JSON.parse(await Deno.readTextFile(path))));
    assertEquals(await readSealedJson(path, { remedy }), kept);
    assertEquals(await readSealedJson(`${folder}/none.json`, { remedy }), undefined);
  }));

Deno.test("every changed byte of a sealed file is noticed, or changes no value", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.json`;
    await writeSealedJson(path, VALUE);
    const bytes = await Deno.readFile(path);
    const whole = await readSealedJson(path, { remedy });
    let refused = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = bytes.slice();
      copy[bit >> 3] ^= 1 << (bit & 7);
      await Deno.writeFile(path, copy);
      try {
        assertEquals(await readSealedJson(path, { remedy }), whole);
      } catch (error) {
        assertSentence(error as Error);
        assertEquals((error as Error).message.includes(path), true);
        refused++;
      }
    }
    assertEquals(refused > bytes.length * 4, true);
    for (let length = 0; length < bytes.length - 1; length += 7) {
      await Deno.writeFile(path, bytes.subarray(0, length));
      await assertRejects(() => readSealedJson(path, { remedy }), Error, "write it again");
    }
  }));

Deno.test("a file from before checksums is read with a warning", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.json`;
    await Deno.writeTextFile(path, JSON.stringify({ format: "exemplar test 1", seed: 3 }));
    const warnings: string[] = [];
    const read = await readSealedJson(path, { remedy, onWarning: (sentence) => warnings.push(sentence) });
    assertEquals(read, { format: "exemplar test 1", seed: 3 });
    assertEquals(warnings.length, 1);
    await Deno.writeTextFile(path, JSON.stringify({ format: "exemplar test 2", seed: 3 }));
    await assertRejects(() => readSealedJson(path, { remedy }), Error, "checksum is missing");
  }));
