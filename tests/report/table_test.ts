import { assertEquals, assertRejects } from "@std/assert";
import { booleansOf, columnOf, fixedSizeListsOf, numbersOf, readArrow, stringsOf } from "../../src/files/mod.ts";
import { saveTable, type TableColumn } from "../../src/report/mod.ts";
import { inFolder } from "../lib/folder.ts";

Deno.test("a result table keeps values, types and descriptions", () =>
  inFolder(async (folder) => {
    const path = await saveTable(`${folder}/out`, "regions", [
      { name: "region", values: [0, 1, 2], type: "int32", description: "row of the exemplar" },
      { name: "coherence", values: [0.5, null, 1], description: "norm of the mean direction, 0..1" },
      { name: "count", values: Uint32Array.of(7, 8, 9), description: "members" },
      { name: "theta", values: [1, 2, 3], type: "float32", description: "cosine distance" },
      { name: "token", values: ["a", "", "<b>"], description: "most frequent token" },
      { name: "saturated", values: [true, false, true], description: "whether the stream saturated" },
      { name: "mean", values: { values: new Float32Array(6), dim: 2 }, description: "mean direction" },
    ], { metadata: { experiment: "build" } });
    assertEquals(path, `${folder}/out/regions.arrow`);
    const table = await readArrow(path);
    assertEquals(numbersOf(columnOf(table, "region")), Int32Array.of(0, 1, 2));
    assertEquals(numbersOf(columnOf(table, "coherence")), Float64Array.of(0.5, NaN, 1));
    assertEquals(numbersOf(columnOf(table, "count")), Uint32Array.of(7, 8, 9));
    assertEquals(numbersOf(columnOf(table, "theta")), Float32Array.of(1, 2, 3));
    assertEquals(stringsOf(columnOf(table, "token")), ["a", "", "<b>"]);
    assertEquals(booleansOf(columnOf(table, "saturated")), [true, false, true]);
    assertEquals(fixedSizeListsOf(columnOf(table, "mean")).dim, 2);
    assertEquals(table.schema.metadata.get("experiment"), "build");
    assertEquals(table.schema.fields[0].metadata.get("description"), "row of the exemplar");
  }));

Deno.test("an empty table keeps the types it was given", () =>
  inFolder(async (folder) => {
    const path = await saveTable(folder, "none", [
      { name: "token", values: [], type: "utf8", description: "token" },
      { name: "count", values: [], type: "int32", description: "members" },
    ]);
    const table = await readArrow(path);
    assertEquals(table.schema.fields.map((field) => String(field.type)), ["Utf8", "Int32"]);
    assertEquals(table.numRows, 0);
  }));

Deno.test("columns that do not fit are refused", () =>
  inFolder(async (folder) => {
    const column = (name: string, values: unknown, type?: "int32") =>
      ({ name, values, type, description: "" }) as TableColumn;
    const save = (...columns: TableColumn[]) => () => saveTable(folder, "t", columns);
    await assertRejects(save(column("a", [1, "x"])), Error, 'column a to hold float64 but row 1 is "x"');
    await assertRejects(save(column("a", ["x", 1])), Error, "column a to hold utf8 but row 1 is 1");
    await assertRejects(save(column("a", [1, 2.5], "int32")), Error, "column a to hold int32 but row 1 is 2.5");
    await assertRejects(save(column("a", [1]), column("b", [1, 2])), Error, "a has 1 rows and b has 2");
    await assertRejects(save(column("a", [1]), column("a", [2])), Error, "two columns named a");
    assertEquals([...Deno.readDirSync(folder)].length, 0);
  }));

Deno.test("every NaN is written as the same bytes, wherever it comes from", () =>
  inFolder(async (folder) => {
    const [negative] = new Float64Array(BigUint64Array.of(0xfff8_0000_0000_0000n).buffer);
    const write = async (name: string, values: (number | null)[]) => {
      return await Deno.readFile(await saveTable(folder, name, [{ name: "x", values, description: "a number" }]));
    };
    const plain = await write("plain", [1, NaN, NaN]);
    assertEquals(await write("negative", [1, negative, 0 / Number(folder === "")]), plain);
    assertEquals(await write("missing", [1, null, NaN]), plain);
  }));
