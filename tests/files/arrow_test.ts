import { assertEquals, assertGreater, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  arrowTable,
  booleanColumn,
  booleansOf,
  columnOf,
  fieldOf,
  fixedSizeListColumn,
  fixedSizeListsOf,
  float32Of,
  int32Of,
  listColumn,
  listsOf,
  metadataOf,
  numberColumn,
  numbersOf,
  readArrow,
  readArrowBatches,
  stringColumn,
  stringsOf,
  structColumn,
  writeArrow,
} from "../../src/files/mod.ts";
import { Table } from "../../src/files/arrow.ts";
import { inFolder } from "../lib/folder.ts";

/** Like a dictionary's table: vectors, numbers, contexts as lists of structs, reservoirs as lists of vectors. */
function sample(rows: number): Table {
  const exemplars = Float32Array.from({ length: rows * 3 }, (_, i) => i / 8);
  const offsets = Int32Array.from({ length: rows + 1 }, (_, i) => i * 2);
  const text = (i: number) => ["", "naïve", "日本語 <b>", "\u0000\n\t", "ARROW1"][i % 5];
  const contexts = structColumn({
    distance: numberColumn(Float32Array.from({ length: rows * 2 }, (_, i) => i / 4)),
    prompt: stringColumn(Array.from({ length: rows * 2 }, (_, i) => text(i))),
    position: numberColumn(Int32Array.from({ length: rows * 2 }, (_, i) => i - 3)),
  });
  return arrowTable({
    exemplar: fixedSizeListColumn(exemplars, 3),
    count: numberColumn(Int32Array.from({ length: rows }, (_, i) => i)),
    sum: numberColumn(Float64Array.from({ length: rows }, (_, i) => i / 3)),
    seen: numberColumn(BigInt64Array.from({ length: rows }, (_, i) => BigInt(i) << 40n)),
    name: stringColumn(Array.from({ length: rows }, (_, i) => text(i))),
    full: booleanColumn(Array.from({ length: rows }, (_, i) => i % 3 === 0)),
    contexts: listColumn(offsets, contexts),
    reservoir: listColumn(offsets, fixedSizeListColumn(Float32Array.from({ length: rows * 4 }, (_, i) => i), 2)),
  }, { metadata: { model: "toy", theta: "0.5" }, fieldMetadata: { count: { description: "members" } } });
}

/** All values of a sample as plain arrays. */
function plain(table: Table) {
  const contexts = listsOf(columnOf(table, "contexts"));
  const reservoir = listsOf(columnOf(table, "reservoir"));
  return {
    rows: table.numRows,
    exemplar: fixedSizeListsOf(columnOf(table, "exemplar")),
    count: int32Of(columnOf(table, "count")),
    sum: numbersOf(columnOf(table, "sum")),
    seen: numbersOf(columnOf(table, "seen")),
    name: stringsOf(columnOf(table, "name")),
    full: booleansOf(columnOf(table, "full")),
    offsets: contexts.offsets,
    distance: float32Of(fieldOf(contexts.child, "distance")),
    prompt: stringsOf(fieldOf(contexts.child, "prompt")),
    position: int32Of(fieldOf(contexts.child, "position")),
    reservoirOffsets: reservoir.offsets,
    reservoir: fixedSizeListsOf(reservoir.child),
    metadata: metadataOf(table),
    description: table.schema.fields[1].metadata.get("description"),
  };
}

Deno.test("a table comes back from its file value for value", () =>
  inFolder(async (folder) => {
    for (const rows of [0, 1, 7, 100]) {
      const path = `${folder}/${rows}.arrow`;
      await writeArrow(path, sample(rows));
      const table = await readArrow(path);
      assertEquals(plain(table), plain(sample(rows)));
      assertEquals(table.numRows, rows);
    }
  }));

Deno.test("equal tables give equal bytes", () =>
  inFolder(async (folder) => {
    await writeArrow(`${folder}/a.arrow`, sample(9));
    await writeArrow(`${folder}/b.arrow`, sample(9));
    assertEquals(await Deno.readFile(`${folder}/a.arrow`), await Deno.readFile(`${folder}/b.arrow`));
  }));

Deno.test("vectors are read in place, as one array", () =>
  inFolder(async (folder) => {
    const [rows, dim] = [2000, 256];
    const values = Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(i));
    const column = fixedSizeListColumn(values, dim);
    assertEquals(column.children[0].values === values, true, "the column holds the array itself");
    await writeArrow(`${folder}/v.arrow`, arrowTable({ v: column }));
    const table = await readArrow(`${folder}/v.arrow`);
    const first = fixedSizeListsOf(columnOf(table, "v"));
    assertEquals(first.dim, dim);
    assertEquals(first.values, values);
    assertEquals(first.values.buffer === fixedSizeListsOf(columnOf(table, "v")).values.buffer, true);
  }));

Deno.test("several record batches are one table, and can be read one by one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/batches.arrow`;
    const sizes = [3, 0, 5, 1];
    await writeArrow(
      path,
      (async function* () {
        for (const rows of sizes) yield await sample(rows);
      })(),
    );
    const read: number[] = [];
    for await (const batch of readArrowBatches(path)) {
      assertEquals(plain(batch), plain(sample(batch.numRows)));
      read.push(batch.numRows);
    }
    assertEquals(read, sizes);
    const whole = plain(await readArrow(path));
    assertEquals(whole.rows, 9);
    assertEquals(whole.count, Int32Array.of(0, 1, 2, 0, 1, 2, 3, 4, 0));
    assertEquals(whole.offsets, Int32Array.of(0, 2, 4, 6, 8, 10, 12, 14, 16, 18));
    assertEquals(whole.exemplar.values.slice(9, 12), Float32Array.of(0, 1 / 8, 2 / 8));
    assertEquals(whole.prompt.length, 18);
    assertEquals(whole.reservoir.values.length, 36);
    assertEquals(whole.full, [true, false, false, true, false, false, true, false, true]);
  }));

Deno.test("a file without record batches, as other writers leave it, is an empty table", () =>
  inFolder(async (folder) => {
    await writeArrow(`${folder}/none.arrow`, new Table(sample(1).schema, []));
    const { rows, exemplar, prompt, reservoir, offsets, full, metadata } = plain(
      await readArrow(`${folder}/none.arrow`),
    );
    assertEquals([rows, exemplar.values.length, prompt.length, reservoir.values.length, full.length], [0, 0, 0, 0, 0]);
    assertEquals(offsets, Int32Array.of(0));
    assertEquals(metadata.model, "toy");
  }));

Deno.test("a file cut off anywhere is an error", () =>
  inFolder(async (folder) => {
    const path = `${folder}/cut.arrow`;
    await writeArrow(path, sample(2));
    const bytes = await Deno.readFile(path);
    assertGreater(bytes.length, 1000);
    for (let length = 0; length < bytes.length; length += length < 40 || length > bytes.length - 40 ? 1 : 97) {
      await Deno.writeFile(path, bytes.subarray(0, length));
      const error = await assertRejects(() => readArrow(path), Error, `Cannot read ${path}: `);
      assertStringIncludes(error.message, "cut off or damaged");
    }
    await Deno.writeFile(path, bytes);
    assertEquals((await readArrow(path)).numRows, 2);
  }));

Deno.test("a file whose middle is gone is an error", () =>
  inFolder(async (folder) => {
    const path = `${folder}/hole.arrow`;
    await writeArrow(path, sample(50));
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, new Uint8Array([...bytes.subarray(0, 1000), ...bytes.subarray(3000)]));
    await assertRejects(() => readArrow(path), Error, "points outside");
  }));

Deno.test("what is not an Arrow file is refused with a sentence", () =>
  inFolder(async (folder) => {
    await assertRejects(() => readArrow(`${folder}/none.arrow`), Error, "there is no such file");
    await assertRejects(() => readArrow(folder), Error, "it is a folder");
    await Deno.writeTextFile(`${folder}/text.arrow`, "version https://git-lfs.github.com/spec/v1\n");
    await assertRejects(() => readArrow(`${folder}/text.arrow`), Error, "expected an Arrow IPC file");
    await Deno.writeTextFile(`${folder}/fake.arrow`, `ARROW1${"x".repeat(200)}\x10\0\0\0ARROW1`);
    await assertRejects(() => readArrow(`${folder}/fake.arrow`), Error, "cut off or damaged");
  }));

Deno.test("a table of another schema cannot follow, and the file before stays", () =>
  inFolder(async (folder) => {
    const path = `${folder}/t.arrow`;
    await writeArrow(path, sample(4));
    await assertRejects(
      () =>
        writeArrow(
          path,
          (async function* () {
            yield await sample(1);
            yield arrowTable({ other: numberColumn(new Int8Array(1)) });
          })(),
        ),
      Error,
      "expected tables of Schema",
    );
    assertEquals((await readArrow(path)).numRows, 4);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["t.arrow"]);
  }));

Deno.test("wrong arguments are sentences", () => {
  assertThrows(() => fixedSizeListColumn(new Float32Array(7), 3), Error, "whole number of vectors of length 3");
  assertThrows(() => fixedSizeListColumn(new Float32Array(7), 0), Error, "at least 1 but got 0");
  assertThrows(() => listColumn(Int32Array.of(0, 2, 1), numberColumn(new Int8Array(2))), Error, "offsets[2] is 1");
  assertThrows(() => listColumn(Int32Array.of(0, 3), numberColumn(new Int8Array(2))), Error, "between 0 and 2");
  assertThrows(() => numberColumn([1, 2] as unknown as Int8Array), Error, "typed array of numbers but got Array");
  assertThrows(
    () => arrowTable({ a: numberColumn(new Int8Array(2)), b: numberColumn(new Int8Array(3)) }),
    Error,
    "a has 2 rows and b has 3",
  );
  const table = sample(1);
  assertThrows(() => columnOf(table, "size"), Error, "a column named size but the table has exemplar, count");
  assertThrows(() => float32Of(columnOf(table, "sum")), Error, "32-bit floats but got Float64");
  assertThrows(() => stringsOf(columnOf(table, "sum")), Error, "strings but got Float64");
  assertThrows(() => fixedSizeListsOf(columnOf(table, "contexts")), Error, "fixed-size lists of 32-bit floats");
  assertThrows(() => listsOf(columnOf(table, "name")), Error, "lists but got Utf8");
  assertThrows(() => fieldOf(listsOf(columnOf(table, "contexts")).child, "x"), Error, "structs with a field x");
});

Deno.test("strings of all lengths, of ASCII or not from some letter on, come back as they are", () => {
  const values = Array.from(
    { length: 600 },
    (_, i) => `${"a\n~\u007f".repeat(i % 150)}${["", "é", "река", "😀", "\u0080"][i % 5]}`,
  );
  const column = columnOf(arrowTable({ s: stringColumn(values) }), "s");
  assertEquals(stringsOf(column), values);
});

Deno.test("strings that grow in UTF-8 and lone surrogates survive", () => {
  const values = ["€".repeat(1000), "\ud800", "𝄞", "", "\u202eabc"];
  assertEquals(stringsOf(columnOf(arrowTable({ s: stringColumn(values) }), "s")), [
    "€".repeat(1000),
    "\ufffd",
    "𝄞",
    "",
    "\u202eabc",
  ]);
});
