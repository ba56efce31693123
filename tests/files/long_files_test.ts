/** Files, arrays and lists of more than 2 and 4 GiB: what the platform cuts short is read, written and checked in parts. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readWhole } from "../../src/files/byte_file.ts";
import {
  arrowTable,
  checksumOf,
  columnOf,
  fixedSizeListColumn,
  listColumn,
  listsOf,
  numberColumn,
  writeArrow,
} from "../../src/files/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { assertSentence } from "../lib/sentence.ts";

Deno.test("a checksum is of all bytes, beyond 4 GiB too", () => {
  // Pages that nobody wrote to take no memory.
  const bytes = new Uint8Array(2 ** 32 + 1000);
  bytes[2 ** 32 + 5] = 7;
  assertEquals(checksumOf(bytes), "4d65c373");
});

Deno.test("a file is read whole, however much of it is read at once", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    await Deno.writeFile(path, bytes);
    for (const most of [0, 10, 1000, 1001]) assertEquals(await readWhole(path, most), bytes);
    await assertRejects(() => readWhole(`${folder}/none`), Deno.errors.NotFound);
  }));

Deno.test("record batches of 2 GiB, and rows that need them, are refused before anything is written", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t.arrow`;
    const table = arrowTable({ number: numberColumn(Int32Array.of(1, 2)) });
    for (const batchBytes of [0, -1, NaN, 2 ** 31, Infinity]) {
      assertSentence(
        await assertRejects(() => writeArrow(path, table, { batchBytes }), RangeError),
        `found ${batchBytes}`,
      );
    }
    const dim = 2 ** 29;
    const long = arrowTable({ vector: fixedSizeListColumn(new Float32Array(dim), dim) });
    assertSentence(await assertRejects(() => writeArrow(path, long), Error), "2 GiB");
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

Deno.test("lists of 2^31 elements are refused: their offsets would begin anew", () => {
  const child = numberColumn(new Int8Array(2 ** 30));
  const table = arrowTable({ list: listColumn(Int32Array.of(0, 2 ** 30), child) });
  const column = columnOf(table.concat(table), "list");
  assertSentence(assertThrows(() => listsOf(column), Error), "fewer than 2^31");
});
