import { assertEquals, assertRejects } from "@std/assert";
import { readArrow } from "../../src/files/mod.ts";
import { number, resultTable, row, saveTable } from "../../src/report/mod.ts";
import { inFolder } from "../lib/folder.ts";

Deno.test("a table has metadata of its own, and two columns of one name are refused", () =>
  inFolder(async (folder) => {
    const fields = row({ meanDistance: number("of members") });
    const table = resultTable(fields, [{ meanDistance: 0.5 }]);
    const path = await saveTable(`${folder}/out`, "regions", table, { metadata: { experiment: "build" } });
    assertEquals(path, `${folder}/out/regions.arrow`);
    const { metadata } = (await readArrow(path)).schema;
    assertEquals([metadata.get("experiment"), metadata.get("format")], ["build", "exemplar table 2"]);
    const twice = resultTable({ ...fields, mean_distance: number("again") }, []);
    await assertRejects(() => saveTable(folder, "t", twice), Error, "two columns named mean_distance");
  }));

Deno.test("equal tables are equal files, whatever bits a number comes with", () =>
  inFolder(async (folder) => {
    const fields = row({ x: number("a number", { missing: "there is none" }) });
    const write = async (name: string, x: number | null) =>
      await Deno.readFile(await saveTable(folder, name, resultTable(fields, [{ x }, { x: 1 }])));
    assertEquals(await write("a", null), await write("b", null));
    assertEquals(await write("zero", 0), await write("again", 0));
  }));
